"""The settings of an Alipay application. Used by the codecs, and by the console through
``AlipayChannel.account_fields`` and ``check_account``.

There are two modes. Key mode: Alipay's public key. Certificate mode: three certificates, whose
SNs go into every request; Alipay demands it for paying out (fund.trans.uni.transfer).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from channels.alipay import keys
from channels.base import Account, AccountField, EncodeError, Problem

DEFAULT_GATEWAY = "https://openapi.alipay.com/gateway.do"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_CERTIFICATES = ("app_cert_pem", "alipay_cert_pem", "alipay_root_cert_pem")

FIELDS: tuple[AccountField, ...] = (
    AccountField(name="gateway_url", default=DEFAULT_GATEWAY, help="Address of the gateway"),
    AccountField(name="app_id", help="Application id"),
    AccountField(
        name="seller_id", required=False, help="Alipay user id of the merchant (2088…), checked"
    ),
    AccountField(
        name="alipay_public_key_pem",
        required=False,
        multiline=True,
        help="The Alipay public key (not the application's), where no certificates are used",
    ),
    AccountField(
        name="app_cert_pem",
        required=False,
        multiline=True,
        help="Certificate of the application (appCertPublicKey.crt)",
    ),
    AccountField(
        name="alipay_cert_pem",
        required=False,
        multiline=True,
        help="Certificate of Alipay (alipayCertPublicKey_RSA2.crt); keep both while it changes",
    ),
    AccountField(
        name="alipay_root_cert_pem",
        required=False,
        multiline=True,
        help="Root certificates of Alipay (alipayRootCert.crt)",
    ),
    AccountField(
        name="app_private_key_pem",
        secret=True,
        multiline=True,
        help="Private key of the application",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Application:
    """The public half of the settings, complete."""

    gateway_url: str
    app_id: str
    seller_id: str
    app_cert_sn: str
    """Empty in key mode, as the next."""
    root_cert_sn: str

    @classmethod
    def of(cls, account: Account) -> Application:
        """Raises EncodeError naming the first setting that is missing or unreadable."""
        app_cert_sn = root_cert_sn = ""
        if uses_certificates(account.config):
            app_cert_sn = _read(account.config, "app_cert_pem", keys.certificate_sn)
            root_cert_sn = _read(account.config, "alipay_root_cert_pem", keys.root_sn)
        return cls(
            gateway_url=setting(account.config, "gateway_url") or DEFAULT_GATEWAY,
            app_id=_needed(account.config, "app_id"),
            seller_id=setting(account.config, "seller_id"),
            app_cert_sn=app_cert_sn,
            root_cert_sn=root_cert_sn,
        )


def setting(values: Mapping[str, str], name: str) -> str:
    return (values.get(name) or "").strip()


def uses_certificates(config: Mapping[str, str]) -> bool:
    return any(setting(config, name) for name in _CERTIFICATES)


def _needed(values: Mapping[str, str], name: str) -> str:
    value = setting(values, name)
    if not value:
        raise EncodeError(name, "is not set in this channel account")
    return value


def _read(config: Mapping[str, str], name: str, parse: Callable[[str], str]) -> str:
    try:
        return parse(_needed(config, name))
    except EncodeError:
        raise
    except ValueError:
        raise EncodeError(name, "cannot be read as certificates") from None


def signing_key(account: Account) -> RSAPrivateKey:
    """Raises EncodeError: without a key there is nothing to send."""
    pem = _needed(account.secrets, "app_private_key_pem")
    try:
        return keys.private_key(pem)
    except ValueError:
        raise EncodeError("app_private_key_pem", "is not an RSA private key") from None


def verification_keys(account: Account) -> Mapping[str, RSAPublicKey]:
    """Raises ValueError where a stored key or certificate is missing or cannot be read."""
    if not uses_certificates(account.config):
        return keys.verification_keys(setting(account.config, "alipay_public_key_pem"), "")
    pem = setting(account.config, "alipay_cert_pem")
    if not pem:
        raise ValueError("alipay_cert_pem is not set in this channel account")
    return keys.verification_keys("", pem)


# --- what an operator must mend -----------------------------------------------------------


def check(config: Mapping[str, str], secrets: Mapping[str, str]) -> list[Problem]:
    """Every problem of an account as it would be used by a worker; [] when it is ready."""
    problems = [
        Problem(field=field.name, message="This setting is required.")
        for field in FIELDS
        if field.required
        and not field.default
        and not setting(secrets if field.secret else config, field.name)
    ]
    for name, wrong in _CHECKS.items():
        value = setting(config, name) or setting(secrets, name)
        message = wrong(value) if value else ""
        if message:
            problems.append(Problem(field=name, message=message))
    return problems or _check_together(config, secrets)


def _check_together(config: Mapping[str, str], secrets: Mapping[str, str]) -> list[Problem]:
    """What only shows when the settings, each well formed, are held against each other."""
    key_pem = setting(config, "alipay_public_key_pem")
    own_key = keys.private_key(setting(secrets, "app_private_key_pem")).public_key()
    if not uses_certificates(config):
        if not key_pem:
            message = "Give the Alipay public key, or the three certificates."
            return [Problem(field="alipay_public_key_pem", message=message)]
        if keys.public_key(key_pem) == own_key:
            message = "This is the application's public key; the one of Alipay is needed."
            return [Problem(field="alipay_public_key_pem", message=message)]
        return []
    missing = [name for name in _CERTIFICATES if not setting(config, name)]
    if missing:
        message = "Certificate mode needs all three certificates."
        return [Problem(field=name, message=message) for name in missing]
    app_pem, alipay_pem, root_pem = (setting(config, name) for name in _CERTIFICATES)
    if keys.leaf(app_pem).public_key() != own_key:
        message = "This certificate does not belong to the private key."
        return [Problem(field="app_cert_pem", message=message)]
    if not keys.leads_to(keys.leaf(alipay_pem), alipay_pem, root_pem):
        message = "This certificate was not issued by the given root certificates."
        return [Problem(field="alipay_cert_pem", message=message)]
    return []


def _wrong_url(value: str) -> str:
    parts = urlsplit(value)
    is_bare = parts.hostname and parts.path and not parts.query and not parts.fragment
    if is_bare and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    ):
        return ""
    return "Must be an https address (http only on this machine), without a query."


def _wrong_pattern(pattern: str, message: str) -> Callable[[str], str]:
    return lambda value: "" if re.fullmatch(pattern, value) else message


def _unreadable(parse: Callable[[str], object], message: str) -> Callable[[str], str]:
    def wrong(value: str) -> str:
        try:
            parse(value)
        except ValueError:
            return message
        return ""

    return wrong


_NO_CERTIFICATE = "Not X.509 certificates in PEM form."
_CHECKS: dict[str, Callable[[str], str]] = {
    "gateway_url": _wrong_url,
    "app_id": _wrong_pattern(r"[0-9]{8,32}", "An application id has digits only."),
    "seller_id": _wrong_pattern(r"2088[0-9]{12}", "A user id is 2088 and twelve more digits."),
    "alipay_public_key_pem": _unreadable(keys.public_key, "Not an RSA public key."),
    "app_cert_pem": _unreadable(keys.certificate_sn, _NO_CERTIFICATE),
    "alipay_cert_pem": _unreadable(
        lambda pem: keys.verification_keys("", pem), "Not an RSA certificate in PEM form."
    ),
    "alipay_root_cert_pem": _unreadable(
        keys.root_sn, "Not certificates in PEM form with an RSA one among them."
    ),
    "app_private_key_pem": _unreadable(keys.private_key, "Not an RSA private key."),
}
