"""An application gets its keys, examples and self-check in the console, and a notice to try."""

from __future__ import annotations

import html as htmls
import json
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders import doors, secrets
from orders.models import ApiKey, Application, DoorKey, Merchant, MerchantNotice, PayOrder
from tests import cast
from tests.gateway.test_onboarding import pair, sign_string, signed
from tests.orders.admin.conftest import ClientOf
from tests.orders.admin.test_settings_pages import ORDERS, SHARING
from tests.orders.admin.test_words import CHINESE, KNOWN, NAMES, visible


def shown(html: str) -> dict[str, str]:
    """What a page shows once, by door and name."""
    found = re.findall(r'id="zf-once-([a-z]+-[a-z0-9_]+)" tabindex="0">([^<]*)<', html)
    return {name: htmls.unescape(value) for name, value in found}


def add(client: Client, house: cast.House, **changes: Any) -> Any:
    fields = {
        "merchant": house.merchant.pk, "app_id": "shop-2", "name": "Shop 2",
        "notify_url": "https://shop.example/hook", "is_active": "on",
        "merchant_public_key_pem": "", **SHARING, **changes,
    }  # fmt: skip
    return client.post(f"{ORDERS}/application/add/", fields)


def door(row: Application, code: str, rest: str = "") -> str:
    return f"{ORDERS}/application/{row.pk}/doors/{code}/{rest}"


def said_of(row: Application) -> list[str]:
    return list(
        LogEntry.objects.filter(object_id=str(row.pk), content_type__model="application")
        .order_by("pk")
        .values_list("change_message", flat=True)
    )


# --- a new application ------------------------------------------------------------------------


def test_a_new_application_gets_its_keys_at_once_and_they_are_shown_once(
    as_root: Client, house: cast.House
) -> None:
    answer = add(as_root, house, doors=["daxpay", "kaigedian", "minapp"])

    assert answer.status_code == 200 and "no-store" in answer["Cache-Control"]
    row = Application.objects.get(app_id="shop-2")
    values = shown(answer.content.decode())
    assert set(values) == {
        "api-api_key", "api-webhook_secret", "daxpay-merchant_private_key_pem",
        "daxpay-g3_secret", "kaigedian-merchant_private_key_pem", "kaigedian-access_token",
        "minapp-token",
    }  # fmt: skip
    assert ApiKey.objects.get(application=row).digest == ApiKey.hash(values["api-api_key"])
    assert row.webhook_secret == values["api-webhook_secret"]
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", row.webhook_secret)
    keys = {key.dialect: key for key in row.door_keys.all()}
    assert keys["daxpay"].identity == "MA:shop-2"
    assert keys["minapp"].secrets == {"token": values["minapp-token"]}
    assert keys["kaigedian"].secrets["access_token"] == values["kaigedian-access_token"]
    assert said_of(row)[1:] == [
        f"Issued keys for the door {code}." for code in ("api", "daxpay", "kaigedian", "minapp")
    ]

    pages = [f"{ORDERS}/application/{row.pk}/change/", *(door(row, c) for c in doors.codes())]
    later = "".join(as_root.get(url).content.decode() for url in pages)
    stored = json.dumps(list(DoorKey.objects.values()), default=str)
    for value in values.values():
        assert htmls.escape(value) not in later and value not in stored
    assert not any(value in said for value in values.values() for said in said_of(row))


def test_the_page_of_the_keys_has_them_as_shell_variables_and_examples(
    as_root: Client, house: cast.House, settings: Any
) -> None:
    settings.BASE_URL = "https://pay.example"
    html = htmls.unescape(add(as_root, house, doors=["minapp"]).content.decode())

    key, token = shown(html)["api-api_key"], shown(html)["minapp-token"]
    assert f"export ZF_API_KEY={key}\n" in html and f"export ZF_MINAPP_TOKEN={token}" in html
    assert "https://pay.example/api/v1/pay-orders" in html
    assert "BaaS.init" in html and '{ host: "https://pay.example" }' in html


def test_a_sloppy_public_key_is_taken_and_a_bad_one_refused_at_its_field(
    as_root: Client, house: cast.House
) -> None:
    sloppy = " ".join(pair("own")[1].split("\n"))
    refused = add(
        as_root, house, doors=["daxpay"], merchant_public_key_pem=pair("own")[0]
    ).content.decode()
    assert "Never send a private key." in refused
    assert not Application.objects.filter(app_id="shop-2").exists()

    answer = add(as_root, house, doors=["daxpay"], merchant_public_key_pem=sloppy)

    key = DoorKey.objects.get()
    assert key.config["merchant_public_key_pem"] == pair("own")[1]
    assert "daxpay-merchant_private_key_pem" not in shown(answer.content.decode())


def test_a_door_that_cannot_write_the_numbers_is_refused_before_anything_is_made(
    as_root: Client, house: cast.House
) -> None:
    chinese = Merchant.objects.create(mch_no="茶铺", name="茶铺")

    answer = add(as_root, house, merchant=chinese.pk, doors=["daxpay"])

    assert "DaxPay&#x27;s numbers are ASCII" in answer.content.decode()
    assert not Application.objects.filter(app_id="shop-2").exists()


def test_a_name_that_is_taken_costs_only_its_door(as_root: Client, house: cast.House) -> None:
    doors.issue(house.application, "kaigedian", {"partner_id": "A", "app_id": "x"})
    name = doors.get("kaigedian").names(Application(merchant=house.merchant, app_id="shop-2"), {})
    DoorKey.objects.update(identity=f"{name['partner_id']}:{name['app_id']}")

    html = add(as_root, house, doors=["kaigedian", "minapp"]).content.decode()

    row = Application.objects.get(app_id="shop-2")
    assert "at this door already." in html
    assert [key.dialect for key in row.door_keys.all()] == ["minapp"]
    assert "api-api_key" in shown(html)


# --- the doors of an application --------------------------------------------------------------


def test_an_application_shows_the_state_of_every_door(
    as_auditor: Client, house: cast.House
) -> None:
    doors.issue(house.application, "minapp", {"client_id": "995140f59511a222c937"})
    html = as_auditor.get(f"{ORDERS}/application/{house.application.pk}/change/").content.decode()

    for code in doors.codes():
        assert f'href="{door(house.application, code)}"' in html
    assert "995140f59511a222c937" in html and "no keys yet" in html and "1 key" in html


def test_keys_are_issued_later_with_the_names_that_the_merchant_has(
    as_root: Client, house: cast.House
) -> None:
    row = house.application
    fields = {"partner_id": "18 60", "app_id": "2eb5c8", "response_body_as_object": "on"}

    refused = as_root.post(door(row, "kaigedian", "issue/"), {**fields, "partner_id": "18:60"})
    assert "without a colon" in refused.content.decode() and not DoorKey.objects.exists()
    answer = as_root.post(door(row, "kaigedian", "issue/"), {**fields, "partner_id": "1860"})

    assert "no-store" in answer["Cache-Control"]
    key = DoorKey.objects.get()
    assert key.identity == "1860:2eb5c8" and key.config["response_body_as_object"] == "1"
    assert set(shown(answer.content.decode())) == {
        "kaigedian-merchant_private_key_pem", "kaigedian-access_token",
    }  # fmt: skip
    as_root.post(door(row, "kaigedian", "issue/"), fields)
    assert DoorKey.objects.values().get() == {
        **DoorKey.objects.values().get(), "secrets_stored": key.secrets_stored,
    }  # fmt: skip


def test_a_part_is_made_anew_shown_once_and_logged(as_root: Client, house: cast.House) -> None:
    row = house.application
    key, _shown = doors.issue(row, "daxpay", {})

    values = shown(as_root.post(door(row, "daxpay", "rotate/g3/")).content.decode())
    after = cast.reload(key)
    assert values == {"daxpay-g3_secret": after.secrets["g3_secret"]}
    assert after.secrets["g3_secret"] != key.secrets["g3_secret"]
    assert after.config == key.config
    html = as_root.post(door(row, "daxpay", "rotate/platform/"), follow=True).content.decode()
    public = cast.reload(key).config["platform_public_key_pem"]
    assert public != key.config["platform_public_key_pem"] and htmls.escape(public) in html
    assert doors.key_fingerprint(public) in html
    assert said_of(row) == ["Made “g3” of the door daxpay anew.", "Made “platform” of the door daxpay anew."]  # fmt: skip  # noqa: E501
    assert as_root.post(door(row, "daxpay", "rotate/nothing/")).status_code == 404


def test_a_public_key_is_replaced_and_the_refusal_stands_at_its_field(
    as_root: Client, house: cast.House
) -> None:
    row = house.application
    key, _shown = doors.issue(row, "daxpay", {})
    bare = "".join(pair("own")[1].split("\n")[1:-2])

    html = as_root.post(
        door(row, "daxpay"), {"merchant_public_key_pem": "nonsense!"}
    ).content.decode()
    assert re.search(r'id="id_merchant_public_key_pem-wrong"[^>]*>The key is not Base64\.', html)
    assert cast.reload(key).config == key.config
    as_root.post(door(row, "daxpay"), {"merchant_public_key_pem": bare})
    as_root.post(door(row, "daxpay"), {"merchant_public_key_pem": ""})  # keeps it

    assert cast.reload(key).config["merchant_public_key_pem"] == pair("own")[1]
    assert (
        doors.key_fingerprint(pair("own")[1]) in as_root.get(door(row, "daxpay")).content.decode()
    )


def test_a_door_is_switched_off_and_on_and_its_callers_notice_at_once(
    as_root: Client, house: cast.House
) -> None:
    row = house.application
    _key, (token,) = doors.issue(row, "minapp", {"client_id": "abc"})
    called = {"X-Hydrogen-Client-ID": "abc", "Authorization": f"Hydrogen-r1 {token.value}"}
    orders = "/hserve/v2.2/idp/pay/order/"
    assert Client().get(orders, headers=called).status_code == 200

    for _click in range(2):
        as_root.post(door(row, "minapp", "switch/"), {"to": "off"})
    assert Client().get(orders, headers=called).status_code == 401
    as_root.post(door(row, "minapp", "switch/"), {"to": "on"})

    assert Client().get(orders, headers=called).status_code == 200
    assert said_of(row) == ["Switched the door minapp off.", "Switched the door minapp on."]


WRITES = ("issue/", "rotate/platform/", "switch/")


@pytest.mark.parametrize("rest", ["", *WRITES])
def test_who_may_not_change_an_application_changes_no_door(
    client_of: ClientOf, support: User, as_root: Client, house: cast.House, rest: str
) -> None:
    row = house.application
    if rest != "issue/":
        doors.issue(row, "daxpay", {})
    before = list(DoorKey.objects.values())
    client = client_of(support)

    assert client.post(door(row, "daxpay", rest), {"to": "off"}).status_code == 403
    if rest:
        assert as_root.get(door(row, "daxpay", rest)).status_code == 405
    page = client.get(door(row, "daxpay")).content.decode()

    assert list(DoorKey.objects.values()) == before and not said_of(row)
    assert "issue/" not in page and "rotate/" not in page and "switch/" not in page
    assert "zf-danger" not in page and 'name="merchant_public_key_pem"' not in page


def test_a_reader_sees_examples_and_fingerprints_and_no_secret(
    as_auditor: Client, house: cast.House
) -> None:
    row = house.application
    key, values = doors.issue(row, "kaigedian", {})

    html = as_auditor.get(door(row, "kaigedian")).content.decode()

    assert "curl -sS" in html and "$ZF_KAIGEDIAN_KEY" in html
    assert secrets.fingerprint(key.secrets["access_token"]) in html
    assert doors.key_fingerprint(key.config["platform_public_key_pem"]) in html
    assert not any(htmls.escape(one.value) in html for one in values)
    assert htmls.escape(key.secrets["platform_private_key_pem"]) not in html


def test_a_page_opens_when_what_is_stored_cannot_be_read(
    as_root: Client, house: cast.House, settings: Any
) -> None:
    row = house.application
    doors.issue(row, "daxpay", {})
    settings.ENCRYPTION_KEYS = {"new": bytes(32)}

    assert "cannot be read" in as_root.get(door(row, "daxpay")).content.decode()
    assert "cannot be read" in as_root.post(door(row, "daxpay", "sample/")).content.decode()
    answer = as_root.post(door(row, "daxpay", "rotate/platform/"), follow=True)
    assert "cannot be read" in answer.content.decode()


@pytest.mark.parametrize("rest", ["", "issue/", "switch/", "check/", "sample/"])
def test_there_are_no_other_doors(as_root: Client, house: cast.House, rest: str) -> None:
    method = as_root.post if rest else as_root.get
    assert method(door(house.application, "backdoor", rest)).status_code == 404
    assert as_root.get(f"{ORDERS}/application/999999/doors/api/").status_code == 404


# --- the self-check ---------------------------------------------------------------------------


def test_a_pasted_request_is_checked_step_by_step_and_nothing_is_done(
    as_auditor: Client, house: cast.House
) -> None:
    row = house.application
    doors.issue(row, "daxpay", {"merchant_public_key_pem": pair("own")[1]})
    message = {
        "mchNo": "MA", "appId": "app-a", "reqId": "1", "reqTime": "2026-11-20 12:00:00",
        "nonceStr": "n", "bizOrderNo": "B-1", "title": "Tea", "amount": 1, "method": "wechat_qr",
    }  # fmt: skip
    text = sign_string(message)
    body = json.dumps({**message, "sign": signed(text)})

    good = as_auditor.post(door(row, "daxpay", "check/"), {"body": body, "text": text})
    bad = as_auditor.post(
        door(row, "daxpay", "check/"), {"body": body.replace("Tea", "<b>"), "text": ""}
    )

    html = good.content.decode()
    assert html.count('<li class="zf-good">') == 6 and html.count('<li class="zf-bad">') == 0
    html = bad.content.decode()
    assert "another text was signed" in html and "title=&lt;b&gt;" in html
    assert not PayOrder.objects.exists() and not LogEntry.objects.exists()
    assert as_auditor.get(door(row, "daxpay", "check/")).status_code == 405
    assert as_auditor.post(door(row, "minapp", "check/"), {"body": body}).status_code == 404
    huge = as_auditor.post(door(row, "daxpay", "check/"), {"body": "x" * 70_000})
    assert "at most 65536" in huge.content.decode()


@pytest.mark.parametrize("code", ["api", "daxpay", "kaigedian", "minapp"])
def test_a_sample_is_signed_with_what_a_notice_is_signed_with(
    client_of: ClientOf, support: User, as_auditor: Client, house: cast.House, code: str
) -> None:
    row = house.application
    if code != "api":
        doors.issue(row, code, {})

    html = htmls.unescape(client_of(support).post(door(row, code, "sample/")).content.decode())

    assert "Body, exactly as sent" in html and "Signed text" in html and "Signature" in html
    if code in ("daxpay", "kaigedian"):
        assert DoorKey.objects.get().config["platform_public_key_pem"] in html
    assert as_auditor.post(door(row, code, "sample/")).status_code == 403
    assert not MerchantNotice.objects.exists()


# --- a notice to try --------------------------------------------------------------------------


def test_a_test_notice_is_written_in_the_doors_words_and_its_page_follows_it(
    client_of: ClientOf, support: User, house: cast.House
) -> None:
    row, client = house.application, client_of(support)
    doors.issue(row, "kaigedian", {"notify_url": "https://shop.example/pushes"})
    page = client.get(f"{ORDERS}/application/{row.pk}/change/").content.decode()
    assert '<option value="kaigedian">' in page and '<option value="daxpay">' not in page
    url = f"{ORDERS}/application/{row.pk}/try/"

    own = client.post(url, {"door": "api", "url": ""})
    push = client.post(url, {"door": "kaigedian", "url": ""}, follow=True)

    first, second = MerchantNotice.objects.order_by("pk")
    assert (first.dialect, first.url) == ("standard", "https://shop-a.example/notices")
    assert (second.dialect, second.url) == ("kaigedian", "https://shop.example/pushes")
    assert (first.kind, first.order_no) == ("notice.test", "")
    assert own["Location"] == f"{ORDERS}/merchantnotice/{first.pk}/change/"
    assert f'hx-get="{ORDERS}/merchantnotice/{second.pk}/live/?v=' in push.content.decode()


def test_a_test_notice_needs_a_role_an_address_and_a_door(
    client_of: ClientOf, support: User, as_auditor: Client, house: cast.House
) -> None:
    url = f"{ORDERS}/application/{house.application.pk}/try/"
    client = client_of(support)
    Application.objects.update(notify_url="")

    assert as_auditor.post(url, {"door": "api", "url": "https://a.example/"}).status_code == 302
    page = as_auditor.get(f"{ORDERS}/application/{house.application.pk}/change/").content.decode()
    assert "Your role may not send notices." in page
    assert client.get(url).status_code == 405
    assert client.post(url, {"door": "daxpay"}).status_code == 404
    assert "name an address" in client.post(url, {"door": "api"}, follow=True).content.decode()
    bad = client.post(url, {"door": "api", "url": "ftp://x"}, follow=True).content.decode()
    assert "must be an http(s) address" in bad
    assert not MerchantNotice.objects.exists()


def test_the_page_of_a_notice_is_drawn_again_only_when_something_is_new(
    as_auditor: Client, house: cast.House
) -> None:
    notice = cast.make_notice(house)
    MerchantNotice.objects.filter(pk=notice.pk).update(status="pending", state="due", ended_at=None)
    page = as_auditor.get(f"{ORDERS}/merchantnotice/{notice.pk}/change/").content.decode()
    live = htmls.unescape(re.search(r'hx-get="([^"]+)" hx-trigger="every', page)[1])

    assert as_auditor.get(live).status_code == 204
    MerchantNotice.objects.filter(pk=notice.pk).update(
        status="dead", state="ended", tries=18, ended_at=timezone.now()
    )
    again = as_auditor.get(live)

    assert again.status_code == 200
    html = again.content.decode()
    assert 'id="zf-live"' in html and "every 2s" not in html and "<html" not in html
    assert as_auditor.get(f"{ORDERS}/merchantnotice/999999/live/").status_code == 404


def test_notices_are_filtered_by_words_and_kind(as_auditor: Client, house: cast.House) -> None:
    cast.make_notice(house)
    listed = f"{ORDERS}/merchantnotice/"

    for query, count in (
        ("kind=pay_order.success", 1), ("kind=notice.test", 0), ("dialect=standard", 1),
        ("dialect=daxpay&kind=pay_order.success", 0),
    ):  # fmt: skip
        html = as_auditor.get(f"{listed}?{query}").content.decode()
        assert html.count('<td class="main">') == count, query
    assert (
        "is not applied" in as_auditor.get(f"{listed}?dialect=morse", follow=True).content.decode()
    )


def test_a_rare_kind_of_notice_is_found_by_an_index(as_auditor: Client, house: cast.House) -> None:
    notice = cast.make_notice(house)
    many = (
        MerchantNotice(
            application=house.application, kind="pay_order.success", notice_id=f"msg_{n}",
            url=notice.url, body="{}", status="dead", state="ended",
        )
        for n in range(5_000)
    )  # fmt: skip
    MerchantNotice.objects.bulk_create(many)
    MerchantNotice.objects.filter(pk=notice.pk).update(kind="notice.test", dialect="daxpay")
    with connection.cursor() as cursor:
        cursor.execute("analyze orders_merchantnotice")

    for query in ("kind=notice.test", "dialect=daxpay"):
        with CaptureQueriesContext(connection) as queries:
            html = as_auditor.get(f"{ORDERS}/merchantnotice/?{query}").content.decode()
        assert html.count('<td class="main">') == 1
        read = [one["sql"] for one in queries.captured_queries if "merchantnotice" in one["sql"]]
        with connection.cursor() as cursor:
            for sql in read:
                cursor.execute("explain " + sql)
                plan = "\n".join(row[0] for row in cursor.fetchall())
                assert f"notice_{query.partition('=')[0]}_created" in plan, plan


# --- words ------------------------------------------------------------------------------------

TECHNICAL = re.compile(
    r"^(DaxPay|RSA|G3|SDK|Python|bash|python|javascript|curl|openssl|minapp-sdk|payBodyType|qr_code|"
    r"jsapi|HMAC-SHA256|appId|partnerId|responseBody|UTF-8|MA:app-a|A:|"
    r"reqTime|reqId|nonceStr|SHA-256|[0-9a-f]{8,64})$"
)


@pytest.mark.parametrize("code", ["api", "daxpay", "kaigedian", "minapp"])
@pytest.mark.parametrize("is_issued", [True, False])
def test_a_doors_page_is_in_the_readers_language(
    as_root: Client, house: cast.House, code: str, is_issued: bool
) -> None:
    if is_issued and code != "api":
        doors.issue(house.application, code, {})
    page = door(house.application, code)

    chinese = visible(as_root.get(page, headers={"Accept-Language": "zh-CN,zh"}).content.decode())
    english = visible(as_root.get(page, headers={"Accept-Language": "en"}).content.decode())

    words = re.findall(r"[A-Za-z][\w.:/-]*", re.sub(r"\b[0-9a-f]{8,64}\b", "", chinese))
    assert [one for one in words if not KNOWN.match(one) and not TECHNICAL.match(one)] == []
    assert CHINESE.findall(NAMES.sub("", english)) == []
