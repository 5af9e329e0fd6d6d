"""How a merchant's system gets in at each door: its keys, its examples, its self-check.

One module per door, named in ``settings.DOORS`` (``gateway/api/<dialect>/onboarding.py``), so this
package knows their names only. Used by the console (``orders.admin.doors``) and by the demo house.
Secrets are made here, shown once by whoever asked for them, and kept encrypted or, where they are
the merchant's own, not at all. Nothing here reads or moves an order.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from importlib import import_module
from typing import Any, Protocol, cast

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from orders import pem
from orders.dialects import Envelope
from orders.errors import InvalidInput, NotNow
from orders.models import Application, ChannelAccount, DoorKey
from orders.selfcheck import Step
from orders.services import fields

API = "api"
"""The house's own door. Its keys are ``ApiKey`` rows, of which an application may have many."""
TEXT_MOST = 64
TRIES = 5


class Kind(StrEnum):
    """What a field of the console's form holds."""

    TEXT = "text"
    URL = "url"
    PUBLIC_KEY = "public_key"
    FLAG = "flag"
    CHOICE = "choice"


@dataclass(frozen=True, kw_only=True)
class Field:
    """A name of ``DoorKey.config`` that a person may fill in."""

    name: str
    title: Any
    help: Any = ""
    kind: Kind = Kind.TEXT
    choices: Sequence[tuple[str, Any]] = ()
    """(value, words) of a CHOICE."""
    is_fixed: bool = False
    """Part of the identity: given when the keys are issued, or made then; never changed."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is made in one go, and can be made anew without the rest."""

    code: str
    title: Any
    effect: Any
    """What a person is told before it is made anew."""
    instead: str = ""
    """The field by which the merchant brings his own, so that nothing has to be made."""


MERCHANT_KEY = Field(
    name="merchant_public_key_pem",
    title=_("merchant's public key"),
    help=_(
        "RSA, at least 2048 bits. Any spelling will do: in one line, with blanks, without its "
        "frame. Left empty, a key pair is made for the merchant."
    ),
    kind=Kind.PUBLIC_KEY,
)
PLATFORM_PAIR = Part(
    code="platform",
    title=_("our key pair"),
    effect=_(
        "Answers and notices carry the new signature from now on; the merchant needs the new "
        "public key."
    ),
)
MERCHANT_PAIR = Part(
    code="merchant",
    title=_("the merchant's key pair"),
    effect=_("What is signed with the old private key is refused from now on."),
    instead=MERCHANT_KEY.name,
)
"""The two pairs of a door where both sides sign."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """A secret on the one page that shows it."""

    name: str
    title: Any
    env: str
    """The shell variable that the examples read it from."""
    value: str = field(repr=False)

    @property
    def export(self) -> str:
        return f"export {self.env}={shlex.quote(self.value)}"


@dataclass(frozen=True, kw_only=True)
class Example:
    """A text to paste. Complete but for the secrets, which it reads from the environment."""

    title: Any
    language: str
    """``bash``, ``python`` or ``javascript``."""
    text: str
    needs: str = ""
    """What must be installed for it, as a command."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an example is to work."""

    base_url: str
    """Of this installation, without a slash at the end."""
    application: Application
    key: DoorKey | None
    channels: Sequence[str]
    """The channels at which the merchant has an account, the sandbox first."""


class Door(Protocol):
    """A module with these names."""

    TITLE: Any
    PATH: str
    """Where its addresses begin, with a slash at both ends."""
    NOTICES: str
    """The dialect in which its merchants are told (``orders.dialects``)."""
    PARTS: Sequence[Part]
    """Empty where ``DoorKey`` has no rows for it."""
    FIELDS: Sequence[Field]
    CONFIG: Sequence[str]
    """The names of ``DoorKey.config`` that are made, not filled in; they may be shown."""
    SECRETS: Sequence[str]
    """The names of ``DoorKey.secrets``."""
    SHOWN: Mapping[str, tuple[Any, str]]
    """What the merchant must be given, once: name → (title, shell variable)."""
    CREDENTIALS: Sequence[str]
    """Everything that the merchant's program knows, under the names of ``demo_credentials``."""
    CHECKS: bool
    """Whether callers sign, so that ``check`` has something to say."""

    def names(self, application: Application, given: Mapping[str, str]) -> dict[str, str]:
        """The parts of the identity that are kept in ``config``. Raises InvalidInput."""

    def identity(self, application: Application, config: Mapping[str, str]) -> str:
        """``DoorKey.identity``."""

    def make(self, part: str) -> dict[str, str]:
        """New values of a part, the merchant's own half among them."""

    def examples(self, place: Place) -> list[Example]: ...

    def check(self, key: DoorKey, given: Mapping[str, str], now: datetime) -> list[Step]:
        """What this door would think of the request ``given["body"]``, step by step; ``text`` is
        what the caller says he signed. Reads no order, uses up no nonce. Raises nothing."""

    def explain(self, envelope: Envelope, key: DoorKey | None) -> list[tuple[Any, str]]:
        """What a merchant compares his own code with: the signed text, the signature, the key."""


def get(code: str) -> Door:
    """Raises KeyError for a door that is not installed."""
    return cast(Door, import_module(settings.DOORS[code]))


def codes() -> list[str]:
    return list(settings.DOORS)


def keyed() -> list[str]:
    """The doors with ``DoorKey`` rows."""
    return [code for code in settings.DOORS if get(code).PARTS]


def place(application: Application, key: DoorKey | None) -> Place:
    accounts = ChannelAccount.objects.filter(merchant_id=application.merchant_id, is_active=True)
    channels = set(accounts.values_list("channel", flat=True))
    return Place(
        base_url=settings.BASE_URL,
        application=application,
        key=key,
        channels=sorted(channels, key=lambda code: (code != "sandbox", code)),
    )


# --- keys -----------------------------------------------------------------------------------------


def new_pair() -> tuple[str, str]:
    """(private, public) of a new RSA key: PKCS#8 and X.509 PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def make_pair(part: Part) -> dict[str, str]:
    """New values of PLATFORM_PAIR or MERCHANT_PAIR, under their names in ``DoorKey``."""
    private, public = new_pair()
    return {f"{part.code}_private_key_pem": private, f"{part.code}_public_key_pem": public}


def key_fingerprint(public_key_pem: str) -> str:
    """SHA-256 of the DER, its first 16 hex digits; as ``openssl pkey -pubin -outform der |
    sha256sum`` begins. Empty for what is no key."""
    try:
        key = load_pem_public_key(public_key_pem.encode())
    except ValueError:
        return ""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()[:16]


def issue(
    application: Application, code: str, given: Mapping[str, str]
) -> tuple[DoorKey, list[Value]]:
    """Make the keys of one application at one door. The values are in no place but this answer.

    Raises InvalidInput for a field, or where there are keys already.
    """
    door = get(code)
    config = {one.name: _value(one, given.get(one.name, "")) for one in door.FIELDS}
    config |= door.names(application, config)
    parts = [part for part in door.PARTS if not (part.instead and config.get(part.instead))]
    made = _make(door, (part.code for part in parts))
    row = DoorKey(application=application, dialect=code)
    row.config = {**config, **_open_half(door, made)}
    row.identity = door.identity(application, row.config)
    row.secrets = {name: made[name] for name in door.SECRETS if name in made}
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        fixed = next((one.name for one in door.FIELDS if one.is_fixed), "")
        said = N_("There are keys for %(identity)s at this door already.")
        raise InvalidInput(fixed, "taken", said, {"identity": row.identity}) from None
    return row, _shown(door, made)


def rotate(row: DoorKey, part: str) -> list[Value]:
    """Make one part anew; what was there works no longer. Raises KeyError for an unknown part,
    SecretUnreadable."""
    door = get(row.dialect)
    if part not in {one.code for one in door.PARTS}:
        raise KeyError(part)
    made = _make(door, [part])

    def change(now: DoorKey) -> None:
        now.config = {**now.config, **_open_half(door, made)}
        hidden = {name: made[name] for name in door.SECRETS if name in made}
        if hidden:
            now.secrets = {**now.secrets, **hidden}

    _rewrite(row, change)
    return _shown(door, made)


def fill(row: DoorKey, given: Mapping[str, str]) -> DoorKey:
    """Write what a person filled in; fixed fields stay, and so do what is not given and a key that
    is left empty. Raises InvalidInput."""
    wanted = {
        one.name: _value(one, given[one.name])
        for one in get(row.dialect).FIELDS
        if one.name in given
        and not one.is_fixed
        and not (one.kind == Kind.PUBLIC_KEY and not given[one.name].strip())
    }

    def change(now: DoorKey) -> None:
        now.config = {**now.config, **wanted}

    return _rewrite(row, change)


def _make(door: Door, parts: Iterable[str]) -> dict[str, str]:
    made: dict[str, str] = {}
    for part in parts:
        made |= door.make(part)
    return made


def _shown(door: Door, made: Mapping[str, str]) -> list[Value]:
    return [
        Value(name=name, title=title, env=env, value=made[name])
        for name, (title, env) in door.SHOWN.items()
        if name in made
    ]


def _open_half(door: Door, made: Mapping[str, str]) -> dict[str, str]:
    """What of it ``config`` keeps."""
    known = {*door.CONFIG, *(one.name for one in door.FIELDS)}
    return {name: value for name, value in made.items() if name in known}


def _rewrite(row: DoorKey, change: Callable[[DoorKey], None]) -> DoorKey:
    """Two people may change two things at once: neither undoes what the other did."""
    for _try in range(TRIES):
        now = DoorKey.objects.select_related("application__merchant").get(pk=row.pk)
        was = {"config": now.config, "secrets_stored": now.secrets_stored}
        change(now)
        same = DoorKey.objects.filter(pk=row.pk, **was)
        if same.update(config=now.config, secrets_stored=now.secrets_stored):
            return now
    raise NotNow(N_("Somebody else is changing these keys. Please try again."))


def _value(one: Field, text: str) -> str:
    """As ``config`` keeps it; empty stays empty. Raises InvalidInput."""
    if one.kind == Kind.FLAG:
        return "1" if text else ""
    if not text.strip():
        return ""
    if one.kind == Kind.PUBLIC_KEY:
        return pem.public_key(text, field=one.name)
    text = text.strip()
    if one.kind == Kind.CHOICE:
        if text not in dict(one.choices):
            said = N_("%(field)s has no such choice.")
            raise InvalidInput(one.name, "unknown_choice", said, {"field": one.name})
        return text
    if one.kind == Kind.URL:
        fields.url(one.name, text)
    elif len(text) > TEXT_MOST or not text.isascii() or not text.isprintable() or ":" in text:
        said = N_("%(field)s must be at most %(longest)s ASCII characters without a colon.")
        raise InvalidInput(one.name, "bad_text", said, {"field": one.name, "longest": TEXT_MOST})
    return text


# --- for the writers of examples --------------------------------------------------------------


def sh(text: str) -> str:
    """One word for a shell."""
    return shlex.quote(text)


def literal(value: object) -> str:
    """A text or number as Python, JavaScript and JSON write it."""
    return json.dumps(value, ensure_ascii=False)


def here(text: str) -> str:
    r"""A JSON text inside a shell's here-document, where $, ` and \ are still read."""
    quoted = literal(text)
    for sign in ("\\", "$", "`"):
        quoted = quoted.replace(sign, f"\\{sign}")
    return quoted


def webhook_facts(envelope: Envelope) -> list[tuple[Any, str]]:
    """``Door.explain`` of doors whose notices are signed as Standard Webhooks does it."""
    head = "{webhook-id}.{webhook-timestamp}.".format(**envelope.headers)
    return [
        (_("Signed text"), head + envelope.body.decode()),
        (_("Signature"), envelope.headers["webhook-signature"]),
    ]
