"""Every channel is there, whole, and says so."""

from __future__ import annotations

import pytest

from channels import registry
from channels.base import Channel, Method


def test_registered_channels_are_found_by_their_code() -> None:
    assert registry.codes() == ("wechat", "alipay", "umf", "sandbox")
    assert [channel.code for channel in registry.all_channels()] == [
        "wechat",
        "alipay",
        "umf",
        "sandbox",
    ]
    for code in registry.codes():
        assert registry.get(code).code == code


def test_unknown_code_is_refused_in_a_sentence() -> None:
    with pytest.raises(KeyError) as caught:
        registry.get("paypal")
    assert (
        caught.value.args[0]
        == "There is no channel 'paypal'; there are: wechat, alipay, umf, sandbox."
    )


@pytest.mark.parametrize("channel", registry.all_channels(), ids=registry.codes())
def test_each_channel_keeps_the_whole_promise(channel: Channel) -> None:
    for name in (
        "perform",
        "verify_callback",
        "open_callback",
        "callback_answer",
        "check_account",
    ):
        assert callable(getattr(channel, name))
    assert channel.name and channel.capabilities.methods
    assert all(field.help for field in channel.account_fields)


def test_wechat_declares_the_provider_s_limits() -> None:
    limits = registry.get("wechat").capabilities
    assert (limits.refund_days, limits.refund_max_count, limits.refund_spacing) == (365, 50, 60)
    assert limits.close_advised_after == 300
    assert (limits.cancel, limits.cancel_methods) == (True, {Method.BARCODE})
    assert limits.close_methods == limits.methods - {Method.BARCODE}
    assert (limits.expiry_min, limits.expiry_max) == (60, 7 * 86400)
    assert limits.pay_idempotent and limits.refund_idempotent and limits.plain_text_only
