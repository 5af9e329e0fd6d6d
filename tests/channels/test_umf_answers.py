"""What the codec makes of UMF's answers: the FAQ's table, forgeries, and the settlement file."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from channels.base import (
    BillKind,
    Command,
    FetchBill,
    Method,
    Outcome,
    PayState,
    RefundState,
    Request,
    Response,
    Result,
)
from channels.transport import Lost, NotSent
from channels.umf.channel import UmfChannel
from tests.channels import umf_cast as cast

CHANNEL = UmfChannel()
DONE, PENDING, REFUSED, NOT_SENT, UNKNOWN = (
    Outcome.DONE,
    Outcome.PENDING,
    Outcome.REFUSED,
    Outcome.NOT_SENT,
    Outcome.UNKNOWN,
)
PAID, WAITING, CLOSED = PayState.PAID, PayState.WAITING, PayState.CLOSED
CANCELLED, FAILED = PayState.CANCELLED, PayState.FAILED
WORKING = RefundState.PROCESSING


def decode(
    command: Command, response: Response, *, now: datetime = cast.NOW, **config: str
) -> Result:
    return CHANNEL.decode(command, response, cast.account(**config), now=now, nonce="")


# --- the order query's table --------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "state", "outcome", "found"),
    [
        ("0000", "SUCCESS", DONE, PAID),
        ("0000", "", DONE, PAID),
        ("0000", "NOTPAY", DONE, WAITING),
        ("0000", "PAYERROR", DONE, FAILED),
        ("0000", "SOMETHING_NEW", UNKNOWN, None),
        ("01000000", "", DONE, WAITING),
        ("02000000", "", DONE, WAITING),
        ("03000000", "", DONE, WAITING),
        ("88881220", "", DONE, PAID),
        ("88881137", "", DONE, CANCELLED),
        ("9999", "", UNKNOWN, None),
        ("3333", "", UNKNOWN, None),
        ("88889999", "", UNKNOWN, None),
        ("00000000", "SUCCESS", UNKNOWN, None),
    ],
)
def test_order_query_s_table(code: str, state: str, outcome: Outcome, found: Any) -> None:
    result = decode(cast.query(), cast.trade(code, transState=state))
    assert (result.outcome, result.state) == (outcome, found)


@pytest.mark.parametrize(
    ("code", "outcome", "found"),
    [
        ("88889999", DONE, CLOSED),
        ("01000000", DONE, WAITING),
        ("9999", UNKNOWN, None),
        ("3333", UNKNOWN, None),
        ("0000", DONE, PAID),
    ],
)
def test_unnamed_code_closes_only_an_order_that_nobody_can_pay_any_more(
    code: str, outcome: Outcome, found: Any
) -> None:
    late = cast.NOW + timedelta(seconds=1800 + 3600)
    assert decode(cast.query(), cast.trade("88889999"), now=late).state is None
    result = decode(cast.query(), cast.trade(code), now=late + timedelta(seconds=1))
    assert (result.outcome, result.state) == (outcome, found)


def test_unnamed_code_never_closes_an_order_of_unknown_age() -> None:
    result = decode(
        cast.query(order_no="1509518653211"),
        cast.trade("88889999"),
        now=cast.NOW + timedelta(days=400),
    )
    assert (result.outcome, result.state, result.code) == (UNKNOWN, None, "88889999")


def test_paid_order_is_reported_with_amount_number_and_utc_time() -> None:
    assert decode(cast.query(out_order_no=cast.OUT_NO), cast.trade()) == Result(
        outcome=DONE,
        state=PAID,
        message="说明",
        out_no=cast.OUT_NO,
        amount=8888,
        finished_at=datetime(2026, 11, 20, 4, 0, 5, tzinfo=UTC),
        channel_status="SUCCESS",
    )


@pytest.mark.parametrize(
    ("amount", "fen"), [("000000008888", 8888), (8888, 8888), ("", None), (None, None)]
)
def test_amount_may_be_padded_a_number_or_absent(amount: Any, fen: int | None) -> None:
    assert decode(cast.query(), cast.trade(amount=amount)).amount == fen


@pytest.mark.parametrize("moment", [("", ""), ("20261320", "120005"), ("2026", "soon")])
def test_time_that_is_none_is_left_out(moment: tuple[str, str]) -> None:
    answer = cast.trade(platDate=moment[0], platTime=moment[1])
    assert decode(cast.query(), answer).finished_at is None


def test_order_query_after_a_cancel_says_paid_when_the_cancel_failed() -> None:
    """ "同步返回0000时，表示后台状态为：“支付成功”，也就是退款失败"."""
    assert decode(cast.cancel(), cast.answered("0000")).outcome is PENDING
    assert decode(cast.query(), cast.trade("0000")).state is PAID
    assert decode(cast.query(), cast.trade("88881137")).state is CANCELLED


# --- the siblings -------------------------------------------------------------------------


def test_native_answer_gives_the_code_url() -> None:
    url = "https://qr.95516.com/00010000/01"
    result = decode(cast.pay(), cast.answered("0000", feeUrl=url, transactionId=cast.OUT_NO))
    assert (result.outcome, result.state, result.out_no) == (DONE, WAITING, cast.OUT_NO)
    assert result.pay_params == {"code_url": url}


def test_jsapi_answer_gives_what_the_page_needs() -> None:
    answer = cast.answered(
        "0000",
        appId="wx102e43f81031d8d6",
        prepayId="prepay_id=wx091722014693444a",
        timestamp="1525857061537",
        nonceStr="n1",
        signType="MD5",
        paySign="73DBF7459A11BCCED6D8F45EA660A416",
    )
    assert decode(cast.pay(Method.JSAPI), answer).pay_params == {
        "appId": "wx102e43f81031d8d6",
        "timeStamp": "1525857061537",
        "nonceStr": "n1",
        "package": "prepay_id=wx091722014693444a",
        "signType": "MD5",
        "paySign": "73DBF7459A11BCCED6D8F45EA660A416",
    }


def test_bar_code_answer_is_the_payment_itself() -> None:
    result = decode(cast.pay(Method.BARCODE), cast.trade())
    assert (result.outcome, result.state, result.amount) == (DONE, PAID, 8888)
    waits = decode(cast.pay(Method.BARCODE), cast.answered("01000000"))
    assert (waits.outcome, waits.state) == (PENDING, WAITING)


U = (UNKNOWN, None)
KINDS = ("pay", "close_pay", "cancel_pay", "refund", "query_refund")
TABLE: dict[str, tuple[Any, ...]] = {
    # pay (native), close, cancel, refund, refund query
    "0000": (U, (DONE, CLOSED), (PENDING, None), (PENDING, WORKING), (DONE, WORKING)),
    "01000000": ((PENDING, WAITING), U, (PENDING, None), (PENDING, WORKING), (DONE, WORKING)),
    "02000000": ((PENDING, WAITING), U, (PENDING, None), (PENDING, WORKING), (DONE, WORKING)),
    "03000000": ((PENDING, WAITING), U, (PENDING, None), (PENDING, WORKING), (DONE, WORKING)),
    "88881220": (U, U, (PENDING, None), (PENDING, WORKING), (DONE, WORKING)),
    "88881137": (U, U, (DONE, CANCELLED), (PENDING, WORKING), U),
    "9999": (U, U, U, U, U),
    "3333": (U, U, U, U, U),
    "88880001": (U, U, U, (REFUSED, None), U),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", list(TABLE))
def test_code_table(code: str, kind: str) -> None:
    """0000 to a native payment without an address to pay at cannot be used."""
    result = decode(cast.COMMANDS[kind], cast.answered(code))
    assert (result.outcome, result.state) == TABLE[code][KINDS.index(kind)]
    assert not result.pay_params


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("1", RefundState.SUCCESS),
        ("2", RefundState.FAILED),
        ("3", WORKING),
        ("", WORKING),
        (1, RefundState.SUCCESS),
    ],
)
def test_refund_query_s_status(status: Any, state: RefundState) -> None:
    """ "1、成功，2失败，其他当受理中"; the amount there is the order's."""
    result = decode(cast.query_refund(), cast.answered("0000", status=status, amount="8888"))
    assert (result.outcome, result.state, result.amount) == (DONE, state, None)


def test_order_query_s_words_to_a_refund_query_say_that_the_refund_failed() -> None:
    result = decode(cast.query_refund(), cast.answered("0000", transState="SUCCESS"))
    assert (result.state, result.code) == (RefundState.FAILED, "REFUND_FAILED")


def test_accepted_refund_is_never_a_done_one() -> None:
    """ "多次请求后台都返回成功…实际以用户收到退款金额为准"."""
    for code in ("0000", "88881220"):
        result = decode(cast.refund(), cast.answered(code, amount="2640"))
        assert (result.outcome, result.state, result.amount) == (PENDING, WORKING, 2640)


# --- answers that are not what they should be ---------------------------------------------


def tampered(change: Callable[[bytes], bytes]) -> Response:
    whole = cast.trade()
    return Response(status=200, headers={}, body=change(whole.body))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (tampered(lambda body: body.replace(b'"8888"', b'"8889"')), "BAD_SIGNATURE"),
        (tampered(lambda body: body.replace(b"0000", b"01000000")), "BAD_SIGNATURE"),
        (tampered(lambda body: body.replace(b'"sign"', b'"seal"')), "BAD_SIGNATURE"),
        (tampered(lambda body: body[:-1] + b',"retCode":"0000"}'), "BAD_BODY"),
        (cast.response({"retCode": "0000"}, key=cast.merchant_key), "BAD_SIGNATURE"),
        (Response(status=200, headers={}, body=b'{"retCode":"0000","sign":""}'), "BAD_SIGNATURE"),
        (Response(status=200, headers={}, body=b'{"retCode":"0000","sign":7}'), "BAD_SIGNATURE"),
        (Response(status=200, headers={}, body=b""), "BAD_BODY"),
        (Response(status=200, headers={}, body=b"[]"), "BAD_BODY"),
        (Response(status=200, headers={}, body=b"<html>"), "BAD_BODY"),
        (Response(status=502, headers={}, body=b"<html>"), "HTTP_502"),
        (Response(status=302, headers={}, body=b""), "HTTP_302"),
        (cast.response({"retMsg": "x"}), "BAD_BODY"),
        (cast.answered("00 00"), "BAD_BODY"),
        (cast.answered("0" * 9), "BAD_BODY"),
        (cast.trade(amount="88.88"), "BAD_BODY"),
        (cast.trade(amount="-1"), "BAD_BODY"),
    ],
)
@pytest.mark.parametrize("kind", ["query_pay", "refund"])
def test_answer_that_cannot_be_believed_is_unknown(answer: Response, code: str, kind: str) -> None:
    result = decode(cast.COMMANDS[kind], answer)
    assert (result.outcome, result.state, result.code) == (UNKNOWN, None, code)


def test_http_error_is_unknown_even_when_it_is_signed() -> None:
    signed = cast.trade()
    answer = Response(status=500, headers={}, body=signed.body)
    assert decode(cast.query(), answer).code == "HTTP_500"


@pytest.mark.parametrize(
    ("command", "members"),
    [
        (cast.query(out_order_no="2017"), {"transactionId": cast.OUT_NO}),
        (cast.query(), {"orderId": "P01OTHER"}),
        (cast.pay(), {"orderId": "P01OTHER"}),
        (cast.close(), {"orderId": "P01OTHER"}),
        (cast.cancel(), {"orderId": "P01OTHER"}),
        (cast.refund(), {"refundOrderId": "R01OTHER"}),
        (cast.query_refund(), {"refundOrderId": "R01OTHER", "status": "1"}),
    ],
)
def test_answer_about_another_order_is_unknown(command: Command, members: dict[str, str]) -> None:
    result = decode(command, cast.answered("0000", **members))
    assert (result.outcome, result.code) == (UNKNOWN, "ANSWER_MISMATCH")


def test_numbers_in_json_are_verified_as_they_were_written() -> None:
    body = (
        b'{"retCode":"0000","amount":8.50E2,"sign":"%s"}' % cast.signature("8.50E2|0000").encode()
    )
    result = decode(cast.query(), Response(status=200, headers={}, body=body))
    assert (result.outcome, result.code) == (UNKNOWN, "BAD_BODY")  # signed, and no fen


def test_account_with_a_broken_platform_key_reads_nothing() -> None:
    result = decode(cast.query(), cast.trade(), platform_public_key_pem="broken")
    assert (result.outcome, result.code) == (UNKNOWN, "BAD_SIGNATURE")


# --- the settlement file ------------------------------------------------------------------

FILE = "2|30|\n20261119|P1|01|WX|4|4|茶||20||0|20|||1\n20261119|P2|01|WX|4|4|茶||10||0|10|||2\n"
BILL = FetchBill(day=date(2026, 11, 19), bill=BillKind.SETTLEMENT)


class Wire:
    def __init__(self, answer: Response | Exception) -> None:
        self.answer = answer

    def fetch(
        self, request: Request, sink: Callable[[bytes], object], *, seconds: float, most: int
    ) -> Response:
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer.status != 200:
            return self.answer
        for start in range(0, len(self.answer.body), 100):
            sink(self.answer.body[start : start + 100])
        return Response(status=200, headers={}, body=b"")


def download(answer: Response | Exception, command: FetchBill = BILL) -> tuple[Result, bytes]:
    sink = io.BytesIO()
    result = CHANNEL.download_bill(
        command,
        cast.account(),
        sink,
        transport=Wire(answer),  # type: ignore[arg-type]
        now=lambda: cast.NOW,
        nonce=lambda: "",
    )
    return result, sink.getvalue()


def test_settlement_file_is_written_once_it_is_verified() -> None:
    result, written = download(cast.answered("0000", stlDate="20261119", fileContent=FILE))
    assert (result.outcome, result.code) == (DONE, "")
    assert written == FILE.encode()


def test_day_without_trade_has_no_file() -> None:
    result, written = download(cast.answered("0000", fileContent="0|0|"))
    assert (result.outcome, result.code, written) == (DONE, "NO_BILL", b"")


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (cast.answered("9999"), UNKNOWN, "9999"),
        (cast.answered("88880001"), NOT_SENT, "88880001"),
        (cast.answered("0000", fileContent=""), UNKNOWN, "BAD_BODY"),
        (cast.answered("0000", stlDate="20261118", fileContent=FILE), UNKNOWN, "ANSWER_MISMATCH"),
        (cast.answered("0000", merId="30000103", fileContent=FILE), UNKNOWN, "ANSWER_MISMATCH"),
        (
            cast.response({"retCode": "0000", "fileContent": FILE}, key=cast.merchant_key),
            UNKNOWN,
            "BAD_SIGNATURE",
        ),
        (Response(status=404, headers={}, body=b""), UNKNOWN, "HTTP_404"),
        (NotSent("CONNECT_FAILED", "refused"), NOT_SENT, "CONNECT_FAILED"),
        (Lost("NO_ANSWER", "reset"), UNKNOWN, "NO_ANSWER"),
    ],
)
def test_settlement_file_that_proves_nothing_is_not_written(
    answer: Response | Exception, outcome: Outcome, code: str
) -> None:
    result, written = download(answer)
    assert (result.outcome, result.code, written) == (outcome, code, b"")


def test_bill_of_another_kind_is_not_sent() -> None:
    result, _ = download(cast.answered(), FetchBill(day=date(2026, 11, 19), bill=BillKind.TRADE))
    assert (result.outcome, result.code) == (NOT_SENT, "ENCODE_ERROR")
