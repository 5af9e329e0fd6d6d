"""What the codec makes of verified answers: parameters, facts, and whatever is not believed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from channels.alipay import keys
from channels.alipay.channel import AlipayChannel
from channels.base import (
    Account,
    AllocationState,
    Command,
    Method,
    Outcome,
    PayState,
    ReceiverType,
    RefundState,
    Response,
    Result,
    ShareResult,
    ShareState,
    TransferState,
)
from tests.channels import alipay_cast as cast

DONE, PENDING, REFUSED, UNKNOWN = (
    Outcome.DONE,
    Outcome.PENDING,
    Outcome.REFUSED,
    Outcome.UNKNOWN,
)
ONE = {"out_trade_no": cast.ORDER_NO}
BOTH = {**ONE, "trade_no": cast.TRADE_NO}


def decode(command: Command, response: Response, account: Account | None = None) -> Result:
    return AlipayChannel().decode(
        command, response, account or cast.account(), now=cast.NOW, nonce=cast.NONCE
    )


def china(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-20T{clock}+08:00").astimezone(UTC)


# --- placing ------------------------------------------------------------------------------


def test_precreate_gives_the_code_url() -> None:
    url = "https://qr.alipay.com/bax03431ljhokirwl38f00a7"
    result = decode(cast.pay(), cast.ok("pay", **ONE, qr_code=url))
    assert result == Result(outcome=DONE, state=PayState.WAITING, pay_params={"code_url": url})


def test_create_gives_the_trade_number_to_the_front_end() -> None:
    result = decode(cast.pay(Method.JSAPI), cast.ok("alipay.trade.create", **BOTH))
    assert (result.outcome, result.state, result.out_no) == (DONE, PayState.WAITING, cast.TRADE_NO)
    assert result.pay_params == {"trade_no": cast.TRADE_NO}


def test_barcode_that_is_paid_at_once_is_paid() -> None:
    paid = {**BOTH, "total_amount": "88.01", "gmt_payment": "2026-11-20 12:00:02"}
    result = decode(cast.pay(Method.BARCODE), cast.ok("alipay.trade.pay", **paid))
    assert result == Result(
        outcome=DONE,
        state=PayState.PAID,
        out_no=cast.TRADE_NO,
        amount=8801,
        finished_at=china("12:00:02"),
    )


def test_barcode_that_waits_for_a_password_is_pending_and_asked_about() -> None:
    node = {"code": "10003", "msg": " order success pay inprocess", **BOTH, "total_amount": "88.01"}
    result = decode(cast.pay(Method.BARCODE), cast.answer("alipay.trade.pay", node))
    assert (result.outcome, result.state, result.code) == (PENDING, PayState.WAITING, "10003")
    assert (result.out_no, result.amount) == (cast.TRADE_NO, None)


def test_in_process_counts_for_barcodes_only() -> None:
    node = {"code": "10003", "msg": "x", **ONE, "qr_code": "https://qr"}
    result = decode(cast.pay(), cast.answer("alipay.trade.precreate", node))
    assert (result.outcome, result.state, result.pay_params) == (UNKNOWN, None, {})


# --- query --------------------------------------------------------------------------------


def test_paid_order_is_reported_with_total_number_and_utc_time() -> None:
    result = decode(cast.query(), cast.ok("query_pay", **cast.trade()))
    assert result == Result(
        outcome=DONE,
        state=PayState.PAID,
        out_no=cast.TRADE_NO,
        amount=8801,
        finished_at=datetime(2026, 11, 20, 4, 0, 5, tzinfo=UTC),
        channel_status="TRADE_SUCCESS",
    )


@pytest.mark.parametrize(
    ("trade", "state", "finished"),
    [
        (cast.trade("WAIT_BUYER_PAY"), PayState.WAITING, None),
        (cast.trade("TRADE_FINISHED"), PayState.PAID, china("12:00:05")),
        (cast.trade("TRADE_CLOSED"), PayState.CLOSED, None),
        (cast.trade("TRADE_CLOSED", send_pay_date=""), PayState.CLOSED, None),
        (
            cast.trade("TRADE_CLOSED", send_pay_date="2026-11-20 12:00:05"),
            PayState.REFUNDED,
            china("12:00:05"),
        ),
    ],
)
def test_closed_trade_with_a_time_of_payment_was_paid(
    trade: dict[str, Any], state: PayState, finished: datetime | None
) -> None:
    """And given back in full since; an order that did not know of its payment learns both."""
    result = decode(cast.query(), cast.ok("query_pay", **trade))
    assert (result.outcome, result.state, result.finished_at) == (DONE, state, finished)
    assert (result.channel_status, result.amount) == (trade["trade_status"], 8801)


def test_order_that_nobody_scanned_is_not_found_and_not_failed() -> None:
    result = decode(cast.query(), cast.failure("query_pay", "ACQ.TRADE_NOT_EXIST"))
    assert (result.outcome, result.state) == (DONE, PayState.NOT_FOUND)


def test_another_amount_is_reported_and_not_judged() -> None:
    result = decode(cast.query(), cast.ok("query_pay", **cast.trade(total_amount="0.01")))
    assert (result.outcome, result.state, result.amount) == (DONE, PayState.PAID, 1)


@pytest.mark.parametrize(
    ("written", "fen"),
    [('"88.01"', 8801), ("88.01", 8801), ('"88"', 8800), ("88", 8800), ('"88.1"', 8810)],
)
def test_yuan_become_fen_exactly_however_they_are_written(written: str, fen: int) -> None:
    node = (
        f'{{"code":"10000","out_trade_no":"{cast.ORDER_NO}","trade_no":"{cast.TRADE_NO}",'
        f'"trade_status":"TRADE_SUCCESS","total_amount":{written}}}'
    )
    assert decode(cast.query(), cast.answer("alipay.trade.query", node)).amount == fen


# --- ending -------------------------------------------------------------------------------


def test_close_is_done() -> None:
    result = decode(cast.close(), cast.ok("close_pay", **BOTH))
    assert result == Result(outcome=DONE, state=PayState.CLOSED, out_no=cast.TRADE_NO)


def test_close_of_an_order_that_nobody_scanned_is_done_and_keeps_the_code() -> None:
    result = decode(cast.close(), cast.failure("close_pay", "ACQ.TRADE_NOT_EXIST"))
    assert (result.outcome, result.state, result.code) == (
        DONE,
        PayState.CLOSED,
        "ACQ.TRADE_NOT_EXIST",
    )


@pytest.mark.parametrize(
    ("action", "state"), [("close", PayState.CANCELLED), ("refund", PayState.REFUNDED)]
)
def test_cancel_says_what_it_did(action: str, state: PayState) -> None:
    members = {**BOTH, "retry_flag": "N", "action": action, "gmt_refund_pay": "2026-11-20 12:00:09"}
    result = decode(cast.cancel(), cast.ok("cancel_pay", **members))
    assert result == Result(
        outcome=DONE,
        state=state,
        out_no=cast.TRADE_NO,
        finished_at=china("12:00:09"),
        channel_status=action,
    )


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"retry_flag": "Y"}, "RETRY"),
        ({"retry_flag": "Y", "action": "refund"}, "RETRY"),
        ({"retry_flag": "N"}, "NO_ACTION"),
        ({"retry_flag": "N", "action": ""}, "NO_ACTION"),
        ({"retry_flag": "N", "action": "something"}, "NO_ACTION"),
    ],
)
def test_cancel_that_did_not_say_what_it_did_is_unknown(members: dict[str, str], code: str) -> None:
    result = decode(cast.cancel(), cast.ok("cancel_pay", **BOTH, **members))
    assert (result.outcome, result.state, result.code) == (UNKNOWN, None, code)


# --- refunds ------------------------------------------------------------------------------


def test_refund_that_moved_money_is_done_without_the_cumulative_amount() -> None:
    members = {**BOTH, "fund_change": "Y", "refund_fee": "88.01"}
    result = decode(cast.refund(), cast.ok("refund", **members))
    assert (result.outcome, result.state) == (DONE, RefundState.SUCCESS)
    assert (result.amount, result.out_no) == (None, cast.REFUND_NO)


def test_refund_without_a_change_of_funds_is_pending_and_not_failed() -> None:
    members = {**BOTH, "fund_change": "N", "refund_fee": "26.40"}
    result = decode(cast.refund(), cast.ok("refund", **members))
    assert (result.outcome, result.state) == (PENDING, RefundState.PROCESSING)
    assert (result.amount, result.finished_at) == (None, None)


def test_refund_query_reports_amount_and_time() -> None:
    members = {
        **BOTH,
        "out_request_no": cast.REFUND_NO,
        "refund_amount": "26.40",
        "total_amount": "88.01",
        "refund_status": "REFUND_SUCCESS",
        "gmt_refund_pay": "2026-11-20 12:00:09",
    }
    assert decode(cast.query_refund(), cast.ok("query_refund", **members)) == Result(
        outcome=DONE,
        state=RefundState.SUCCESS,
        out_no=cast.REFUND_NO,
        amount=2640,
        finished_at=china("12:00:09"),
        channel_status="REFUND_SUCCESS",
    )


@pytest.mark.parametrize(
    "members", [{}, {**BOTH, "out_request_no": cast.REFUND_NO}, {"refund_status": ""}]
)
def test_refund_query_without_a_status_is_not_found_and_not_failed(members: dict[str, str]) -> None:
    result = decode(cast.query_refund(), cast.ok("query_refund", **members))
    assert result == Result(outcome=DONE, state=RefundState.NOT_FOUND)


# --- transfers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "sent", "asked", "state"),
    [
        ("SUCCESS", DONE, DONE, TransferState.SUCCESS),
        ("DEALING", PENDING, DONE, TransferState.PROCESSING),
        ("WAIT_PAY", PENDING, DONE, TransferState.PROCESSING),
        ("FAIL", DONE, DONE, TransferState.FAILED),
        ("CLOSED", DONE, DONE, TransferState.CLOSED),
        ("REFUND", DONE, DONE, TransferState.RETURNED),
    ],
)
def test_transfer_states(word: str, sent: Outcome, asked: Outcome, state: TransferState) -> None:
    number = {"out_biz_no": cast.TRANSFER_NO, "order_id": "20261120110070000006", "status": word}
    result = decode(
        cast.transfer(), cast.ok("transfer", **number, trans_date="2026-11-20 12:00:01")
    )
    assert (result.outcome, result.state, result.channel_status) == (sent, state, word)
    assert (result.out_no, result.finished_at) == ("20261120110070000006", china("12:00:01"))
    more = {"trans_amount": "50.05", "pay_date": "2026-11-20 12:00:02", "fail_reason": "户名不符"}
    result = decode(
        cast.query_transfer(),
        cast.ok("query_transfer", **number, **more, error_code="PAYEE_ACCOUNT_STATUS_ERROR"),
    )
    assert (result.outcome, result.state, result.amount) == (asked, state, 5005)
    assert (result.code, result.message) == ("PAYEE_ACCOUNT_STATUS_ERROR", "户名不符")
    assert result.finished_at == china("12:00:02")


# --- sharing ------------------------------------------------------------------------------


def detail(account: str = cast.RECEIVER, kind: str = "userId", **changes: Any) -> dict[str, Any]:
    values = {
        "operation_type": "transfer",
        "execute_dt": "2026-11-20 12:00:40",
        "trans_out": cast.SELLER_ID,
        "trans_out_type": "userId",
        "trans_in": account,
        "trans_in_type": kind,
        "amount": "3.00",
        "state": "SUCCESS",
        "detail_id": f"D{account[:4]}",
    }
    return {**values, **changes}


SECOND = detail(cast.LOGIN, "loginName")


def settled(*details: dict[str, Any], **members: Any) -> Response:
    return cast.ok(
        "query_allocation",
        out_request_no=cast.ALLOCATION_NO,
        operation_dt="2026-11-20 12:00:41",
        royalty_detail_list=list(details),
        **members,
    )


def test_settle_accepts_and_leaves_each_receiver_to_the_query() -> None:
    members = {"trade_no": cast.TRADE_NO, "settle_no": cast.SETTLE_NO}
    result = decode(cast.allocate(), cast.ok("allocate", **members))
    assert result == Result(
        outcome=PENDING, state=AllocationState.PROCESSING, out_no=cast.SETTLE_NO
    )


def test_finish_is_over_when_it_is_accepted() -> None:
    members = {"trade_no": cast.TRADE_NO, "settle_no": cast.SETTLE_NO}
    result = decode(cast.finish(), cast.ok("finish_allocation", **members))
    assert result == Result(outcome=DONE, state=AllocationState.FINISHED, out_no=cast.SETTLE_NO)


def test_settle_query_reports_each_receiver() -> None:
    failed = {
        **SECOND,
        "state": "FAIL",
        "error_code": "TXN_RESULT_ACCOUNT_BALANCE_NOT_ENOUGH",
        "error_desc": "余额不足",
    }
    result = decode(cast.query_allocation(), settled(detail(), failed))
    assert (result.outcome, result.state) == (DONE, AllocationState.FINISHED)
    assert result.finished_at == china("12:00:41")
    assert result.shares == (
        ShareResult(
            receiver_type=ReceiverType.USER_ID,
            account=cast.RECEIVER,
            state=ShareState.SUCCESS,
            amount=300,
            out_detail_no="D2088",
            finished_at=china("12:00:40"),
        ),
        ShareResult(
            receiver_type=ReceiverType.LOGIN_NAME,
            account=cast.LOGIN,
            state=ShareState.FAILED,
            amount=300,
            out_detail_no="Drece",
            code="TXN_RESULT_ACCOUNT_BALANCE_NOT_ENOUGH",
            message="余额不足",
            finished_at=china("12:00:40"),
        ),
    )


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ([], 0),
        ([detail()], 1),
        ([detail(), {**SECOND, "state": "PROCESSING"}], 2),
        ([detail(), detail("2088000000000000")], 2),
    ],
)
def test_allocation_is_in_work_until_every_share_has_a_result(
    details: list[dict[str, Any]], told: int
) -> None:
    result = decode(cast.query_allocation(), settled(*details))
    assert (result.outcome, result.state) == (DONE, AllocationState.PROCESSING)
    assert (len(result.shares), result.finished_at) == (told, None)


def test_money_that_went_another_way_is_no_share() -> None:
    other = [detail(operation_type=word) for word in ("replenish", "transfer_refund")]
    strange = detail("20881", "cardAliasNo")
    result = decode(cast.query_allocation(), settled(*other, strange, detail(), SECOND))
    assert [one.account for one in result.shares] == [cast.RECEIVER, cast.LOGIN]
    assert result.state is AllocationState.FINISHED


def test_receiver_without_a_type_is_found_by_its_account() -> None:
    result = decode(cast.query_allocation(), settled(detail(kind=""), SECOND))
    assert [one.receiver_type for one in result.shares] == [
        ReceiverType.USER_ID,
        ReceiverType.LOGIN_NAME,
    ]


def test_query_of_a_finish_needs_no_receivers() -> None:
    command = cast.query_allocation(allocation_no=cast.FINISH_NO, shares=())
    response = cast.ok("query_allocation", out_request_no=cast.FINISH_NO)
    result = decode(command, response)
    assert (result.outcome, result.state, result.shares) == (DONE, AllocationState.FINISHED, ())


def test_what_may_still_be_shared() -> None:
    result = decode(cast.query_unshared(), cast.ok("query_unshared", unsettled_amount="12.34"))
    assert result == Result(outcome=DONE, amount=1234)


@pytest.mark.parametrize("kind", ["bind_receiver", "unbind_receiver"])
@pytest.mark.parametrize(
    ("word", "outcome", "state", "code"),
    [
        ("SUCCESS", DONE, AllocationState.FINISHED, ""),
        ("FAIL", REFUSED, AllocationState.FAILED, "FAIL"),
        ("SOMETHING", UNKNOWN, None, "UNKNOWN_STATE"),
    ],
)
def test_binding(
    kind: str, word: str, outcome: Outcome, state: AllocationState | None, code: str
) -> None:
    result = decode(cast.COMMANDS[kind], cast.ok(kind, result_code=word))
    assert (result.outcome, result.state, result.code) == (outcome, state, code)


# --- answers that are not what they should be ---------------------------------------------

BAD: list[tuple[Command, Response, str]] = [
    (cast.pay(), cast.ok("pay", qr_code="x"), "BAD_BODY"),
    (cast.pay(), cast.ok("pay", **ONE), "BAD_BODY"),
    (cast.pay(), cast.ok("pay", out_trade_no="P2", qr_code="x"), "ANSWER_MISMATCH"),
    (cast.pay(), cast.answer("alipay.trade.precreate", "[]"), "BAD_BODY"),
    (cast.pay(), cast.answer("alipay.trade.precreate", '"c2VhbGVk"'), "BAD_BODY"),
    (cast.pay(), cast.answer("alipay.trade.precreate", "{}"), "BAD_BODY"),
    (cast.pay(Method.JSAPI), cast.ok("alipay.trade.create", **ONE), "BAD_BODY"),
    (cast.pay(Method.BARCODE), cast.ok("alipay.trade.pay", **BOTH), "BAD_BODY"),
    (cast.query(), cast.ok("query_pay", **cast.trade(out_trade_no="P2")), "ANSWER_MISMATCH"),
    (cast.query(), cast.ok("query_pay", **cast.trade(out_trade_no="")), "BAD_BODY"),
    (
        cast.query(order_no="", out_order_no="2026"),
        cast.ok("query_pay", **cast.trade()),
        "ANSWER_MISMATCH",
    ),
    (cast.query(), cast.ok("query_pay", **cast.trade("SOMETHING_NEW")), "UNKNOWN_STATE"),
    (cast.query(), cast.ok("query_pay", **cast.trade(trade_status="")), "BAD_BODY"),
    (cast.query(), cast.ok("query_pay", **cast.trade(total_amount="88.011")), "BAD_BODY"),
    (cast.query(), cast.ok("query_pay", **cast.trade(total_amount="-88.01")), "BAD_BODY"),
    (cast.query(), cast.ok("query_pay", **cast.trade(total_amount="８８")), "BAD_BODY"),
    (cast.query(), cast.ok("query_pay", **cast.trade(total_amount="1e3")), "BAD_BODY"),
    (cast.query(), cast.ok("query_pay", **cast.trade(total_amount=True)), "BAD_BODY"),
    (cast.query(), cast.ok("query_pay", **cast.trade(total_amount=["1"])), "BAD_BODY"),
    (cast.query(), cast.ok("query_pay", **cast.trade(total_amount="")), "BAD_BODY"),
    (cast.query(), cast.ok("query_pay", **cast.trade(trade_no="")), "BAD_BODY"),
    (cast.query(), cast.ok("query_pay", **cast.trade(send_pay_date="yesterday")), "BAD_BODY"),
    (
        cast.query(),
        cast.ok("query_pay", **cast.trade(send_pay_date="2026-13-20 12:00:05")),
        "BAD_BODY",
    ),
    (
        cast.query(),
        cast.ok("query_pay", **cast.trade(send_pay_date="2026-11-20T12:00:05Z")),
        "BAD_BODY",
    ),
    (
        cast.query(),
        cast.ok("query_pay", **cast.trade(app_id="2014072300000000")),
        "ANSWER_MISMATCH",
    ),
    (
        cast.query(),
        cast.ok("query_pay", **cast.trade(seller_id="2088000000000000")),
        "ANSWER_MISMATCH",
    ),
    (cast.close(), cast.ok("close_pay", out_trade_no="P2"), "ANSWER_MISMATCH"),
    (cast.close(), cast.ok("close_pay"), "BAD_BODY"),
    (cast.cancel(), cast.ok("cancel_pay", out_trade_no="P2", action="close"), "ANSWER_MISMATCH"),
    (cast.refund(), cast.ok("refund", out_trade_no="P2", fund_change="Y"), "ANSWER_MISMATCH"),
    (cast.refund(), cast.ok("refund", **BOTH), "BAD_BODY"),
    (
        cast.query_refund(),
        cast.ok("query_refund", **ONE, out_request_no="R2", refund_status="REFUND_SUCCESS"),
        "ANSWER_MISMATCH",
    ),
    (
        cast.query_refund(),
        cast.ok("query_refund", **ONE, refund_status="REFUND_SUCCESS", refund_amount="26.40"),
        "BAD_BODY",
    ),
    (
        cast.query_refund(),
        cast.ok(
            "query_refund", **ONE, out_request_no=cast.REFUND_NO, refund_status="REFUND_SUCCESS"
        ),
        "BAD_BODY",
    ),
    (
        cast.query_refund(),
        cast.ok("query_refund", out_trade_no="P2", refund_status=""),
        "ANSWER_MISMATCH",
    ),
    (cast.query_refund(), cast.ok("query_refund", out_request_no="R2"), "ANSWER_MISMATCH"),
    (
        cast.query_refund(),
        cast.ok("query_refund", **ONE, refund_status="REFUND_SOMEDAY"),
        "UNKNOWN_STATE",
    ),
    (cast.transfer(), cast.ok("transfer", out_biz_no="T2", status="SUCCESS"), "ANSWER_MISMATCH"),
    (
        cast.transfer(),
        cast.ok("transfer", out_biz_no=cast.TRANSFER_NO, status="NEW"),
        "UNKNOWN_STATE",
    ),
    (
        cast.query_transfer(),
        cast.ok("query_transfer", out_biz_no="T2", status="SUCCESS"),
        "ANSWER_MISMATCH",
    ),
    (cast.allocate(), cast.ok("allocate", trade_no="1"), "ANSWER_MISMATCH"),
    (cast.finish(), cast.ok("finish_allocation", trade_no="1"), "ANSWER_MISMATCH"),
    (cast.query_allocation(), settled(detail(state="NEW")), "UNKNOWN_STATE"),
    (cast.query_allocation(), settled(detail(trans_in="")), "BAD_BODY"),
    (
        cast.query_allocation(),
        cast.ok("query_allocation", royalty_detail_list={"a": 1}),
        "BAD_BODY",
    ),
    (cast.query_allocation(), cast.ok("query_allocation", royalty_detail_list=[1]), "BAD_BODY"),
    (cast.query_allocation(), cast.ok("query_allocation", out_request_no="A2"), "ANSWER_MISMATCH"),
    (cast.query_unshared(), cast.ok("query_unshared"), "BAD_BODY"),
    (cast.bind(), cast.ok("bind_receiver"), "BAD_BODY"),
]


@pytest.mark.parametrize(("command", "response", "code"), BAD)
def test_signed_answer_that_is_not_ours_or_not_understood_is_unknown(
    command: Command, response: Response, code: str
) -> None:
    result = decode(command, response)
    assert (result.outcome, result.state, result.code) == (UNKNOWN, None, code)
    assert not result.pay_params and not result.shares and result.amount is None


def test_words_that_no_database_keeps_are_replaced() -> None:
    node = r'{"code":"40004","sub_code":"ACQ.SYSTEM_ERROR","sub_msg":"a\u0000b\ud83dc"}'
    result = decode(cast.query(), cast.answer("alipay.trade.query", node))
    assert result.message == "a\ufffdb\ufffdc"


# --- signatures ---------------------------------------------------------------------------

PAID = {"code": "10000", **cast.trade()}


def sn(pem: str) -> str:
    return keys.certificate_sn(pem)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"sign": ""}, "NO_SIGNATURE"),
        ({"sign": "AAAA"}, "BAD_SIGNATURE"),
        ({"sign": "no base64!"}, "BAD_SIGNATURE"),
        ({"sign": "签"}, "BAD_SIGNATURE"),
        ({"key": cast.app_key}, "BAD_SIGNATURE"),
        ({"sign": cast.signed("{}")}, "BAD_SIGNATURE"),
    ],
)
def test_success_that_does_not_verify_is_unknown(options: dict[str, Any], why: str) -> None:
    """It may well have taken effect, so that it is asked about and never a failure."""
    result = decode(cast.query(), cast.answer("alipay.trade.query", PAID, **options))
    assert (result.outcome, result.state, result.code) == (UNKNOWN, None, "BAD_SIGNATURE")
    assert result.message.startswith(f"{why}: ") and result.amount is None


def test_success_under_the_name_of_an_error_is_believed_only_when_signed() -> None:
    response = cast.answer("alipay.trade.query", PAID, name="error_response", sign="")
    assert decode(cast.query(), response).code == "BAD_SIGNATURE"


def test_answer_for_another_method_is_refused() -> None:
    result = decode(cast.close(), cast.ok("query_pay", **cast.trade()))
    assert (result.outcome, result.state, result.code) == (UNKNOWN, None, "BAD_BODY")


@pytest.mark.parametrize(
    ("cert_sn", "key", "why"),
    [
        ("", cast.alipay_key, "NO_CERT_SN"),
        ("f" * 32, cast.alipay_key, "UNKNOWN_CERT_SN"),
        (sn(cast.NEW_ALIPAY_CERT), cast.new_alipay_key, "UNKNOWN_CERT_SN"),
        (sn(cast.ALIPAY_CERT), cast.new_alipay_key, "BAD_SIGNATURE"),
    ],
)
def test_certificate_mode_believes_only_the_certificates_that_it_holds(
    cert_sn: str, key: Any, why: str
) -> None:
    response = cast.answer("alipay.trade.query", PAID, cert_sn=cert_sn, key=key)
    result = decode(cast.query(), response, cast.account(cast.CERT_MODE))
    assert (result.outcome, result.state, result.code) == (UNKNOWN, None, "BAD_SIGNATURE")
    assert result.message.startswith(f"{why}: ")


def test_both_certificates_verify_while_alipay_changes_to_a_new_one() -> None:
    both = {"alipay_cert_pem": cast.ALIPAY_CERT + cast.ROOT_CERT + cast.NEW_ALIPAY_CERT}
    account = cast.account(cast.CERT_MODE, **both)
    for pem, key in (
        (cast.ALIPAY_CERT, cast.alipay_key),
        (cast.NEW_ALIPAY_CERT, cast.new_alipay_key),
    ):
        response = cast.answer("alipay.trade.query", PAID, cert_sn=sn(pem), key=key)
        assert decode(cast.query(), response, account).state is PayState.PAID
    crossed = cast.answer(
        "alipay.trade.query", PAID, cert_sn=sn(cast.ALIPAY_CERT), key=cast.new_alipay_key
    )
    assert decode(cast.query(), crossed, account).code == "BAD_SIGNATURE"
    authority = cast.answer(
        "alipay.trade.query", PAID, cert_sn=sn(cast.ALIPAY_CERT), key=cast.root_key
    )
    assert decode(cast.query(), authority, account).code == "BAD_SIGNATURE"


@pytest.mark.parametrize("pem", ["", "broken"])
def test_account_without_a_readable_key_reads_nothing(pem: str) -> None:
    response = cast.ok("query_pay", **cast.trade())
    result = decode(cast.query(), response, cast.account(alipay_public_key_pem=pem))
    assert (result.outcome, result.code) == (UNKNOWN, "BAD_SIGNATURE")
    account = cast.account(cast.CERT_MODE, alipay_cert_pem=pem)
    assert decode(cast.query(), response, account).code == "BAD_SIGNATURE"
