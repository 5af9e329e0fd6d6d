"""What an account must have, what the channel declares, and what of an exchange is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from channels.alipay import account as accounts
from channels.alipay.channel import AlipayChannel
from channels.base import (
    BillKind,
    Method,
    PayeeType,
    Problem,
    ReceiverType,
    Response,
)
from tests.channels import alipay_cast as cast


def problems(
    config: dict[str, str], secrets: dict[str, str] | None = None, **changes: str
) -> list[Problem]:
    chosen = cast.SECRETS if secrets is None else secrets
    return AlipayChannel().check_account({**config, **changes}, chosen)


@pytest.mark.parametrize("config", [cast.KEY_MODE, cast.CERT_MODE])
def test_whole_account_has_no_problem(config: dict[str, str]) -> None:
    assert problems(config) == []


def test_published_certificates_make_a_whole_account() -> None:
    """But for the private key, which is not published: that one problem is seen."""
    vector = cast.VECTORS["cert_sn"]
    config = {
        "app_cert_pem": vector["app_cert_pem"],
        "alipay_cert_pem": vector["alipay_cert_pem"],
        "alipay_root_cert_pem": vector["root_bundle_pem"],
    }
    message = "This certificate does not belong to the private key."
    assert problems(cast.CERT_MODE, **config) == [Problem(field="app_cert_pem", message=message)]
    config["app_cert_pem"] = cast.APP_CERT
    assert problems(cast.CERT_MODE, **config) == []


STRANGER = cast.certificate(cast.alipay_key, "alipay", 9, issuer="Nobody")


@pytest.mark.parametrize(
    ("mode", "changes", "fields"),
    [
        (cast.KEY_MODE, {"app_id": ""}, ["app_id"]),
        (cast.KEY_MODE, {"app_id": "wx12345678"}, ["app_id"]),
        (cast.KEY_MODE, {"seller_id": "12"}, ["seller_id"]),
        (cast.KEY_MODE, {"gateway_url": "http://openapi.alipay.com/gateway.do"}, ["gateway_url"]),
        (cast.KEY_MODE, {"gateway_url": f"{cast.GATEWAY}?charset=utf-8"}, ["gateway_url"]),
        (cast.KEY_MODE, {"gateway_url": "https:///gateway.do"}, ["gateway_url"]),
        (cast.KEY_MODE, {"gateway_url": "https://openapi.alipay.com"}, ["gateway_url"]),
        (cast.KEY_MODE, {"alipay_public_key_pem": ""}, ["alipay_public_key_pem"]),
        (cast.KEY_MODE, {"alipay_public_key_pem": "x"}, ["alipay_public_key_pem"]),
        (
            cast.KEY_MODE,
            {"alipay_public_key_pem": cast.public_pem(cast.app_key)},
            ["alipay_public_key_pem"],
        ),
        (cast.CERT_MODE, {"app_cert_pem": ""}, ["app_cert_pem"]),
        (
            cast.CERT_MODE,
            {"app_cert_pem": "", "alipay_root_cert_pem": ""},
            ["app_cert_pem", "alipay_root_cert_pem"],
        ),
        (cast.CERT_MODE, {"app_cert_pem": "x"}, ["app_cert_pem"]),
        (cast.CERT_MODE, {"app_cert_pem": cast.ALIPAY_CERT}, ["app_cert_pem"]),
        (cast.CERT_MODE, {"alipay_cert_pem": "x"}, ["alipay_cert_pem"]),
        (cast.CERT_MODE, {"alipay_cert_pem": cast.ROOT_CERT}, ["alipay_cert_pem"]),
        (cast.CERT_MODE, {"alipay_cert_pem": STRANGER}, ["alipay_cert_pem"]),
        (cast.CERT_MODE, {"alipay_root_cert_pem": "x"}, ["alipay_root_cert_pem"]),
    ],
)
def test_each_fault_is_named_at_its_field(
    mode: dict[str, str], changes: dict[str, str], fields: list[str]
) -> None:
    found = problems(mode, **changes)
    assert [problem.field for problem in found] == fields
    assert all(problem.message for problem in found)


@pytest.mark.parametrize("pem", ["", "x", cast.public_pem(cast.app_key)])
def test_private_key_must_be_one(pem: str) -> None:
    found = problems(cast.KEY_MODE, {"app_private_key_pem": pem})
    assert [problem.field for problem in found] == ["app_private_key_pem"]


def test_loopback_may_be_plain_http() -> None:
    assert problems(cast.KEY_MODE, gateway_url="http://127.0.0.1:8001/gateway.do") == []


def test_only_the_private_key_is_secret() -> None:
    assert [field.name for field in accounts.FIELDS if field.secret] == ["app_private_key_pem"]
    assert all(field.help for field in accounts.FIELDS)


def test_capabilities_are_alipay_s() -> None:
    can = AlipayChannel.capabilities
    assert can.methods == frozenset(Method)
    assert can.close and can.cancel and can.cancel_same_day
    assert can.pay_idempotent and can.refund_idempotent and can.transfer_idempotent
    assert (can.refund_days, can.refund_max_count, can.refund_spacing) == (None, None, None)
    assert (can.expiry_min, can.expiry_max) == (60, 15 * 86400)
    assert can.amount_max == 10_000_000_000
    assert (can.transfer, can.transfer_cancel, can.transfer_min) == (True, False, 10)
    assert can.payee_types == frozenset(PayeeType)
    assert (can.allocation, can.allocation_finish, can.allocation_return) == (True, True, False)
    assert (can.allocation_max_receivers, can.allocation_after) == (5, 30)
    assert can.receiver_types == frozenset(ReceiverType) - {ReceiverType.MERCHANT_NO}
    assert can.bills == {BillKind.TRADE}


# --- what is kept -------------------------------------------------------------------------


def kept_request(command: object) -> str:
    channel = AlipayChannel()
    request = channel.encode(command, cast.account(), now=cast.NOW, nonce="")  # type: ignore[arg-type]
    return channel.scrub_request(request)


def test_request_is_kept_readable_without_signature_and_code() -> None:
    assert kept_request(replace(cast.pay(Method.BARCODE), attach="")) == (
        "POST https://openapi.alipay.com/gateway.do\n"
        "app_id=2014072300007148\n"
        'biz_content={"out_trade_no":"P01KAF7R1ZGH7V9X2M4N6P8Q0RS","total_amount":"88.01",'
        '"subject":"测试商品 A&B=C+100%","product_code":"FACE_TO_FACE_PAYMENT",'
        '"seller_id":"2088102169227503","time_expire":"2026-11-20 12:30:00",'
        '"scene":"bar_code","auth_code":"***"}\n'
        "charset=utf-8\n"
        "format=JSON\n"
        "method=alipay.trade.pay\n"
        "notify_url=https://pay.example.com/callback/alipay/7/\n"
        "sign_type=RSA2\n"
        "timestamp=2026-11-20 12:00:00\n"
        "version=1.0\n"
        "sign=***"
    )


@pytest.mark.parametrize(
    ("command", "secrets", "shown"),
    [
        (cast.pay(Method.JSAPI), [cast.BUYER], '"buyer_id":"***"'),
        (cast.pay(Method.JSAPI, openid=cast.OPENID), [cast.OPENID], '"buyer_open_id":"***"'),
        (
            cast.transfer(),
            ["zhang@example.com", "张三"],
            '"payee_info":{"identity":"***","identity_type":"ALIPAY_LOGON_ID","name":"***"}',
        ),
        (
            cast.allocate(),
            [cast.RECEIVER, cast.LOGIN, "李四"],
            '"trans_in":"***","trans_in_name":"***","amount":"3.00"',
        ),
        (
            cast.bind(),
            [cast.LOGIN, "李四"],
            '{"type":"loginName","account":"***","name":"***","memo":"一号店"}',
        ),
        (cast.pay(Method.PAGE), [], "method=alipay.trade.page.pay"),
    ],
)
def test_people_in_a_request_are_hidden(command: object, secrets: list[str], shown: str) -> None:
    text = kept_request(command)
    assert shown in text
    assert [secret for secret in secrets if secret in text] == []
    assert "sign=***" in text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"buyer_logon_id":"159****5620"}', '{"buyer_logon_id":"***"}'),
        ('{"buyer_user_id" : "2088102169481075"}', '{"buyer_user_id" : "***"}'),
        ('{"buyer_user_id":2088102169481075,"a":1}', '{"buyer_user_id":"***","a":1}'),
        ('{"buyer_open_id":"074a1CcT"}', '{"buyer_open_id":"***"}'),
        ('{"buyer_name":"a\\"b","x":"y"}', '{"buyer_name":"***","x":"y"}'),
        ('{"trade_no":"2026","sign":"QkV+UWeho=="}', '{"trade_no":"2026","sign":"***"}'),
        ('{"sign":"QkV+UWe', '{"sign":"***"'),
        ('{"sign":"QkV+UWe\\', '{"sign":"***"'),
        ('{"login_name":"李四"}', '{"login_name":"***"}'),
        ('{"bill_download_url":"http://d/?token=1"}', '{"bill_download_url":"***"}'),
        ('{"store_name":"证大五道口店"}', '{"store_name":"证大五道口店"}'),
        ('{"subject":"buyer_id"}', '{"subject":"buyer_id"}'),
        ('{"ext":"{\\"buyer_id\\":\\"2088\\"}"}', '{"ext":"{\\"buyer_id\\":\\"***\\"}"}'),
        ("<html>502</html>", "<html>502</html>"),
    ],
)
def test_answer_is_kept_without_people_and_signatures(before: str, after: str) -> None:
    response = Response(status=200, headers={"trace_id": "0bb4"}, body=before.encode())
    kept = AlipayChannel().scrub_response(response)
    assert kept == f"HTTP 200\ntrace_id: 0bb4\n\n{after}"


def test_empty_answer_is_kept_as_its_status() -> None:
    response = Response(status=502, headers={"Date": "d", "Set-Cookie": "secret"}, body=b"")
    assert AlipayChannel().scrub_response(response) == "HTTP 502\nDate: d"


def test_body_that_is_no_text_is_kept_as_text() -> None:
    response = Response(status=200, headers={}, body=b"\xff\x00a")
    assert AlipayChannel().scrub_response(response) == "HTTP 200\n\n\ufffd\ufffda"


def test_request_id_is_the_trace_of_the_gateway() -> None:
    response = Response(status=200, headers={"trace_id": "0" * 200}, body=b"")
    assert AlipayChannel().request_id(response) == "0" * 128
    assert AlipayChannel().request_id(Response(status=200, headers={}, body=b"")) == ""


def test_vectors_name_their_source() -> None:
    folder = Path(__file__).parents[1] / "vectors/alipay"
    assert "Licence" in (folder / "SOURCE.txt").read_text()
    assert "PRIVATE KEY" not in json.dumps(cast.DOCUMENT)
