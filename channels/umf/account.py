"""The settings of a UMF merchant account. Used by the codecs, and by the console through
``UmfChannel.account_fields`` and ``check_account``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from channels.base import Account, AccountField, EncodeError, Problem
from channels.umf import keys

DEFAULT_BASE_URL = "https://mofunapi.umfintech.com/in-pay-client"
WALLETS = ("WX", "AL", "YL")
"""微信, 支付宝, 银联二维码. One channel account takes one of them: every request names it, and a
refund must name the one that was paid with."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

FIELDS: tuple[AccountField, ...] = (
    AccountField(name="base_url", default=DEFAULT_BASE_URL, help="Address of the API"),
    AccountField(name="mer_id", help="Merchant number (merId), 8 digits"),
    AccountField(
        name="pay_type",
        default="WX",
        help="Wallet (payType): WX WeChat Pay, AL Alipay, YL UnionPay QR",
    ),
    AccountField(
        name="appid",
        required=False,
        help="App id that the customers' openids are of, where it is the merchant's own",
    ),
    AccountField(
        name="platform_public_key_pem",
        multiline=True,
        help="Public key or certificate of UMF's platform",
    ),
    AccountField(
        name="merchant_private_key_pem",
        secret=True,
        multiline=True,
        help="Private key of the merchant (.key.p8)",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Merchant:
    """The public half of the settings, complete."""

    base_url: str
    mer_id: str
    pay_type: str
    appid: str

    @classmethod
    def of(cls, account: Account) -> Merchant:
        """Raises EncodeError naming the first setting that is missing."""
        return cls(
            base_url=(setting(account.config, "base_url") or DEFAULT_BASE_URL).rstrip("/"),
            mer_id=_needed(account.config, "mer_id"),
            pay_type=setting(account.config, "pay_type") or WALLETS[0],
            appid=setting(account.config, "appid"),
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
    text = _needed(account.secrets, "merchant_private_key_pem")
    try:
        return keys.private_key(text)
    except (ValueError, TypeError):
        raise EncodeError("merchant_private_key_pem", "is not an RSA private key") from None


def platform_key(account: Account) -> RSAPublicKey:
    """Raises ValueError where there is none that can be read."""
    return keys.public_key(setting(account.config, "platform_public_key_pem"))


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
    return problems


def _wrong_url(value: str) -> str:
    parts = urlsplit(value)
    local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if (parts.scheme == "https" or local) and parts.hostname and not parts.query:
        return ""
    return "Must be an https address (http only on this machine), without a query."


def _wrong_key(parse: Callable[[str], object], message: str) -> Callable[[str], str]:
    def wrong(value: str) -> str:
        try:
            parse(value)
        except (ValueError, TypeError):
            return message
        return ""

    return wrong


_CHECKS: dict[str, Callable[[str], str]] = {
    "base_url": _wrong_url,
    "mer_id": lambda value: (
        "" if re.fullmatch(r"[0-9]{8}", value) else "A merchant number has 8 digits."
    ),
    "pay_type": lambda value: "" if value in WALLETS else "Must be WX, AL or YL.",
    "appid": lambda value: (
        "" if re.fullmatch(r"[0-9A-Za-z]{1,18}", value) else "An app id has up to 18 characters."
    ),
    "platform_public_key_pem": _wrong_key(keys.public_key, "Not an RSA public key or certificate."),
    "merchant_private_key_pem": _wrong_key(keys.private_key, "Not an RSA private key."),
}
