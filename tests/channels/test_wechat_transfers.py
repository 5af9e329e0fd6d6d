"""WeChat Pay's transfers: what is sent, what an answer means, what a notification says."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from channels.base import (
    CallbackRejected,
    Command,
    EncodeError,
    Outcome,
    PayeeType,
    Response,
    Result,
    TransferState,
)
from channels.wechat.channel import WechatChannel
from tests.channels import wechat_cast as cast
from tests.channels import wechat_cast_out as out
from tests.channels.test_wechat_contract import CONTRACT, as_openapi, contract_allows, encode

CHANNEL = WechatChannel()
DONE, PENDING, REFUSED, NOT_SENT, UNKNOWN = (
    Outcome.DONE,
    Outcome.PENDING,
    Outcome.REFUSED,
    Outcome.NOT_SENT,
    Outcome.UNKNOWN,
)


def opened(sealed: str, key: rsa.RSAPrivateKey = cast.provider_key) -> str:
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
    return key.decrypt(base64.b64decode(sealed), oaep).decode()


def members(command: Command, **config: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode(command, **config).body)
    return found


def decode(command: Command, response: Response, **config: str) -> Result:
    return CHANNEL.decode(command, response, cast.account(**config), now=cast.NOW, nonce=cast.NONCE)


# --- what is sent -------------------------------------------------------------------------

ALLOWED: dict[str, Command] = {
    "transfer": out.transfer(),
    "transfer without a name": out.transfer(amount=1000, payee_name=""),
    "transfer of the other scene": out.transfer(scene="1011"),
    "query": out.query_transfer(),
    "cancel": out.cancel_transfer(),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_request_satisfies_the_contract(name: str) -> None:
    CONTRACT.validate_request(as_openapi(encode(ALLOWED[name])))


def test_transfer_is_exactly_this() -> None:
    request = encode(out.transfer())
    assert request.url == f"{cast.BASE_URL}/v3/fund-app/mch-transfer/transfer-bills"
    body = json.loads(request.body)
    assert opened(body.pop("user_name")) == "张三"
    assert body == {
        "appid": cast.APPID,
        "out_bill_no": out.TRANSFER_NO,
        "transfer_scene_id": "1000",
        "transfer_scene_report_infos": [
            {"info_type": "活动名称", "info_content": "注册会员有礼"},
            {"info_type": "奖励说明", "info_content": "注册会员有礼"},
        ],
        "openid": out.OPENID,
        "transfer_amount": 500000,
        "transfer_remark": "新会员奖金",
        "notify_url": "https://pay.example.com/callback/wechat/7/",
    }


def test_query_and_cancel_name_our_number() -> None:
    path = f"{cast.BASE_URL}/v3/fund-app/mch-transfer/transfer-bills/out-bill-no/{out.TRANSFER_NO}"
    query, cancel = encode(out.query_transfer()), encode(out.cancel_transfer())
    assert (query.method, query.url) == ("GET", path)
    assert (cancel.method, cancel.url, cancel.body) == ("POST", f"{path}/cancel", b"")


def test_name_is_sealed_with_the_key_that_the_header_names() -> None:
    """ "Wechatpay-Serial" is needed then and must name the key."""
    request = encode(out.transfer())
    assert request.headers["Wechatpay-Serial"] == cast.KEY_ID
    assert "张三" not in request.body.decode()


def test_certificate_mode_seals_with_the_certificate_that_came_into_force_last() -> None:
    older = cast.certificate_pem(cast.provider_key, serial=0xAB12)
    request = encode(
        out.transfer(),
        public_key_id="",
        public_key_pem="",
        platform_certificates=older + cast.CERTIFICATE_PEM,
    )
    serial = request.headers["Wechatpay-Serial"]
    keys = {f"{0xAB12:040X}": cast.provider_key, f"{cast.PLATFORM_SERIAL:X}": cast.platform_key}
    assert opened(json.loads(request.body)["user_name"], keys[serial]) == "张三"


def test_certificate_out_of_force_seals_nothing() -> None:
    account = cast.account(
        public_key_id="", public_key_pem="", platform_certificates=cast.CERTIFICATE_PEM
    )
    late = cast.NOW.replace(year=cast.NOW.year + 6)
    with pytest.raises(EncodeError) as caught:
        CHANNEL.encode(out.transfer(), account, now=late, nonce=cast.NONCE)
    assert caught.value.field_name == "public_key_pem"


def test_transfer_without_a_name_asks_for_nothing_sealed() -> None:
    certificates = {"public_key_id": "", "public_key_pem": ""}
    request = encode(
        out.transfer(amount=1000, payee_name=""),
        **certificates,
        platform_certificates=cast.CERTIFICATE_PEM,
    )
    assert "Wechatpay-Serial" not in request.headers
    assert "user_name" not in json.loads(request.body)


@pytest.mark.parametrize(
    ("amount", "name", "is_sent"),
    [
        (29, "", True),
        (29, "张三", False),
        (30, "张三", True),
        (199999, "", True),
        (200000, "", False),
        (200000, "张三", True),
    ],
)
def test_name_is_needed_from_2000_yuan_and_forbidden_below_30_fen(
    amount: int, name: str, is_sent: bool
) -> None:
    command = out.transfer(amount=amount, payee_name=name)
    if is_sent:
        assert ("user_name" in members(command)) == bool(name)
        return
    with pytest.raises(EncodeError) as caught:
        encode(command)
    assert caught.value.field_name == "payee_name"


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (out.transfer(payee_type=PayeeType.LOGIN_NAME), "payee_type"),
        (out.transfer(payee_account=""), "payee_account"),
        (out.transfer(payee_name="张" * 72), "payee_name"),
        (out.transfer(payee_name="🎂"), "payee_name"),
        (out.transfer(amount=0), "amount"),
        (out.transfer(currency="USD"), "currency"),
        (out.transfer(transfer_no="T_1"), "transfer_no"),
        (out.transfer(transfer_no="T" * 33), "transfer_no"),
        (out.transfer(remark="长" * 33), "remark"),
        (out.transfer(remark="", title="长" * 33), "remark"),
        (out.transfer(title="🎂"), "title"),
        (out.transfer(scene=""), "scene"),
        (out.transfer(scene="9999"), "scene"),
        (out.transfer(notify_url="https://pay.example.com/?a=1"), "notify_url"),
        (out.query_transfer(transfer_no=""), "transfer_no"),
    ],
)
def test_what_cannot_be_encoded_names_the_field(command: Command, field: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode(command)
    assert caught.value.field_name == field
    assert out.OPENID not in caught.value.message


# --- scenes -------------------------------------------------------------------------------


def test_account_says_what_each_scene_reports() -> None:
    body = members(
        out.transfer(scene="1005"),
        transfer_scenes="1005|劳务报酬|岗位类型=骑手|报酬说明={title}报酬",
    )
    assert body["user_recv_perception"] == "劳务报酬"
    assert body["transfer_scene_report_infos"] == [
        {"info_type": "岗位类型", "info_content": "骑手"},
        {"info_type": "报酬说明", "info_content": "注册会员有礼报酬"},
    ]


def test_transfer_that_names_no_scene_has_the_account_s() -> None:
    assert members(out.transfer(scene=""), transfer_scene="1011")["transfer_scene_id"] == "1011"


def test_report_is_cut_to_its_field() -> None:
    reports = members(out.transfer(title="长" * 40))["transfer_scene_report_infos"]
    assert [len(report["info_content"]) for report in reports] == [32, 32]


@pytest.mark.parametrize(
    "text", ["1000", "1000|x", "|x|a=b", "1000||a", "1000||=b", "1000||" + "长" * 16 + "=b"]
)
def test_scenes_that_cannot_be_read_are_a_problem(text: str) -> None:
    found = CHANNEL.check_account({**cast.CONFIG, "transfer_scenes": text}, cast.SECRETS)
    assert [problem.field for problem in found] == ["transfer_scenes"]
    with pytest.raises(EncodeError) as caught:
        encode(out.transfer(), transfer_scenes=text)
    assert caught.value.field_name == "transfer_scenes"


# --- what an answer means -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "asked", "state"),
    [
        ("ACCEPTED", PENDING, TransferState.PROCESSING),
        ("PROCESSING", PENDING, TransferState.PROCESSING),
        ("WAIT_USER_CONFIRM", DONE, TransferState.WAIT_PAYEE),
        ("TRANSFERING", PENDING, TransferState.PROCESSING),
        ("SUCCESS", DONE, TransferState.SUCCESS),
        ("FAIL", DONE, TransferState.FAILED),
        ("CANCELING", PENDING, TransferState.PROCESSING),
        ("CANCELLED", DONE, TransferState.CLOSED),
    ],
)
def test_each_state_of_the_contract_is_understood(
    word: str, asked: Outcome, state: TransferState
) -> None:
    for command, body, outcome in (
        (out.transfer(), out.created_bill(word), asked),
        (out.query_transfer(), out.bill(word), DONE),
    ):
        contract_allows(command, body)
        result = decode(command, cast.response(body))
        assert (result.outcome, result.state, result.channel_status) == (outcome, state, word)
        assert result.out_no == out.OUT_BILL_NO


def test_transfer_that_waits_for_its_payee_says_how_to_confirm() -> None:
    result = decode(out.transfer(), cast.response(out.created_bill()))
    assert result.pay_params == {
        "mchid": cast.MCHID,
        "appid": cast.APPID,
        "package_info": "affffddafdfafddffda==",
    }


@pytest.mark.parametrize("word", ["ACCEPTED", "SUCCESS", "FAIL", "CANCELLED", "TRANSFERING"])
def test_nothing_is_to_be_confirmed_in_another_state(word: str) -> None:
    body = out.created_bill(word, package_info="affffddafdfafddffda==")
    assert not decode(out.transfer(), cast.response(body)).pay_params
    assert not decode(out.query_transfer(), cast.response(out.bill(word))).pay_params


def test_done_transfer_is_reported_with_amount_and_time() -> None:
    assert decode(out.query_transfer(), cast.response(out.bill())) == Result(
        outcome=DONE,
        state=TransferState.SUCCESS,
        out_no=out.OUT_BILL_NO,
        amount=500000,
        finished_at=datetime(2026, 11, 20, 4, 0, 9, tzinfo=UTC),
        channel_status="SUCCESS",
        request_id="08F78BB5AF0610D302189F8C0E2055-268578704",
    )


@pytest.mark.parametrize(
    ("reason", "state", "code"),
    [
        ("OVERDUE_CLOSE", TransferState.CLOSED, "OVERDUE_CLOSE"),
        ("NAME_NOT_CORRECT", TransferState.FAILED, "NAME_NOT_CORRECT"),
        ("PAYEE_ACCOUNT_ABNORMAL", TransferState.FAILED, "PAYEE_ACCOUNT_ABNORMAL"),
        ("A_REASON_OF_TOMORROW", TransferState.FAILED, "A_REASON_OF_TOMORROW"),
        (None, TransferState.FAILED, "FAIL"),
    ],
)
def test_failed_transfer_says_why(reason: Any, state: TransferState, code: str) -> None:
    result = decode(out.query_transfer(), cast.response(out.bill("FAIL", fail_reason=reason)))
    assert (result.outcome, result.state, result.code) == (DONE, state, code)
    assert bool(result.message) == (code not in ("FAIL", "A_REASON_OF_TOMORROW"))


@pytest.mark.parametrize(
    ("word", "outcome", "state"),
    [
        ("CANCELING", PENDING, TransferState.PROCESSING),
        ("CANCELLED", DONE, TransferState.CLOSED),
    ],
)
def test_cancel_is_asynchronous(word: str, outcome: Outcome, state: TransferState) -> None:
    body = out.cancelled_bill(word)
    contract_allows(out.cancel_transfer(), body)
    result = decode(out.cancel_transfer(), cast.response(body))
    assert (result.outcome, result.state) == (outcome, state)


@pytest.mark.parametrize(
    ("command", "body", "code"),
    [
        (out.transfer(), out.created_bill(out_bill_no="T2"), "ANSWER_MISMATCH"),
        (out.query_transfer(), out.bill(out_bill_no="T2"), "ANSWER_MISMATCH"),
        (out.query_transfer(), out.bill(mch_id="1900000001"), "ANSWER_MISMATCH"),
        (out.query_transfer(), out.bill(mch_id=None), "BAD_BODY"),
        (out.query_transfer(), out.bill(transfer_amount=None), "BAD_BODY"),
        (out.query_transfer(), out.bill(transfer_amount=50.5), "BAD_BODY"),
        (
            out.cancel_transfer(),
            out.cancelled_bill("CANCELLED", out_bill_no="T2"),
            "ANSWER_MISMATCH",
        ),
        (out.transfer(), out.created_bill("SOMETHING_NEW"), "UNKNOWN_STATE"),
        (out.query_transfer(), out.bill("SOMETHING_NEW"), "UNKNOWN_STATE"),
        (out.transfer(), {}, "BAD_BODY"),
    ],
)
def test_signed_answer_that_is_not_ours_or_not_understood_is_unknown(
    command: Command, body: Any, code: str
) -> None:
    result = decode(command, cast.response(body))
    assert (result.outcome, result.state, result.code) == (UNKNOWN, None, code)
    assert not result.pay_params


def test_transfer_whose_answer_is_not_signed_is_unknown() -> None:
    forged = Response(status=200, headers={}, body=cast.dumped(out.created_bill("FAIL")))
    assert decode(out.transfer(), forged).code == "BAD_SIGNATURE"


# --- notifications ------------------------------------------------------------------------


def notified(data: dict[str, Any]) -> bytes:
    return cast.notification(data, event="MCHTRANSFER.BILL.FINISHED")


@pytest.mark.parametrize(
    ("word", "reason", "state"),
    [
        ("SUCCESS", None, TransferState.SUCCESS),
        ("FAIL", "NAME_NOT_CORRECT", TransferState.FAILED),
        ("FAIL", "OVERDUE_CLOSE", TransferState.CLOSED),
        ("CANCELLED", None, TransferState.CLOSED),
    ],
)
@pytest.mark.parametrize("name", ["mch_id", "mchid"])
def test_notification_opens_to_the_fact(
    word: str, reason: Any, state: TransferState, name: str
) -> None:
    data = out.bill(word, fail_reason=reason)
    data[name] = data.pop("mch_id")
    fact = CHANNEL.open_callback(notified(data), cast.account())
    assert (fact.kind, fact.our_no, fact.pay_order_no) == ("transfer", out.TRANSFER_NO, "")
    assert (fact.result.outcome, fact.result.state) == (DONE, state)
    assert (fact.result.amount, fact.result.out_no) == (500000, out.OUT_BILL_NO)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (out.bill(mch_id="1900000001"), "ANSWER_MISMATCH"),
        (out.bill("SOMETHING_NEW"), "UNKNOWN_STATE"),
        (out.bill(out_bill_no=None), "BAD_BODY"),
    ],
)
def test_notification_that_is_not_ours_is_rejected(data: dict[str, Any], code: str) -> None:
    with pytest.raises(CallbackRejected) as caught:
        CHANNEL.open_callback(notified(data), cast.account())
    assert caught.value.code == code
