"""WeChat Pay's profit sharing: what is sent, and what became of each receiver."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from channels.base import (
    AllocationState,
    CallbackRejected,
    Command,
    EncodeError,
    Outcome,
    ReceiverType,
    Response,
    Result,
    ShareResult,
    ShareState,
)
from channels.wechat.channel import WechatChannel
from tests.channels import wechat_cast as cast
from tests.channels import wechat_cast_out as out
from tests.channels.test_wechat_contract import CONTRACT, as_openapi, contract_allows, encode
from tests.channels.test_wechat_transfers import opened

CHANNEL = WechatChannel()
DONE, PENDING, UNKNOWN = Outcome.DONE, Outcome.PENDING, Outcome.UNKNOWN
PROCESSING, FINISHED = AllocationState.PROCESSING, AllocationState.FINISHED


def decode(command: Command, body: Any) -> Result:
    return CHANNEL.decode(
        command, cast.response(body), cast.account(), now=cast.NOW, nonce=cast.NONCE
    )


# --- what is sent -------------------------------------------------------------------------

ALLOWED: dict[str, Command] = {
    "share": out.allocate(),
    "share and finish": out.allocate(finishes=True),
    "share among fifty": out.allocate(
        shares=tuple(out.share(f"19000{index:05}") for index in range(50))
    ),
    "query": out.query_allocation(),
    "finish": out.finish(),
    "query of a finish": out.query_allocation(allocation_no=out.FINISH_NO, shares=()),
    "return": out.return_share(),
    "query of a return": out.query_return(),
    "what is left": out.query_unshared(),
    "bind": out.bind(),
    "bind a merchant": out.bind(
        receiver_type=ReceiverType.MERCHANT_NO, account=out.RECEIVER, relation="STORE"
    ),
    "bind with a relation of our own": out.bind(relation="CUSTOM", custom_relation="代理商"),
    "bind without a name": out.bind(name=""),
    "unbind": out.unbind(),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_request_satisfies_the_contract(name: str) -> None:
    CONTRACT.validate_request(as_openapi(encode(ALLOWED[name])))


def test_share_is_exactly_this() -> None:
    request = encode(out.allocate())
    assert request.url == f"{cast.BASE_URL}/v3/profitsharing/orders"
    assert request.headers["Wechatpay-Serial"] == cast.KEY_ID
    body = json.loads(request.body)
    assert opened(body["receivers"][1].pop("name")) == "李四"
    assert body == {
        "appid": cast.APPID,
        "transaction_id": cast.OUT_NO,
        "out_order_no": out.ALLOCATION_NO,
        "receivers": [
            {
                "type": "MERCHANT_ID",
                "account": out.RECEIVER,
                "amount": 100,
                "description": "分给门店",
            },
            {
                "type": "PERSONAL_OPENID",
                "account": out.OPENID,
                "amount": 30,
                "description": "分给门店",
            },
        ],
        "unfreeze_unsplit": False,
    }


def test_repeat_of_a_share_names_the_same_receivers() -> None:
    first, again = (json.loads(encode(out.allocate()).body) for _ in range(2))
    for body in (first, again):
        assert opened(body["receivers"][1].pop("name")) == "李四"
    assert first == again


def test_finish_has_a_number_of_its_own() -> None:
    request = encode(out.finish())
    assert request.url == f"{cast.BASE_URL}/v3/profitsharing/orders/unfreeze"
    assert json.loads(request.body) == {
        "transaction_id": cast.OUT_NO,
        "out_order_no": out.FINISH_NO,
        "description": "分账完结",
    }


def test_return_names_the_merchant_that_gives_back() -> None:
    request = encode(out.return_share())
    assert request.url == f"{cast.BASE_URL}/v3/profitsharing/return-orders"
    assert json.loads(request.body) == {
        "out_order_no": out.ALLOCATION_NO,
        "out_return_no": out.RETURN_NO,
        "return_mchid": out.RECEIVER,
        "amount": 100,
        "description": "用户退款",
    }


def test_questions_are_exactly_these() -> None:
    base = f"{cast.BASE_URL}/v3/profitsharing"
    assert encode(out.query_allocation()).url == (
        f"{base}/orders/{out.ALLOCATION_NO}?transaction_id={cast.OUT_NO}"
    )
    assert encode(out.query_return()).url == (
        f"{base}/return-orders/{out.RETURN_NO}?out_order_no={out.ALLOCATION_NO}"
    )
    assert encode(out.query_unshared()).url == f"{base}/transactions/{cast.OUT_NO}/amounts"


def test_receiver_s_name_is_sealed_and_named_by_the_header() -> None:
    request = encode(out.bind())
    assert request.url == f"{cast.BASE_URL}/v3/profitsharing/receivers/add"
    assert request.headers["Wechatpay-Serial"] == cast.KEY_ID
    body = json.loads(request.body)
    assert opened(body.pop("name")) == "李四"
    assert body == {
        "appid": cast.APPID,
        "type": "PERSONAL_OPENID",
        "account": out.OPENID,
        "relation_type": "STAFF",
    }


def test_certificate_mode_names_the_certificate_where_a_name_is_sealed() -> None:
    mode = {
        "public_key_id": "",
        "public_key_pem": "",
        "platform_certificates": cast.CERTIFICATE_PEM,
    }
    for command in (out.bind(), out.allocate()):
        assert encode(command, **mode).headers["Wechatpay-Serial"] == f"{cast.PLATFORM_SERIAL:X}"
    for command in (out.bind(name=""), out.unbind(), out.allocate(shares=(out.share(),))):
        assert "Wechatpay-Serial" not in encode(command, **mode).headers


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (out.allocate(shares=()), "shares"),
        (out.allocate(shares=tuple(out.share(f"1{index:05}") for index in range(51))), "shares"),
        (out.allocate(shares=(out.share(), out.share(amount=7))), "shares"),
        (out.allocate(out_order_no=""), "out_order_no"),
        (out.allocate(allocation_no="A" * 65), "allocation_no"),
        (out.allocate(shares=(out.share(amount=0),)), "amount"),
        (out.allocate(shares=(out.share(description=""),)), "description"),
        (out.allocate(shares=(out.share(description="长" * 81),)), "description"),
        (out.allocate(shares=(out.share(description="🎂"),)), "description"),
        (out.allocate(shares=(out.share("", name="李四"),)), "account"),
        (out.allocate(shares=(out.share("a", ReceiverType.USER_ID),)), "receiver_type"),
        (out.finish(description=""), "description"),
        (out.finish(finish_no=""), "finish_no"),
        (out.return_share(receiver_type=ReceiverType.OPENID), "receiver_type"),
        (out.return_share(amount=0), "amount"),
        (out.query_unshared(out_order_no=""), "out_order_no"),
        (out.bind(relation=""), "relation"),
        (out.bind(relation="CUSTOM"), "custom_relation"),
        (out.bind(relation="CUSTOM", custom_relation="长" * 11), "custom_relation"),
        (out.bind(receiver_type=ReceiverType.LOGIN_NAME), "receiver_type"),
        (out.unbind(account=""), "account"),
    ],
)
def test_what_cannot_be_encoded_names_the_field(command: Command, field: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode(command)
    assert caught.value.field_name == field
    assert out.OPENID not in caught.value.message


# --- what became of an allocation ---------------------------------------------------------

MERCHANT, PERSON = out.SHARES


def receivers(*results: str, **changes: Any) -> list[dict[str, Any]]:
    return [
        out.receiver_answer(entry, word, **changes)
        for entry, word in zip(out.SHARES, results, strict=True)
    ]


def test_accepted_share_is_pending_and_a_query_says_processing() -> None:
    body = out.allocation_answer("PROCESSING", receivers=receivers("PENDING", "PENDING"))
    for command, outcome in ((out.allocate(), PENDING), (out.query_allocation(), DONE)):
        contract_allows(command, body)
        result = decode(command, body)
        assert (result.outcome, result.state) == (outcome, PROCESSING)
        assert [entry.state for entry in result.shares] == [ShareState.PENDING] * 2
        assert [entry.finished_at for entry in result.shares] == [None, None]


def test_finished_allocation_reports_each_receiver() -> None:
    closed = out.receiver_answer(PERSON, "CLOSED", fail_reason="NO_RELATION")
    body = out.allocation_answer(receivers=[out.receiver_answer(MERCHANT), closed])
    contract_allows(out.query_allocation(), body)
    result = decode(out.query_allocation(), body)
    when = datetime(2026, 11, 20, 4, 0, 9, tzinfo=UTC)
    paid = ShareResult(
        receiver_type=ReceiverType.MERCHANT_NO,
        account=out.RECEIVER,
        state=ShareState.SUCCESS,
        amount=100,
        out_detail_no="36011111111111111111111",
        finished_at=when,
    )
    assert replace(result, shares=()) == Result(
        outcome=DONE,
        state=FINISHED,
        out_no=out.OUT_SHARE_NO,
        channel_status="FINISHED",
        request_id="08F78BB5AF0610D302189F8C0E2055-268578704",
    )
    assert result.shares[0] == paid
    failed = result.shares[1]
    assert (failed.receiver_type, failed.account) == (ReceiverType.OPENID, out.OPENID)
    assert (failed.state, failed.code, failed.amount) == (ShareState.FAILED, "NO_RELATION", 30)
    assert failed.message.endswith("bind it, then share anew.")


@pytest.mark.parametrize(
    ("reason", "code"), [(None, "CLOSED"), ("A_REASON_OF_TOMORROW", "A_REASON_OF_TOMORROW")]
)
def test_failed_share_without_a_known_reason_is_still_failed(reason: Any, code: str) -> None:
    body = out.allocation_answer(receivers=receivers("CLOSED", "CLOSED", fail_reason=reason))
    shares = decode(out.query_allocation(), body).shares
    assert {(entry.state, entry.code, entry.message) for entry in shares} == {
        (ShareState.FAILED, code, "")
    }


def test_success_never_carries_a_reason() -> None:
    body = out.allocation_answer(receivers=receivers("SUCCESS", "SUCCESS", fail_reason="NO_AUTH"))
    assert {entry.code for entry in decode(out.query_allocation(), body).shares} == {""}


def test_what_is_set_free_for_ourselves_is_no_share() -> None:
    own = out.share(cast.MCHID, amount=8671, description="解冻给分账方")
    body = out.allocation_answer(
        receivers=[*receivers("SUCCESS", "SUCCESS"), out.receiver_answer(own)]
    )
    assert len(decode(out.query_allocation(), body).shares) == 2


def test_finish_is_answered_by_state_and_has_no_shares() -> None:
    own = out.receiver_answer(out.share(cast.MCHID, amount=8671))
    for state, asked, found in (("PROCESSING", PENDING, PROCESSING), ("FINISHED", DONE, FINISHED)):
        body = out.allocation_answer(state, receivers=[own], out_order_no=out.FINISH_NO)
        contract_allows(out.finish(), body)
        result = decode(out.finish(), body)
        assert (result.outcome, result.state, result.shares) == (asked, found, ())
        query = out.query_allocation(allocation_no=out.FINISH_NO, shares=())
        told = decode(query, body)
        assert (told.outcome, told.state, told.shares) == (DONE, found, ())


def test_answer_may_leave_the_receivers_out_while_it_works() -> None:
    body = {**out.allocation_answer("PROCESSING"), "receivers": None}
    result = decode(out.allocate(), body)
    assert (result.outcome, result.state, result.shares) == (PENDING, PROCESSING, ())


def test_remaining_amount_is_the_answer() -> None:
    body = {"transaction_id": cast.OUT_NO, "unsplit_amount": 8671}
    contract_allows(out.query_unshared(), body)
    result = decode(out.query_unshared(), body)
    assert (result.outcome, result.amount) == (DONE, 8671)
    nothing = decode(out.query_unshared(), {**body, "unsplit_amount": 0})
    assert (nothing.outcome, nothing.amount) == (DONE, 0)


@pytest.mark.parametrize(
    ("word", "asked", "state", "code"),
    [
        ("PROCESSING", PENDING, PROCESSING, ""),
        ("SUCCESS", DONE, FINISHED, ""),
        ("FAILED", DONE, AllocationState.FAILED, "BALANCE_NOT_ENOUGH"),
    ],
)
def test_each_result_of_a_return_is_understood(
    word: str, asked: Outcome, state: AllocationState, code: str
) -> None:
    body = out.return_answer(word, fail_reason="BALANCE_NOT_ENOUGH")
    for command, outcome in ((out.return_share(), asked), (out.query_return(), DONE)):
        contract_allows(command, body)
        result = decode(command, body)
        assert (result.outcome, result.state, result.code) == (outcome, state, code)
        assert (result.amount, result.out_no) == (100, out.OUT_RETURN_NO)
        assert bool(result.finished_at) == (state is not PROCESSING)


def test_receiver_is_bound_and_unbound() -> None:
    body = {"type": "PERSONAL_OPENID", "account": out.OPENID, "relation_type": "STAFF"}
    contract_allows(out.bind(), body)
    for command in (out.bind(), out.unbind()):
        result = decode(command, body)
        assert (result.outcome, result.state) == (DONE, FINISHED)


# --- answers that are not what they should be ---------------------------------------------


@pytest.mark.parametrize(
    ("command", "body", "code"),
    [
        (out.allocate(), out.allocation_answer(out_order_no="A2"), "ANSWER_MISMATCH"),
        (out.allocate(), out.allocation_answer(transaction_id="42"), "ANSWER_MISMATCH"),
        (out.query_allocation(), out.allocation_answer(out_order_no="A2"), "ANSWER_MISMATCH"),
        (out.finish(), out.allocation_answer(), "ANSWER_MISMATCH"),
        (out.query_allocation(), out.allocation_answer(receivers=[]), "ANSWER_MISMATCH"),
        (
            out.query_allocation(),
            out.allocation_answer(receivers=[out.receiver_answer(MERCHANT)]),
            "ANSWER_MISMATCH",
        ),
        (out.allocate(), out.allocation_answer("SOMETHING_NEW"), "UNKNOWN_STATE"),
        (
            out.allocate(),
            out.allocation_answer(receivers=receivers("SOMETHING_NEW", "SUCCESS")),
            "UNKNOWN_STATE",
        ),
        (
            out.allocate(),
            out.allocation_answer(receivers=receivers("SUCCESS", "SUCCESS", type="PERSON")),
            "UNKNOWN_STATE",
        ),
        (
            out.allocate(),
            out.allocation_answer(receivers=receivers("SUCCESS", "SUCCESS", amount=1.5)),
            "BAD_BODY",
        ),
        (
            out.allocate(),
            out.allocation_answer(receivers=receivers("SUCCESS", "SUCCESS", amount=None)),
            "BAD_BODY",
        ),
        (out.allocate(), {**out.allocation_answer(), "receivers": "all"}, "BAD_BODY"),
        (out.allocate(), {**out.allocation_answer(), "receivers": [7]}, "BAD_BODY"),
        (out.return_share(), out.return_answer(out_return_no="B2"), "ANSWER_MISMATCH"),
        (out.query_return(), out.return_answer(out_order_no="A2"), "ANSWER_MISMATCH"),
        (out.return_share(), out.return_answer("SOMETHING_NEW"), "UNKNOWN_STATE"),
        (out.return_share(), out.return_answer(amount=None), "BAD_BODY"),
        (
            out.query_unshared(),
            {"transaction_id": "42", "unsplit_amount": 1},
            "ANSWER_MISMATCH",
        ),
        (out.query_unshared(), {"transaction_id": cast.OUT_NO}, "BAD_BODY"),
        (
            out.query_unshared(),
            {"transaction_id": cast.OUT_NO, "unsplit_amount": -1},
            "BAD_BODY",
        ),
        (out.bind(), {"type": "PERSONAL_OPENID", "account": "oOther"}, "ANSWER_MISMATCH"),
        (out.bind(), {"type": "MERCHANT_ID", "account": out.OPENID}, "ANSWER_MISMATCH"),
        (out.unbind(), {}, "BAD_BODY"),
    ],
)
def test_signed_answer_that_is_not_ours_or_not_understood_is_unknown(
    command: Command, body: Any, code: str
) -> None:
    result = decode(command, body)
    assert (result.outcome, result.state, result.code) == (UNKNOWN, None, code)
    assert result.shares == ()
    assert out.OPENID not in result.message


@pytest.mark.parametrize("name", list(out.COMMANDS))
def test_answer_that_does_not_verify_is_unknown(name: str) -> None:
    forged = Response(status=200, headers={}, body=cast.dumped(out.allocation_answer()))
    result = CHANNEL.decode(
        out.COMMANDS[name], forged, cast.account(), now=cast.NOW, nonce=cast.NONCE
    )
    assert (result.outcome, result.state, result.code) == (UNKNOWN, None, "BAD_SIGNATURE")


# --- notifications ------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["PROFITSHARING.SUCCESS", "PROFITSHARING.RETURN"])
def test_share_that_we_received_is_politely_not_ours(event: str) -> None:
    """They go to receivers only: no order here speaks of them, and nobody need be alarmed."""
    body = cast.notification({"mchid": "1900000001", "transaction_id": "42"}, event=event)
    with pytest.raises(CallbackRejected) as caught:
        CHANNEL.open_callback(body, cast.account())
    assert (caught.value.code, caught.value.alarm) == ("NOT_OURS", False)
