"""Refunds, transfers and returns share one machine and say it in words of their own."""

from __future__ import annotations

import pytest
from django.utils import timezone

from orders.models import RefundOrder, ShareReturn, TransferOrder
from orders.rules import operations

MODELS = [RefundOrder, TransferOrder, ShareReturn]
BY_THE_CHANNEL = {
    (name, source, target)
    for name, target in (("succeed", "success"), ("fail", "fail"), ("end_closed", "close"))
    for source in ("progress", "fail")
}


@pytest.mark.parametrize("model", MODELS)
def test_the_channel_s_word_moves_each_of_them_alike(model):
    status = model._meta.get_field("status")
    moves = {
        (t.name, t.source, t.target)
        for t in status.get_all_transitions(model)
        if "operation" not in t.custom and t.name != "wait_for_payee"
    }
    assert moves == BY_THE_CHANNEL


@pytest.mark.parametrize("model", MODELS)
def test_each_has_its_own_words_and_permissions(model):
    status = model._meta.get_field("status")
    assert status.choices == model.Status.choices
    assert model.Status.values == ["progress", "success", "fail", "close"]
    label = model._meta.model_name
    found = {code: operation.permission for code, (operation, _meta) in operations(model).items()}
    assert found.items() >= {code: f"{code}_{label}" for code in ("sync", "retry", "close")}.items()
    others = [other for other in MODELS if other is not model]
    assert model(status="fail").get_status_display() not in [
        other(status="fail").get_status_display() for other in others
    ]


@pytest.mark.parametrize("model", MODELS)
def test_only_a_transition_changes_the_state_of_any_of_them(model):
    row = model(is_sending=True)
    with pytest.raises(AttributeError):
        row.status = "success"
    row.fail(timezone.now(), "C" * 70, "why")
    assert (row.status, row.is_sending, row.error_code) == ("fail", False, "C" * 64)
    row.succeed(timezone.now())
    assert (row.status, row.error_code, row.next_check_at) == ("success", "", None)


def test_the_end_of_a_transfer_also_ends_the_waiting_for_its_payee():
    row = TransferOrder(is_waiting_payee=True, is_cancelling=True, confirm_params={"a": 1})
    row.end_closed(timezone.now())
    assert (row.is_waiting_payee, row.is_cancelling, row.confirm_params) == (False, False, {})
