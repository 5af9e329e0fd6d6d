"""The simulated providers of a demo house: who they are, and what an account at each looks like.

Called by `gateway.demo` and `gateway.launch` in demo mode only. Whoever holds an identity holds all
keys of both sides; each side is handed its half, and nothing is stored here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from channels.simulators.alipay import identity as alipay
from channels.simulators.umf import identity as umf
from channels.simulators.wechat import identity as wechat

Identity = dict[str, Any]
Settings = tuple[dict[str, str], dict[str, str]]
"""Of a channel account: config and secrets."""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One simulator, from the house's side."""

    title: str
    """Name of the demo's accounts at it."""
    new_identity: Callable[[], Identity]
    simulator_half: Callable[[Identity], Identity]
    """What of an identity the simulator may know: never the merchant's private key."""
    credentials: Callable[[Identity, str], dict[str, str]]
    """What the merchant knows, under the names of the contract for scripts."""
    settings: Callable[[Identity, str], Settings]


def _wechat(identity: Identity, url: str) -> Settings:
    config = wechat.credentials(identity, url)
    hidden = {name: config.pop(name) for name in ("merchant_private_key_pem", "apiv3_key")}
    config["public_key_id"] = config.pop("platform_public_key_id")
    config["public_key_pem"] = config.pop("platform_public_key_pem")
    # The simulator's minute lasts a second.
    return {**config, "refund_spacing": "1"}, hidden


def _alipay(identity: Identity, url: str) -> Settings:
    """Certificate mode: without certificates Alipay pays nobody out."""
    config = alipay.credentials(identity, url, certificates=True)
    hidden = {"app_private_key_pem": config.pop("app_private_key_pem")}
    del config["alipay_public_key_pem"]  # stands in the certificate
    return {**config, "seller_id": identity["seller_id"]}, hidden


def _umf(identity: Identity, url: str) -> Settings:
    config = umf.credentials(identity, url)
    hidden = {"merchant_private_key_pem": config.pop("merchant_private_key_pem")}
    return {**config, "pay_type": "WX"}, hidden


PROVIDERS: Mapping[str, Provider] = {
    "wechat": Provider(
        title="微信支付(模拟)",
        new_identity=wechat.new_identity,
        simulator_half=wechat.simulator_half,
        credentials=wechat.credentials,
        settings=_wechat,
    ),
    "alipay": Provider(
        title="支付宝(模拟)",
        new_identity=alipay.new_identity,
        simulator_half=alipay.simulator_half,
        credentials=alipay.credentials,
        settings=_alipay,
    ),
    "umf": Provider(
        title="联动优势(模拟)",
        new_identity=umf.new_identity,
        simulator_half=umf.simulator_half,
        credentials=umf.credentials,
        settings=_umf,
    ),
}
