"""Account settings, parsed keys, certificates and scrubbing."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from requests.structures import CaseInsensitiveDict

from channels.base import Exchange, Method, Outcome, Request, Response, Result
from channels.transport import NotSent
from channels.wechat import keys
from channels.wechat.channel import WechatChannel
from tests.channels import wechat_cast as cast

CHANNEL = WechatChannel()


def wrong(secrets: dict[str, str] | None = None, **config: str) -> list[str]:
    found = CHANNEL.check_account(
        {**cast.CONFIG, **config}, cast.SECRETS if secrets is None else secrets
    )
    return [problem.field for problem in found]


def test_complete_account_has_no_problems() -> None:
    assert wrong() == []
    assert wrong(base_url="http://127.0.0.1:9001") == []
    assert (
        wrong(public_key_id="", public_key_pem="", platform_certificates=cast.CERTIFICATE_PEM) == []
    )


ELLIPTIC = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    .decode()
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("base_url", "http://api.mch.weixin.qq.com"),
        ("base_url", "ftp://127.0.0.1"),
        ("base_url", "https://api.mch.weixin.qq.com?x=1"),
        ("mchid", ""),
        ("mchid", "19000x"),
        ("appid", ""),
        ("appid", "wx 1"),
        ("merchant_serial", ""),
        ("merchant_serial", "not hex"),
        ("public_key_id", "0114232134912410000000000000"),
        ("public_key_id", ""),
        ("public_key_pem", ""),
        ("public_key_pem", "-----BEGIN PUBLIC KEY-----"),
        ("public_key_pem", cast.CERTIFICATE_PEM),
        ("platform_certificates", cast.PROVIDER_PEM),
    ],
)
def test_wrong_setting_is_named(name: str, value: str) -> None:
    assert wrong(**{name: value}) == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("merchant_private_key_pem", ""),
        ("merchant_private_key_pem", "nonsense"),
        ("merchant_private_key_pem", cast.PROVIDER_PEM),
        ("merchant_private_key_pem", ELLIPTIC),
        ("apiv3_key", ""),
        ("apiv3_key", "short"),
    ],
)
def test_wrong_secret_is_named(name: str, value: str) -> None:
    assert wrong({**cast.SECRETS, name: value}) == [name]


def test_account_that_can_verify_nothing_is_a_problem() -> None:
    assert wrong(public_key_id="", public_key_pem="") == ["public_key_pem"]


def test_problems_never_repeat_a_secret() -> None:
    found = CHANNEL.check_account(cast.CONFIG, {**cast.SECRETS, "apiv3_key": "hunter2hunter2"})
    assert "hunter2" not in repr(found)


# --- parsed keys --------------------------------------------------------------------------


def test_a_key_is_parsed_once_and_the_cache_is_bounded() -> None:
    assert keys.private_key(cast.MERCHANT_PEM) is keys.private_key(cast.MERCHANT_PEM)
    for cached in (keys.private_key, keys.public_key, keys.certificates, keys.verification_keys):
        assert cached.cache_parameters()["maxsize"] == 1024


def test_a_changed_key_is_never_served_from_the_cache() -> None:
    first = cast.account()
    second = cast.account(
        secrets={**cast.SECRETS, "merchant_private_key_pem": cast.private_pem(cast.platform_key)}
    )
    assert (first.id, first.version) == (second.id, second.version)
    requests = [
        CHANNEL.encode(cast.query(), account, now=cast.NOW, nonce=cast.NONCE)
        for account in (first, second)
    ]
    assert requests[0].headers["Authorization"] != requests[1].headers["Authorization"]


def test_serials_compare_as_numbers_and_key_ids_as_they_are() -> None:
    assert keys.normal_serial("00aBc1") == "ABC1"
    assert keys.normal_serial("PUB_KEY_ID_00ab") == "PUB_KEY_ID_00ab"


def test_several_certificates_in_one_text_are_all_known() -> None:
    text = cast.CERTIFICATE_PEM + "\n" + cast.certificate_pem(cast.provider_key, serial=0xAB12)
    assert set(keys.certificates(text)) == {f"{cast.PLATFORM_SERIAL:X}", "AB12"}


# --- certificates -------------------------------------------------------------------------


class Wire:
    """A transport that gives one prepared answer and remembers what was sent."""

    def __init__(self, answer: Response | Exception) -> None:
        self.answer = answer
        self.sent: list[Request] = []

    def send(self, request: Request) -> Response:
        self.sent.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def certificate_list(
    key: str = cast.APIV3_KEY, *, serial: str = f"{cast.PLATFORM_SERIAL:040X}"
) -> dict[str, object]:
    return {
        "data": [
            {
                "serial_no": serial,
                "effective_time": "2026-11-19T12:00:00+08:00",
                "expire_time": "2031-11-19T12:00:00+08:00",
                "encrypt_certificate": cast.sealed(
                    cast.CERTIFICATE_PEM.encode(), key=key, aad="certificate"
                ),
            }
        ]
    }


def download(answer: Response | Exception) -> tuple[list[str], Result, Exchange, Wire]:
    wire = Wire(answer)
    account = cast.account(public_key_id="", public_key_pem="")
    found, result, exchange = CHANNEL.download_certificates(
        account,
        transport=wire,  # type: ignore[arg-type]
        now=lambda: cast.NOW,
        nonce=lambda: cast.NONCE,
    )
    return [certificate.pem for certificate in found], result, exchange, wire


def test_first_certificates_verify_by_themselves_and_can_be_stored() -> None:
    answer = cast.response(
        certificate_list(), key=cast.platform_key, serial=f"{cast.PLATFORM_SERIAL:X}"
    )
    pems, result, exchange, wire = download(answer)
    assert (pems, result.outcome) == ([cast.CERTIFICATE_PEM], Outcome.DONE)
    assert [request.url for request in wire.sent] == [f"{cast.BASE_URL}/v3/certificates"]
    assert wrong(public_key_id="", public_key_pem="", platform_certificates=pems[0]) == []
    assert "BEGIN CERTIFICATE" not in exchange.response


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (cast.response(certificate_list()), Outcome.UNKNOWN, "BAD_SIGNATURE"),
        (
            cast.response(
                certificate_list("z" * 32),
                key=cast.platform_key,
                serial=f"{cast.PLATFORM_SERIAL:X}",
            ),
            Outcome.UNKNOWN,
            "APIV3_KEY_MISMATCH",
        ),
        (
            cast.response(
                certificate_list(serial="AB12"),
                key=cast.platform_key,
                serial=f"{cast.PLATFORM_SERIAL:X}",
            ),
            Outcome.UNKNOWN,
            "BAD_BODY",
        ),
        (cast.response({"data": [3]}), Outcome.UNKNOWN, "BAD_BODY"),
        (cast.response({}), Outcome.UNKNOWN, "BAD_BODY"),
        (
            cast.error(404, "RESOURCE_NOT_EXISTS", "无可用的平台证书"),
            Outcome.UNKNOWN,
            "RESOURCE_NOT_EXISTS",
        ),
        (NotSent("CONNECT_FAILED", "refused"), Outcome.NOT_SENT, "CONNECT_FAILED"),
    ],
)
def test_certificates_that_prove_nothing_are_not_returned(
    answer: Response | Exception, outcome: Outcome, code: str
) -> None:
    pems, result, _, _ = download(answer)
    assert (pems, result.outcome, result.code) == ([], outcome, code)


# --- scrubbing ----------------------------------------------------------------------------


def test_request_is_kept_without_signature_openid_and_ip() -> None:
    request = Request(
        method="POST",
        url="https://api.mch.weixin.qq.com/v3/pay/transactions/jsapi",
        headers={
            "Accept": "application/json",
            "Authorization": 'WECHATPAY2-SHA256-RSA2048 mchid="1900007291",'
            'nonce_str="593BEC0C",timestamp="1554208460",serial_no="408B07E7",'
            'signature="mI35pfNEQV6777ke/1T+LJLQDNTm7yeoUJH+j/adPGhm=="',
        },
        body='{"description":"商品","payer":{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},'
        '"scene_info":{"payer_client_ip" : "14.23.150.211"},"amount":{"total":100}}'.encode(),
    )
    assert CHANNEL.scrub_request(request) == (
        "POST https://api.mch.weixin.qq.com/v3/pay/transactions/jsapi\n"
        "Accept: application/json\n"
        'Authorization: WECHATPAY2-SHA256-RSA2048 mchid="1900007291",nonce_str="593BEC0C",'
        'timestamp="1554208460",serial_no="408B07E7",signature="***"\n'
        "\n"
        '{"description":"商品","payer":{"openid":"***"},'
        '"scene_info":{"payer_client_ip" : "***"},"amount":{"total":100}}'
    )


def test_answer_is_kept_without_personal_data_and_other_headers() -> None:
    response = Response(
        status=200,
        headers=CaseInsensitiveDict(
            {
                "request-id": "08F78B",
                "Set-Cookie": "session=abc",
                "Wechatpay-Serial": "PUB_KEY_ID_1",
                "Server": "nginx",
            }
        ),
        body='{"refund_id":"5030","user_received_account":"招商银行信用卡\\"0403\\"",'
        '"payer":{"openid":"oUpF8uMuAJO"},"status":"SUCCESS"}'.encode(),
    )
    assert CHANNEL.scrub_response(response) == (
        "HTTP 200\n"
        "Request-ID: 08F78B\n"
        "Wechatpay-Serial: PUB_KEY_ID_1\n"
        "\n"
        '{"refund_id":"5030","user_received_account":"***",'
        '"payer":{"openid":"***"},"status":"SUCCESS"}'
    )


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ('{"payer":{"openid":"oUpF8uMuAJ', '{"payer":{"openid":"***"'),
        (
            '{"detail":{"field":"/payer/openid","value":"oUpF8","location":"body"}}',
            '{"detail":{"field":"/payer/openid","value":"***","location":"body"}}',
        ),
        ('{"real_name":"张三","bank_account":"6225"}', '{"real_name":"***","bank_account":"***"}'),
        ('{"ciphertext":"0123456789abcdefGHIJKL"}', '{"ciphertext":"0123456789abcdef…"}'),
        ("<html>\x00</html>", "<html>\ufffd</html>"),
    ],
)
def test_bodies_before_and_after_scrubbing(body: str, kept: str) -> None:
    response = Response(status=400, headers={}, body=body.encode())
    assert CHANNEL.scrub_response(response) == f"HTTP 400\n\n{kept}"


@pytest.mark.parametrize("method", list(Method))
def test_no_exchange_of_a_payment_holds_a_secret(method: Method) -> None:
    wire = Wire(cast.error(400, "PARAM_ERROR", detail={"value": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}))
    _, exchange = CHANNEL.perform(
        cast.pay(method),
        cast.account(),
        transport=wire,  # type: ignore[arg-type]
        now=lambda: cast.NOW,
        nonce=lambda: cast.NONCE,
    )
    kept = exchange.request + exchange.response
    signature = wire.sent[0].headers["Authorization"].split('signature="')[1]
    for secret in (signature, cast.APIV3_KEY, "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "14.23.150.211"):
        assert secret not in kept
    assert cast.AUTH_CODE not in kept
    assert cast.ORDER_NO in kept
