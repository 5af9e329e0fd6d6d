"""Which channels there are. Anybody may ask; nobody else makes a channel object."""

from __future__ import annotations

from channels.alipay.channel import AlipayChannel
from channels.base import Channel
from channels.sandbox.channel import SandboxChannel
from channels.umf.channel import UmfChannel
from channels.wechat.channel import WechatChannel

_CHANNELS: dict[str, Channel] = {
    channel.code: channel
    for channel in (WechatChannel(), AlipayChannel(), UmfChannel(), SandboxChannel())
}


def get(code: str) -> Channel:
    """The channel with this code; KeyError with a sentence for people when there is none."""
    try:
        return _CHANNELS[code]
    except KeyError:
        known = ", ".join(_CHANNELS)
        raise KeyError(f"There is no channel {code!r}; there are: {known}.") from None


def all_channels() -> tuple[Channel, ...]:
    return tuple(_CHANNELS.values())


def codes() -> tuple[str, ...]:
    return tuple(_CHANNELS)
