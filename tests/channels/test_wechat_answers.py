"""What the codec makes of answers: front-end parameters, facts, forgeries, and every error."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from channels.base import Command, Method, Outcome, PayState, RefundState, Response, Result
from channels.wechat.channel import WechatChannel
from tests.channels import wechat_cast as cast

DONE, PENDING, REFUSED, NOT_SENT, UNKNOWN = (
    Outcome.DONE,
    Outcome.PENDING,
    Outcome.REFUSED,
    Outcome.NOT_SENT,
    Outcome.UNKNOWN,
)


def decode(command: Command, response: Response, **config: str) -> Result:
    return WechatChannel().decode(
        command, response, cast.account(**config), now=cast.NOW, nonce=cast.NONCE
    )


def signed_by_merchant(signature: object, message: str) -> None:
    cast.merchant_key.public_key().verify(
        base64.b64decode(str(signature)), message.encode(), padding.PKCS1v15(), hashes.SHA256()
    )


# --- prepay -------------------------------------------------------------------------------


def test_native_answer_gives_the_code_url() -> None:
    url = "weixin://wxpay/bizpayurl?pr=p4lpSuKzz"
    result = decode(cast.pay(), cast.response({"code_url": url}))
    assert (result.outcome, result.state) == (DONE, PayState.WAITING)
    assert result.pay_params == {"code_url": url}
    assert result.request_id == "08F78BB5AF0610D302189F8C0E2055-268578704"


def test_h5_answer_gives_the_h5_url() -> None:
    url = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx2016&package=14"
    result = decode(cast.pay(Method.H5), cast.response({"h5_url": url}))
    assert result.pay_params == {"h5_url": url}


def test_jsapi_answer_gives_parameters_signed_over_the_package() -> None:
    prepay_id = "wx201410272009395522657a690389285100"
    result = decode(cast.pay(Method.JSAPI), cast.response({"prepay_id": prepay_id}))
    params = dict(result.pay_params)
    signature = params.pop("paySign")
    assert params == {
        "appId": cast.APPID,
        "timeStamp": str(cast.STAMP),
        "nonceStr": cast.NONCE,
        "package": f"prepay_id={prepay_id}",
        "signType": "RSA",
    }
    signed_by_merchant(
        signature, f"{cast.APPID}\n{cast.STAMP}\n{cast.NONCE}\nprepay_id={prepay_id}\n"
    )


def test_app_answer_gives_parameters_signed_over_the_bare_prepay_id() -> None:
    prepay_id = "wx201410272009395522657a690389285100"
    result = decode(cast.pay(Method.APP), cast.response({"prepay_id": prepay_id}))
    params = dict(result.pay_params)
    signature = params.pop("sign")
    assert params == {
        "appId": cast.APPID,
        "partnerId": cast.MCHID,
        "prepayId": prepay_id,
        "packageValue": "Sign=WXPay",
        "timeStamp": str(cast.STAMP),
        "nonceStr": cast.NONCE,
    }
    signed_by_merchant(signature, f"{cast.APPID}\n{cast.STAMP}\n{cast.NONCE}\n{prepay_id}\n")


# --- facts --------------------------------------------------------------------------------


def test_paid_order_is_reported_with_total_number_and_utc_time() -> None:
    result = decode(cast.query(), cast.response(cast.transaction()))
    assert result == Result(
        outcome=DONE,
        state=PayState.PAID,
        message="支付成功",
        out_no=cast.OUT_NO,
        amount=8801,
        finished_at=datetime(2026, 11, 20, 4, 0, 5, tzinfo=UTC),
        channel_status="SUCCESS",
        request_id="08F78BB5AF0610D302189F8C0E2055-268578704",
    )


def test_another_amount_is_reported_and_not_judged() -> None:
    result = decode(cast.query(), cast.response(cast.transaction(amount={"total": 1})))
    assert (result.outcome, result.state, result.amount) == (DONE, PayState.PAID, 1)


def test_close_answered_with_204_is_done() -> None:
    result = decode(cast.close(), cast.response(status=204))
    assert (result.outcome, result.state) == (DONE, PayState.CLOSED)


def test_refund_done_at_once_is_reported_with_refund_amount_and_time() -> None:
    result = decode(cast.refund(), cast.response(cast.refund_answer("SUCCESS")))
    assert result == Result(
        outcome=DONE,
        state=RefundState.SUCCESS,
        out_no=cast.OUT_REFUND_NO,
        amount=2640,
        finished_at=datetime(2026, 11, 20, 4, 0, 9, tzinfo=UTC),
        channel_status="SUCCESS",
        request_id="08F78BB5AF0610D302189F8C0E2055-268578704",
    )


# --- answers that are not what they should be ---------------------------------------------


@pytest.mark.parametrize(
    ("command", "body", "code"),
    [
        (cast.query(), cast.transaction(mchid="1900000001"), "ANSWER_MISMATCH"),
        (cast.query(), cast.transaction(out_trade_no="P01OTHER"), "ANSWER_MISMATCH"),
        (
            cast.query(order_no="", out_order_no="4200009"),
            cast.transaction(),
            "ANSWER_MISMATCH",
        ),
        (cast.refund(), cast.refund_answer(out_refund_no="R01OTHER"), "ANSWER_MISMATCH"),
        (cast.refund(), cast.refund_answer(out_trade_no="P01OTHER"), "ANSWER_MISMATCH"),
        (cast.query_refund(), cast.refund_answer(out_refund_no="R2"), "ANSWER_MISMATCH"),
        (cast.query(), cast.transaction("SOMETHING_NEW"), "UNKNOWN_STATE"),
        (cast.refund(), cast.refund_answer("SOMETHING_NEW"), "UNKNOWN_STATE"),
        (cast.query(), cast.transaction(amount={"total": 88.01}), "BAD_BODY"),
        (cast.query(), cast.transaction(amount={"total": "8801"}), "BAD_BODY"),
        (cast.query(), cast.transaction(amount={"total": True}), "BAD_BODY"),
        (cast.query(), cast.transaction(amount={"total": -1}), "BAD_BODY"),
        (cast.query(), cast.transaction(amount=None), "BAD_BODY"),
        (cast.query(), cast.transaction(amount=[8801]), "BAD_BODY"),
        (cast.query(), cast.transaction(transaction_id=""), "BAD_BODY"),
        (cast.query(), cast.transaction(success_time="2026-11-20T12:00:05"), "BAD_BODY"),
        (cast.query(), cast.transaction(success_time="yesterday"), "BAD_BODY"),
        (cast.query(), cast.transaction(trade_state=None), "BAD_BODY"),
        (cast.query(), cast.transaction(trade_state=7), "BAD_BODY"),
        (cast.refund(), cast.refund_answer(amount={"total": 8801}), "BAD_BODY"),
        (cast.pay(), {"prepay_id": "wx1"}, "BAD_BODY"),
        (cast.pay(), {}, "BAD_BODY"),
        (cast.pay(), [], "BAD_BODY"),
        (cast.pay(), b"<html>", "BAD_BODY"),
        (cast.pay(), b"\xff\xfe", "BAD_BODY"),
        (cast.pay(), b"", "BAD_BODY"),
    ],
)
def test_signed_answer_that_is_not_ours_or_not_understood_is_unknown(
    command: Command, body: Any, code: str
) -> None:
    result = decode(command, cast.response(body))
    assert (result.outcome, result.state, result.code) == (UNKNOWN, None, code)
    assert result.request_id == "08F78BB5AF0610D302189F8C0E2055-268578704"
    assert not result.pay_params


def without(name: str) -> Response:
    answer = cast.response({"code_url": "weixin://x"})
    headers = {key: value for key, value in answer.headers.items() if key != name}
    return Response(status=200, headers=headers, body=answer.body)


def with_header(name: str, value: str) -> Response:
    answer = cast.response({"code_url": "weixin://x"})
    return Response(status=200, headers={**answer.headers, name: value}, body=answer.body)


PROBE = "WECHATPAY/SIGNTEST/+ZiDzS7Y1aQ=="


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (without("Wechatpay-Signature"), "MISSING_HEADERS"),
        (without("Wechatpay-Timestamp"), "MISSING_HEADERS"),
        (without("Wechatpay-Nonce"), "MISSING_HEADERS"),
        (without("Wechatpay-Serial"), "MISSING_HEADERS"),
        (with_header("Wechatpay-Signature", PROBE), "SIGNTEST"),
        (with_header("Wechatpay-Signature", "AAAA"), "BAD_SIGNATURE"),
        (with_header("Wechatpay-Signature", "no base64!"), "BAD_SIGNATURE"),
        (with_header("Wechatpay-Nonce", "another"), "BAD_SIGNATURE"),
        (with_header("Wechatpay-Serial", "PUB_KEY_ID_9"), "UNKNOWN_SERIAL"),
        (with_header("Wechatpay-Timestamp", "soon"), "STALE"),
        (with_header("Wechatpay-Timestamp", "٣"), "STALE"),
        (with_header("Wechatpay-Timestamp", "9" * 5000), "STALE"),
        (with_header("Wechatpay-Signature-Type", "SM2"), "SIGNATURE_TYPE"),
        (cast.response({"code_url": "weixin://x"}, stamp=cast.STAMP - 301), "STALE"),
        (cast.response({"code_url": "weixin://x"}, stamp=cast.STAMP + 301), "STALE"),
        (
            cast.response({"code_url": "weixin://x"}, key=cast.merchant_key),
            "BAD_SIGNATURE",
        ),
    ],
)
def test_success_that_does_not_verify_is_unknown(answer: Response, why: str) -> None:
    """It may well have taken effect, so that it is asked about and never a failure."""
    result = decode(cast.pay(), answer)
    assert (result.outcome, result.state, result.code) == (UNKNOWN, None, "BAD_SIGNATURE")
    assert result.message.startswith(f"{why}: ")
    assert not result.pay_params


@pytest.mark.parametrize("skew", [-300, 300])
def test_answer_of_five_minutes_away_still_verifies(skew: int) -> None:
    result = decode(cast.pay(), cast.response({"code_url": "w"}, stamp=cast.STAMP + skew))
    assert result.outcome is DONE


def test_body_is_verified_as_bytes_not_as_json() -> None:
    body = b'{ "code_url" : "weixin:\\/\\/x" }'
    assert decode(cast.pay(), cast.response(body)).outcome is DONE
    signed = cast.response(body)
    same_json = Response(status=200, headers=signed.headers, body=b'{"code_url":"weixin://x"}')
    assert decode(cast.pay(), same_json).code == "BAD_SIGNATURE"


def test_unsigned_204_does_not_close() -> None:
    result = decode(cast.close(), Response(status=204, headers={}, body=b""))
    assert (result.outcome, result.state, result.code) == (UNKNOWN, None, "BAD_SIGNATURE")


def test_both_kinds_of_key_verify_during_the_switch() -> None:
    both = {"platform_certificates": cast.CERTIFICATE_PEM}
    serial = f"{cast.PLATFORM_SERIAL:040X}"
    old = cast.response({"code_url": "w"}, key=cast.platform_key, serial=serial)
    new = cast.response({"code_url": "w"})
    assert decode(cast.pay(), old, **both).outcome is DONE
    assert decode(cast.pay(), new, **both).outcome is DONE
    assert decode(cast.pay(), old).code == "BAD_SIGNATURE"


def test_account_with_a_broken_verification_key_reads_nothing() -> None:
    result = decode(cast.pay(), cast.response({"code_url": "w"}), public_key_pem="broken")
    assert (result.outcome, result.code) == (UNKNOWN, "BAD_SIGNATURE")


# --- the error table ----------------------------------------------------------------------

U, N, R = (UNKNOWN, None), (NOT_SENT, None), (REFUSED, None)
KINDS = ("pay", "query_pay", "close_pay", "refund", "query_refund")
NO_PAY = (DONE, PayState.NOT_FOUND)
NO_REFUND = (DONE, RefundState.NOT_FOUND)
TABLE: dict[tuple[int, str], tuple[Any, Any, Any, Any, Any]] = {
    # status, code: pay, query, close, refund, refund query
    (400, "PARAM_ERROR"): (R, N, R, R, N),
    (400, "INVALID_REQUEST"): (R, U, R, R, U),
    (400, "APPID_MCHID_NOT_MATCH"): (R, U, R, R, U),
    (400, "MCH_NOT_EXISTS"): (R, U, R, R, U),
    (404, "MCH_NOT_EXISTS"): (R, U, R, R, U),
    (400, "ORDER_CLOSED"): (U, U, (DONE, PayState.CLOSED), U, U),
    (400, "ORDERCLOSED"): (U, U, (DONE, PayState.CLOSED), U, U),
    (400, "ORDER_PAID"): (U, U, (REFUSED, PayState.PAID), U, U),
    (400, "ORDERPAID"): (U, U, (REFUSED, PayState.PAID), U, U),
    (403, "ORDERPAID"): (U, U, (REFUSED, PayState.PAID), U, U),
    (400, "TRADE_OVERDUE"): (R, U, R, R, U),
    (401, "SIGN_ERROR"): (N, N, N, N, N),
    (403, "NO_AUTH"): (R, N, R, R, N),
    (403, "NOAUTH"): (R, N, R, R, N),
    (403, "RULE_LIMIT"): (R, U, R, R, U),
    (403, "RULELIMIT"): (R, U, R, R, U),
    (403, "NOT_ENOUGH"): (R, U, R, R, U),
    (403, "USER_ACCOUNT_ABNORMAL"): (R, U, R, R, U),
    (403, "OUT_TRADE_NO_USED"): (U, U, U, U, U),
    (403, "TRADE_ERROR"): (U, U, U, U, U),
    (404, "ORDER_NOT_EXIST"): (U, NO_PAY, (REFUSED, PayState.NOT_FOUND), U, U),
    (404, "ORDERNOTEXIST"): (U, NO_PAY, (REFUSED, PayState.NOT_FOUND), U, U),
    (404, "RESOURCE_NOT_EXISTS"): (U, U, U, U, NO_REFUND),
    (404, "NOT_FOUND"): (U, U, U, U, U),
    (400, "ALREADY_EXISTS"): (U, U, U, U, U),
    (400, "REFUND_FEE_MISMATCH"): (U, U, U, U, U),
    (429, "FREQUENCY_LIMITED"): (N, N, N, U, N),
    (429, "RATELIMIT_EXCEEDED"): (N, N, N, U, N),
    (202, "USERPAYING"): (U, U, U, U, U),
    (202, "USER_PAYING"): (U, U, U, U, U),
    (400, "USERPAYING"): (U, U, U, U, U),
    (500, "SYSTEM_ERROR"): (U, U, U, U, U),
    (500, "SYSTEMERROR"): (U, U, U, U, U),
    (500, "BANK_ERROR"): (U, U, U, U, U),
    (500, "PARAM_ERROR"): (U, U, U, U, U),
    (500, "ORDERNOTEXIST"): (U, U, U, U, U),
    (502, "SERVICE_UNAVAILABLE"): (U, U, U, U, U),
    (503, "SERVICE_UNAVAILABLE"): (U, U, U, U, U),
    (400, "A_CODE_OF_TOMORROW"): (U, U, U, U, U),
    (302, "PARAM_ERROR"): (U, U, U, U, U),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("status", "code"), list(TABLE))
def test_error_table(status: int, code: str, kind: str) -> None:
    outcome, state = TABLE[status, code][KINDS.index(kind)]
    result = decode(cast.COMMANDS[kind], cast.error(status, code))
    assert (result.outcome, result.state, result.code) == (outcome, state, code)
    assert (result.message, result.request_id) == ("说明", "08E6-268512771")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [201, 202, 301, 400, 401, 403, 404, 405, 429, 500, 502, 504])
@pytest.mark.parametrize("body", [b"", b"<html>502 Bad Gateway</html>", b"[]", b'{"code":7}'])
def test_error_without_a_code_is_unknown(kind: str, status: int, body: bytes) -> None:
    result = decode(cast.COMMANDS[kind], Response(status=status, headers={}, body=body))
    assert (result.outcome, result.state) == (UNKNOWN, None)
    assert result.code == f"HTTP_{status}"


def test_parameter_error_names_the_field_but_never_its_value() -> None:
    detail = {"field": "/payer/openid", "issue": "长度不足", "value": "oUpF8", "location": "body"}
    result = decode(cast.pay(), cast.error(400, "PARAM_ERROR", "参数错误", detail=detail))
    assert result.message == "参数错误 (/payer/openid 长度不足)"
