"""Every example that the console shows is run here, as it stands, against a running house; and
every door's self-check says what its door would say.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from django.utils import translation

from orders import doors
from orders.engine import drain, wake
from orders.errors import InvalidInput
from orders.models import ApiKey, ChannelAccount, DoorKey, Event, MerchantNotice, PayOrder
from orders.selfcheck import State
from orders.services import notices
from tests import cast
from tests.gateway.daxpay.client import BEIJING, sign_string
from tests.peers.setup import HOME as PEERS

ROOT = Path(__file__).resolve().parents[2]
STANDIN = ROOT / "tests" / "gateway" / "daxpay" / "standin"
NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


# --- running the examples ---------------------------------------------------------------------


class Shop:
    """An application with keys at every door, and what its programmer was shown of them."""

    def __init__(self, base_url: str) -> None:
        self.house = cast.merchant("A")
        merchant = self.house.merchant
        for code in ("wechat", "alipay"):
            ChannelAccount.objects.create(merchant=merchant, channel=code, code=code, name=code)
        self.keys: dict[str, DoorKey] = {}
        self.env = {
            "PATH": os.environ["PATH"],
            "ZF_API_KEY": self.house.api_key,
            "ZF_WEBHOOK_SECRET": self.house.application.webhook_secret,
        }
        for code in doors.keyed():
            self.keys[code], shown = doors.issue(self.house.application, code, {})
            self.env |= {one.env: one.value for one in shown}
        self.base_url = base_url

    def examples(self, code: str) -> list[doors.Example]:
        place = doors.place(self.house.application, self.keys.get(code))
        return doors.get(code).examples(place)

    def run(self, example: doors.Example, cwd: Path) -> str:
        """What it prints. Fails where it fails."""
        modules = PEERS / "minapp-sdk" / "node_modules"
        paths = {"PYTHONPATH": f"{STANDIN}:{ROOT}", "NODE_PATH": str(modules)}
        command = {
            "bash": ["bash", "-euo", "pipefail", "-c", example.text],
            "python": [sys.executable, "-c", example.text],
            "javascript": ["node", "-e", example.text],
        }[example.language]
        done = subprocess.run(
            command, env={**self.env, **paths}, cwd=cwd, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def shop(live_server: Any, redis_client: Any, settings: Any) -> Shop:
    settings.BASE_URL = live_server.url
    settings.PREPAY_DEADLINE_S = 0
    with translation.override("en"):
        return Shop(live_server.url)


def of(shop: Shop, code: str, language: str) -> list[doors.Example]:
    return [one for one in shop.examples(code) if one.language == language]


def test_every_example_of_the_own_api_works(shop: Shop, tmp_path: Path) -> None:
    read, create = of(shop, "api", "bash")

    assert json.loads(shop.run(read, tmp_path))["data"] == []
    made = json.loads(shop.run(create, tmp_path))

    order = PayOrder.objects.get()
    assert (made["order_no"], made["amount"]) == (order.order_no, 12800)
    assert (order.channel, order.method, order.application) == (
        "sandbox", "native", shop.house.application,
    )  # fmt: skip


def test_every_example_of_daxpay_works(shop: Shop, tmp_path: Path) -> None:
    sdk, order, older = of(shop, "daxpay", "python")
    (curl,) = of(shop, "daxpay", "bash")

    said = shop.run(sdk, tmp_path).splitlines()
    assert said[0] == "daxpay-ping:unipay-callback"
    assert "'mchNo': 'MA'" in said[1] and "'appId': 'app-a'" in said[1]
    ping = json.loads(shop.run(curl, tmp_path))
    assert (ping["code"], ping["data"]["appId"]) == (0, "app-a")
    assert not PayOrder.objects.exists()
    placed = json.loads(shop.run(order, tmp_path))
    row = PayOrder.objects.get()
    assert (row.channel, row.amount) == ("alipay", 1)
    assert placed["code"] == 20043  # made; no worker runs here, so nobody has placed it yet
    json.loads(shop.run(older, tmp_path))
    second = PayOrder.objects.exclude(pk=row.pk).get()
    assert (second.channel, second.amount, second.door) == ("alipay", 1, "daxpay_g3")


def test_every_example_of_kaigedian_works(shop: Shop, tmp_path: Path) -> None:
    (python,) = of(shop, "kaigedian", "python")
    (curl,) = of(shop, "kaigedian", "bash")

    assert shop.run(python, tmp_path).startswith("100 success ")
    answer = json.loads(shop.run(curl, tmp_path))
    assert (answer["statusCode"], json.loads(answer["responseBody"])["itemList"]) == ("100", [])
    doors.fill(shop.keys["kaigedian"], {"response_body_as_object": "1"})
    assert shop.run(python, tmp_path).startswith("100 success {")


def test_the_example_of_minapp_by_curl_works(shop: Shop, tmp_path: Path) -> None:
    (curl,) = of(shop, "minapp", "bash")

    assert json.loads(shop.run(curl, tmp_path))["objects"] == []


@pytest.mark.peers("minapp-sdk")
def test_the_example_of_minapp_by_its_sdk_works(shop: Shop, tmp_path: Path) -> None:
    (sdk,) = of(shop, "minapp", "javascript")
    order = cast.make_pay_order(shop.house, "success")

    said = shop.run(sdk, tmp_path)

    assert said.startswith("200 ") and order.order_no in said


def test_no_example_is_left_out_here_and_none_holds_a_secret(shop: Shop) -> None:
    found = {code: [one.language for one in shop.examples(code)] for code in doors.codes()}

    assert found == {
        "api": ["bash", "bash", "python"],
        "daxpay": ["python", "bash", "python", "python"],
        "kaigedian": ["python", "bash"],
        "minapp": ["javascript", "bash"],
    }
    texts = "".join(one.text for code in doors.codes() for one in shop.examples(code))
    secrets = [value for name, value in shop.env.items() if name.startswith("ZF_")]
    assert len(secrets) == 7
    assert not [value for value in secrets if value.strip() in texts]


def test_the_example_of_a_receiver_knows_our_notices_from_forged_ones(
    shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ALLOW_PRIVATE_NOTICE_URLS = True
    settings.ENGINE_NOTICE_THREADS = 2
    monkeypatch.setattr(wake, "publish", lambda queue: None)
    (receiver,) = of(shop, "api", "python")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = subprocess.Popen(
        [sys.executable, "-c", receiver.text], env={**shop.env, "PORT": str(port)},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        _wait_for(port)
        url = f"http://127.0.0.1:{port}/"
        notice = notices.request_test(shop.house.application, cast.MERCHANT_ACTOR, url=url)
        assert drain.run("notice")
        assert running.stdout is not None
        assert running.stdout.readline().startswith('genuine {"type":"notice.test"')
        assert cast.reload(notice).status == MerchantNotice.Status.DELIVERED
        forged = urllib.request.Request(
            url, b"{}",
            {"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"},
        )  # fmt: skip
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(forged)
        assert running.stdout.readline() == "forged {}\n"
    finally:
        running.kill()
        running.communicate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 40
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


# --- keys -------------------------------------------------------------------------------------


@pytest.fixture
def house(db: None) -> cast.House:
    with translation.override("en"):
        yield cast.merchant("A")


@cache
def pair(name: str) -> tuple[str, str]:
    """Slow to make, so one of each name."""
    return doors.new_pair()


def test_a_key_of_the_merchants_own_is_taken_however_it_is_pasted(house: cast.House) -> None:
    private, public = pair("own")
    sloppy = "Hello, here it is:\r\n" + public.replace("\n", " \u200b\u00a0") + "\r\nregards"

    row, shown = doors.issue(house.application, "daxpay", {"merchant_public_key_pem": sloppy})

    assert row.config["merchant_public_key_pem"] == public
    assert [one.name for one in shown] == ["g3_secret"]
    assert private not in json.dumps([row.config, row.secrets])


def test_what_is_shown_is_kept_encrypted_or_not_at_all(house: cast.House) -> None:
    row, shown = doors.issue(house.application, "kaigedian", {})

    values = {one.name: one.value for one in shown}
    assert set(values) == {"merchant_private_key_pem", "access_token"}
    stored = json.dumps(DoorKey.objects.values().get(), default=str)
    assert all(value not in stored for value in values.values())
    assert row.secrets["access_token"] == values["access_token"]
    assert "merchant_private_key_pem" not in {**row.config, **row.secrets}


@pytest.mark.parametrize("code", ["daxpay", "kaigedian"])
def test_a_bad_key_is_refused_at_its_field_and_nothing_is_made(
    house: cast.House, code: str
) -> None:
    with pytest.raises(InvalidInput, match="Never send a private key") as refused:
        doors.issue(house.application, code, {"merchant_public_key_pem": pair("own")[0]})

    assert refused.value.field == "merchant_public_key_pem"
    assert not DoorKey.objects.exists()


def test_names_that_a_merchants_programs_have_already_are_kept_and_are_unique(
    house: cast.House,
) -> None:
    row, _shown = doors.issue(house.application, "minapp", {"client_id": "995140f59511a222c937"})
    assert row.identity == row.config["client_id"] == "995140f59511a222c937"
    other = cast.merchant("B").application

    with pytest.raises(InvalidInput, match="keys for 995140f59511a222c937 at this door already"):
        doors.issue(other, "minapp", {"client_id": "995140f59511a222c937"})
    with pytest.raises(InvalidInput, match="without a colon"):
        doors.issue(other, "kaigedian", {"partner_id": "18:60"})
    assert DoorKey.objects.count() == 1


def test_a_part_is_made_anew_without_the_others(house: cast.House) -> None:
    row, _shown = doors.issue(house.application, "kaigedian", {"partner_id": "1860"})
    before = cast.reload(row)

    (token,) = doors.rotate(row, "token")
    assert doors.rotate(row, "platform") == []

    after = cast.reload(row)
    assert after.secrets["access_token"] == token.value != before.secrets["access_token"]
    public = "platform_public_key_pem"
    assert after.config[public] != before.config[public]
    key = serialization.load_pem_private_key(
        after.secrets["platform_private_key_pem"].encode(), None
    )
    assert doors.key_fingerprint(after.config[public]) == doors.key_fingerprint(
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    kept = ("merchant_public_key_pem", "partner_id", "app_id")
    assert [after.config[name] for name in kept] == [before.config[name] for name in kept]


def test_what_two_people_change_at_once_is_all_kept(
    house: cast.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, _shown = doors.issue(house.application, "kaigedian", {})
    door, made = doors.get("kaigedian"), doors.get("kaigedian").make
    calls: list[str] = []

    def meanwhile(part: str) -> dict[str, str]:
        if not calls:
            calls.append(part)
            doors.fill(row, {"notify_url": "https://shop.example/push"})
        return made(part)

    monkeypatch.setattr(door, "make", meanwhile)
    (token,) = doors.rotate(row, "token")

    after = cast.reload(row)
    assert after.config["notify_url"] == "https://shop.example/push"
    assert after.secrets["access_token"] == token.value


# --- the self-check ---------------------------------------------------------------------------


def daxpay(house: cast.House, **changes: Any) -> tuple[DoorKey, dict[str, Any]]:
    """The door key, and a request without its signature."""
    given = {"merchant_public_key_pem": pair("own")[1]}
    row, _shown = doors.issue(house.application, "daxpay", given)
    message = {
        "mchNo": "MA", "appId": "app-a", "reqId": "1", "reqTime": "2026-11-20 12:00:00",
        "nonceStr": "n-1", "title": "", "amount": 1,
    }  # fmt: skip
    return row, {**message, **changes}


def signed(text: str, name: str = "own", algorithm: Any = None) -> str:
    key = serialization.load_pem_private_key(pair(name)[0].encode(), None)
    made = key.sign(text.encode(), PKCS1v15(), algorithm or hashes.SHA256())
    return base64.b64encode(made).decode()


def steps(row: DoorKey, message: dict[str, Any], text: str = "") -> list[tuple[str, str]]:
    """(state, sentence) of each step."""
    given = {"body": json.dumps(message, ensure_ascii=False), "text": text}
    return [(one.state, one.said) for one in doors.get(row.dialect).check(row, given, NOW)]


def test_a_good_request_passes_every_step_and_is_not_used_up(
    house: cast.House, redis_client: Any, client: Any
) -> None:
    row, message = daxpay(house)
    message["reqTime"] = datetime.now(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
    text = sign_string(message)
    message["sign"] = signed(text)

    found = steps(row, message, text)

    assert [state for state, _said in found if state != State.WARN] == [State.GOOD] * 6
    body = json.dumps(message)
    for code in (0, 10409):  # the nonce was still fresh; it is the door that uses it up
        answer = client.post("/unipay/ping", body, content_type="application/json").json()
        assert answer["code"] == code


@pytest.mark.parametrize(
    ("change", "at", "said"),
    [
        ({"appId": "app-b"}, 2, "It names MA:app-b; these keys are those of MA:app-a."),
        ({"reqId": None}, 1, "reqId is required."),
        ({"reqTime": "yesterday"}, 3, "reqTime: Must be Beijing time such as 2026-11-20 18:30:00."),
        ({"nonceStr": None}, 4, "nonceStr is missing."),
    ],
)
def test_what_is_wrong_with_a_request_is_said_at_its_step(
    house: cast.House, change: dict[str, Any], at: int, said: str
) -> None:
    row, message = daxpay(house, **change)
    message["sign"] = signed(sign_string(message))

    found = steps(row, message)

    assert found[at] == (State.BAD, said)
    assert found[6][0] == State.GOOD


def test_an_old_request_may_still_be_looked_at(house: cast.House) -> None:
    row, message = daxpay(house, reqTime="2026-11-20 11:00:00")
    assert steps(row, message)[3] == (
        State.WARN, "-3600 seconds away from our clock; 300 are allowed.",
    )  # fmt: skip


def test_the_reason_for_a_wrong_signature_is_found_out(house: cast.House) -> None:
    row, message = daxpay(house)
    text = sign_string(message)
    reasons = {
        "another private key than the one": signed(text, "other"),
        "but SHA1withRSA was signed": signed(text, algorithm=hashes.SHA1()),
        "but empty values were left out": signed(text.replace("&title=", "")),
        "but with an & at its end.": signed(text + "&"),
        "but the JSON was signed and not": signed(
            json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        ),
        "but another text was signed: the SHA-256 of yours is": signed("something else"),
        "is Base64 for URLs": signed(text).replace("+", "-").replace("/", "_") + "-",
        "is not Base64 in one line": signed(text)[:40] + "\n" + signed(text)[40:],
        "has 1024 bits, the public key here 2048": base64.b64encode(bytes(128)).decode(),
    }
    for reason, signature in reasons.items():
        state, said = steps(row, {**message, "sign": signature})[6]
        assert (state, reason in said) == (State.BAD, True), (reason, said)
    assert steps(row, message)[6] == (State.OPEN, "There is no sign in the body.")


def test_two_texts_are_shown_where_they_part(house: cast.House) -> None:
    row, message = daxpay(house)
    text = sign_string(message)

    assert steps(row, message, text)[5] == (State.GOOD, "Both are the same.")
    state, said = steps(row, message, text.replace("amount=1", "amount=1.0"))[5]
    assert (state, said.startswith("They part at character 9:")) == (State.BAD, True)
    state, said = steps(row, message, f" {text}")[5]
    assert said == "Yours has blanks or a line break around it."


@pytest.mark.parametrize("body", ["", "{", "[]", '{"a":1,"a":2}', "\ud800", '{"sign":{"a":[1]}}'])
@pytest.mark.parametrize("code", ["daxpay", "kaigedian"])
def test_no_body_is_too_odd_to_be_looked_at(house: cast.House, code: str, body: str) -> None:
    row, _shown = doors.issue(house.application, code, {})
    found = doors.get(code).check(row, {"body": body, "text": ""}, NOW)
    assert State.BAD in {one.state for one in found}


def test_the_check_of_an_envelope_is_the_doors_own(house: cast.House) -> None:
    given = {"merchant_public_key_pem": pair("own")[1], "partner_id": "1860", "app_id": "2eb5"}
    row, _shown = doors.issue(house.application, "kaigedian", given)
    envelope = {"ver": 1, "partnerId": "1860", "appId": "2eb5", "requestBody": '{"orderCode":"1"}'}
    text = 'appId=2eb5&partnerId=1860&requestBody={"orderCode":"1"}&ver=1'

    assert [state for state, _said in steps(row, {**envelope, "sign": signed(text)}, text)] == [
        State.GOOD
    ] * 6
    state, said = steps(row, {**envelope, "sign": signed('{"orderCode":"1"}')})[5]
    assert (state, "only requestBody was signed" in said) == (State.BAD, True)
    assert steps(row, {**envelope, "requestBody": "x"})[3][0] == State.BAD
    assert steps(row, {**envelope, "partnerId": "9"})[2][0] == State.BAD


def older(row: DoorKey, kind: str = "md5", secret: str = "") -> dict[str, Any]:
    """A G3 request; its signature as its documentation says."""
    message = {
        "mchNo": "MA", "appId": "app-a", "reqTime": "2026-11-20 12:00:00", "bizOrderNo": "B-1",
        "title": "Tea", "amount": 128.5,
    }  # fmt: skip
    secret = secret or row.secrets["g3_secret"]
    text = "&".join(f"{name}={message[name]}" for name in sorted(message)) + f"&key={secret}"
    data = text.upper().encode()
    made = hashlib.md5(data).hexdigest() if kind == "md5" else hmac.digest(
        secret.encode(), data, "sha256"
    ).hex()  # fmt: skip
    return {**message, "sign": made}


def test_a_request_of_the_third_generation_is_checked_without_showing_its_secret(
    house: cast.House,
) -> None:
    row, _message = daxpay(house)
    text = "AMOUNT=128.5&APPID=APP-A&BIZORDERNO=B-1&MCHNO=MA&REQTIME=2026-11-20 12:00:00&TITLE=TEA"
    secret = row.secrets["g3_secret"]
    body = json.dumps(older(row))

    found = doors.get("daxpay").check(row, {"body": body, "text": f"{text}&KEY={secret}"}, NOW)

    assert [one.state for one in found] == [State.GOOD] * 5
    assert found[3].texts == [("This is what has to be signed (UTF-8)", text)]
    assert secret.upper() not in str(found).upper()
    assert "by the G3 secret (md5)" in found[4].said
    assert steps(row, older(row, "hmac"))[4][0] == State.GOOD
    assert "Another text was signed" in steps(row, older(row, secret="other"))[4][1]
    assert steps(row, {**older(row), "appId": None})[1][0] == State.BAD
    row = doors.fill(row, {"g3_sign_type": "hmac_sha256"})
    assert "but md5 was used; set here is hmac_sha256" in steps(row, older(row))[4][1]


def test_a_choice_that_there_is_not_is_refused(house: cast.House) -> None:
    row, _message = daxpay(house)
    with pytest.raises(InvalidInput, match="g3_sign_type has no such choice"):
        doors.fill(row, {"g3_sign_type": "rot13"})
    assert cast.reload(row).config == row.config


def test_nothing_that_onboarding_does_writes_an_order(house: cast.House) -> None:
    row, message = daxpay(house)
    steps(row, message)
    doors.rotate(row, "platform")
    assert [model.objects.count() for model in (PayOrder, Event, MerchantNotice)] == [0, 0, 0]
    assert ApiKey.objects.count() == 1
