"""The settings of a WeChat Pay merchant account. Used by the codecs, and by the console
through ``WechatChannel.account_fields`` and ``check_account``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from channels.base import Account, AccountField, EncodeError, Problem
from channels.wechat import keys, scenes

DEFAULT_BASE_URL = "https://api.mch.weixin.qq.com"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

FIELDS: tuple[AccountField, ...] = (
    AccountField(name="base_url", default=DEFAULT_BASE_URL, help="Address of the API"),
    AccountField(name="mchid", help="Merchant number"),
    AccountField(name="appid", help="App id that is bound to the merchant"),
    AccountField(name="merchant_serial", help="Serial number of the merchant API certificate"),
    AccountField(
        name="public_key_id", required=False, help="Id of the WeChat Pay public key (PUB_KEY_ID_…)"
    ),
    AccountField(
        name="public_key_pem",
        required=False,
        multiline=True,
        help="The WeChat Pay public key (pub_key.pem)",
    ),
    AccountField(
        name="platform_certificates",
        required=False,
        multiline=True,
        help="Platform certificates, one after the other; keep both kinds while switching",
    ),
    AccountField(
        name="refund_spacing",
        required=False,
        default="60",
        help="Seconds between two refunds of one order",
    ),
    AccountField(
        name="transfer_scene",
        required=False,
        help="Scene of use (转账场景) of transfers that name none, such as 1000",
    ),
    AccountField(
        name="transfer_scenes",
        required=False,
        multiline=True,
        help="Reports of each scene of use, a line each: scene|what the payee reads|report=text",
    ),
    AccountField(
        name="merchant_private_key_pem",
        secret=True,
        multiline=True,
        help="Private key of the merchant API certificate (apiclient_key.pem)",
    ),
    AccountField(name="apiv3_key", secret=True, help="APIv3 key, 32 characters"),
)


@dataclass(frozen=True, kw_only=True)
class Merchant:
    """The public half of the settings, complete."""

    base_url: str
    mchid: str
    appid: str
    serial: str
    public_key_id: str

    @classmethod
    def of(cls, account: Account) -> Merchant:
        """Raises EncodeError naming the first setting that is missing."""
        return cls(
            base_url=(setting(account.config, "base_url") or DEFAULT_BASE_URL).rstrip("/"),
            mchid=_needed(account.config, "mchid"),
            appid=_needed(account.config, "appid"),
            serial=_needed(account.config, "merchant_serial"),
            public_key_id=setting(account.config, "public_key_id"),
        )


def setting(values: Mapping[str, str], name: str) -> str:
    return (values.get(name) or "").strip()


def _needed(values: Mapping[str, str], name: str) -> str:
    value = setting(values, name)
    if not value:
        raise EncodeError(name, "is not set in this channel account")
    return value


def signing_key(account: Account) -> RSAPrivateKey:
    """Raises EncodeError: without a key there is nothing to send."""
    pem = _needed(account.secrets, "merchant_private_key_pem")
    try:
        return keys.private_key(pem)
    except (ValueError, TypeError):
        raise EncodeError("merchant_private_key_pem", "is not an RSA private key") from None


def verification_keys(account: Account) -> Mapping[str, RSAPublicKey]:
    """Raises ValueError where a stored key or certificate cannot be read."""
    return keys.verification_keys(
        setting(account.config, "public_key_id"),
        setting(account.config, "public_key_pem"),
        setting(account.config, "platform_certificates"),
    )


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
    return problems + _check_verification(config)


def _check_verification(config: Mapping[str, str]) -> list[Problem]:
    key_id, key_pem, certificates = (
        bool(setting(config, name))
        for name in ("public_key_id", "public_key_pem", "platform_certificates")
    )
    if key_id and not key_pem:
        message = "The public key that belongs to this id is missing."
        return [Problem(field="public_key_pem", message=message)]
    if key_pem and not key_id:
        message = "The id that belongs to this public key is missing."
        return [Problem(field="public_key_id", message=message)]
    if not key_pem and not certificates:
        message = "Give the WeChat Pay public key, or platform certificates."
        return [Problem(field="public_key_pem", message=message)]
    return []


def _wrong_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme == "https" and parts.hostname and not parts.query:
        return ""
    if parts.scheme == "http" and parts.hostname in _LOOPBACK and not parts.query:
        return ""
    return "Must be an https address (http only on this machine), without a query."


def _wrong_pattern(pattern: str, message: str) -> Callable[[str], str]:
    return lambda value: "" if re.fullmatch(pattern, value) else message


def _wrong_private_key(value: str) -> str:
    return _wrong_pem(value, keys.private_key, "Not an RSA private key in PEM form.")


def _wrong_public_key(value: str) -> str:
    return _wrong_pem(value, keys.public_key, "Not an RSA public key in PEM form.")


def _wrong_certificates(value: str) -> str:
    return _wrong_pem(value, keys.certificates, "Not X.509 certificates in PEM form.")


def _wrong_pem(value: str, parse: Callable[[str], object], message: str) -> str:
    try:
        parse(value)
    except (ValueError, TypeError):
        return message
    return ""


def _wrong_apiv3_key(value: str) -> str:
    return "" if len(value.encode()) == 32 else "An APIv3 key has 32 characters."


def _wrong_scenes(value: str) -> str:
    try:
        scenes.parse(value)
    except ValueError:
        return "A line is: scene|what the payee reads|report=text; a report has 15 letters at most."
    return ""


_CHECKS: dict[str, Callable[[str], str]] = {
    "base_url": _wrong_url,
    "mchid": _wrong_pattern(r"[0-9]{6,32}", "A merchant number has digits only."),
    "appid": _wrong_pattern(r"[0-9A-Za-z_-]{1,32}", "An app id has up to 32 letters and digits."),
    "merchant_serial": _wrong_pattern(
        r"[0-9A-Fa-f]{8,64}", "A serial number has hexadecimal digits only."
    ),
    "public_key_id": _wrong_pattern(
        r"PUB_KEY_ID_[0-9A-Za-z]+", "The id of a public key starts with PUB_KEY_ID_."
    ),
    "refund_spacing": _wrong_pattern(r"[0-9]{1,4}", "Give whole seconds, at most 9999."),
    "transfer_scene": _wrong_pattern(
        r"[0-9A-Za-z_-]{1,36}", "A scene has up to 36 letters and digits."
    ),
    "transfer_scenes": _wrong_scenes,
    "public_key_pem": _wrong_public_key,
    "platform_certificates": _wrong_certificates,
    "merchant_private_key_pem": _wrong_private_key,
    "apiv3_key": _wrong_apiv3_key,
}
