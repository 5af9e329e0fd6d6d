"""The order page: what it shows, what it offers and refuses, and what a click really does."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from channels.base import Outcome, PayState
from orders import rules
from orders.admin import timeline
from orders.models import Anomaly, ChannelCall, Event, PayOrder, RefundOrder
from tests import cast
from tests.orders.admin import outgoing
from tests.orders.admin.conftest import ClientOf

HTMX = {"HX-Request": "true"}


def page_url(order: Any) -> str:
    return f"/admin/orders/{order._meta.model_name}/{order.pk}/change/"


def do_url(order: Any, code: str) -> str:
    return f"/admin/orders/{order._meta.model_name}/{order.pk}/do/{code}/"


def live_url(order: Any, version: str = "") -> str:
    return f"/admin/orders/{order._meta.model_name}/{order.pk}/live/?v={version}"


def do(client: Client, order: Any, code: str, **fields: str) -> Any:
    return client.post(do_url(order, code), fields, headers=HTMX)


def stamp(order: PayOrder) -> str:
    order = cast.reload(order)
    return f"{order.refund_count}.{order.refundable_balance}"


def offered(html: str) -> dict[str, str]:
    """Operation code → the panel's sentence, empty when the operation is possible."""
    found = {}
    for block in re.findall(r"<li[^>]*>\s*(<button[^>]*id=\"op-.*?)</li>", html, re.S):
        code = re.search(r'id="op-(\w+)"', block)[1]
        is_off = 'aria-disabled="true"' in block
        said = re.sub(r"<a .*", "", re.search(r'<p id="why-\w+"[^>]*>(.*?)</p>', block, re.S)[1])
        assert is_off == ("hx-get" not in block)
        found[code] = unescape(said).strip() if is_off else ""
    return found


def alerts(html: str) -> list[str]:
    found = re.findall(r'role="alert">(.*?)</p>', html, re.S)
    texts = [re.sub(r"<a .*?</a>", "", text, flags=re.S) for text in found]
    texts = [re.sub(r'<span class="material.*?</span>', "", text, flags=re.S) for text in texts]
    return [unescape(re.sub(r"<[^>]+>", "", text)).strip() for text in texts]


def everything(house: cast.House) -> list[Any]:
    """An order of every state of every machine that has a page."""
    rows: list[Any] = [cast.make_pay_order(house, status) for status in PayOrder.Status.values]
    refunding = cast.make_pay_order(house, "success")
    rows += [refunding, cast.make_refund(refunding)]
    for status in ("success", "fail", "close"):
        rows.append(cast.make_refund(cast.make_pay_order(house, "success"), status))
    rows.append(anomaly(cast.make_pay_order(house, "close")))
    closing = cast.make_pay_order(house, "progress")
    cast.pay.request_close(closing.order_no, cast.CLOCK)
    rows += outgoing.all_rows(house)
    return [cast.reload(row) for row in [*rows, closing]]


def anomaly(order: PayOrder, kind: str = "close_paid", **told: Any) -> Anomaly:
    return Anomaly.objects.create(
        kind=kind, pay_order=order, merchant_id=order.merchant_id, order_no=order.order_no,
        out_no=f"42-{order.pk}", expected=order.amount, happened_at=order.created_at,
        **{"amount": order.amount, **told},
    )  # fmt: skip


# --- one sentence ------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("role", ["finance", "auditor"])
def test_panel_rule_and_post_say_the_same_sentence(
    request: pytest.FixtureRequest, client_of: ClientOf, house: cast.House, role: str, language: str
) -> None:
    user: User = request.getfixturevalue(role)
    client = client_of(user)
    rows = everything(house)
    refused = 0
    for row in rows:
        headers = {"Accept-Language": language}
        html = client.get(page_url(row), headers=headers).content.decode()
        with override(language):
            wanted = {
                code: str(rules.why_not(row, code, user) or "")
                for code in rules.operations(type(row))
            }
        assert offered(html) == wanted
        for code, sentence in wanted.items():
            if sentence:
                before = Event.objects.count(), ChannelCall.objects.count()
                fields = {"reason": "x", "amount": "0.01", "stamp": stamp_of(row)}
                answer = client.post(do_url(row, code), fields, headers={**HTMX, **headers})
                assert answer.status_code == 200
                assert alerts(answer.content.decode()) == [sentence], (row, code)
                assert (Event.objects.count(), ChannelCall.objects.count()) == before
                refused += 1
    assert refused >= 60


def stamp_of(row: Any) -> str:
    return stamp(row) if isinstance(row, PayOrder) else "0.0"


def test_a_blocked_refund_links_to_the_refund_in_its_way(
    as_finance: Client, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "success")
    refund = cast.make_refund(order)

    html = as_finance.get(page_url(order)).content.decode()

    link = f'href="/admin/find/?q={refund.refund_no}"'
    assert link in html
    assert as_finance.get("/admin/find/", {"q": refund.refund_no})["Location"] == page_url(refund)


def test_a_reader_sees_every_operation_with_its_reason(
    as_auditor: Client, auditor: User, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "success")

    said = offered(as_auditor.get(page_url(order)).content.decode())

    assert said["refund"] == "Your role may not do this: refund."
    assert said["sync"] == "Your role may not do this: sync."
    assert said["close"].startswith("The order is “paid”; close needs “waiting for payment”")


# --- what a click does -------------------------------------------------------------------------


def test_a_refund_through_the_dialog_writes_the_intent_once(
    as_finance: Client, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "success", amount=128850)
    dialog = as_finance.get(do_url(order, "refund"), headers=HTMX).content.decode()
    assert "at most ¥1,288.50" in dialog
    assert 'value="1,288.50"' in dialog
    assert not RefundOrder.objects.exists()

    answer = do(
        as_finance, order, "refund", amount="386.55", reason="sent back", stamp=stamp(order)
    )

    assert answer.status_code == 204
    assert json.loads(answer["HX-Trigger"]) == {"zf-done": {"said": "Refund: accepted"}}
    refund = RefundOrder.objects.get()
    assert (refund.amount, refund.reason, refund.asked_by, refund.door) == (
        38655, "sent back", "finance", "admin",
    )  # fmt: skip
    assert cast.reload(order).refundable_balance == 128850 - 38655
    assert cast.open_kinds(refund) == ["refund"]


def test_the_same_dialog_sent_twice_refunds_once(as_finance: Client, house: cast.House) -> None:
    order = cast.make_pay_order(house, "success")
    fields = {"amount": "30", "reason": "sent back", "stamp": stamp(order)}

    first = do(as_finance, order, "refund", **fields)
    second = do(as_finance, order, "refund", **fields)
    refund = RefundOrder.objects.get()
    cast.channel_says(
        refund, Outcome.DONE, state=cast.RefundState.SUCCESS, out_no="5000", amount=3000
    )
    third = do(as_finance, order, "refund", **fields)

    assert first.status_code == 204
    assert second.status_code == third.status_code == 200
    changed = "The order has changed since this dialog was opened. Look again."
    assert alerts(second.content.decode()) == [changed]
    assert alerts(third.content.decode()) == [changed]
    assert "at most ¥70.00" in third.content.decode()
    assert RefundOrder.objects.count() == 1


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("", "This is not an amount in yuan, such as 12.34."),
        ("abc", "This is not an amount in yuan, such as 12.34."),
        ("1.234", "This is not an amount in yuan, such as 12.34."),
        ("NaN", "This is not an amount in yuan, such as 12.34."),
        ("0", None),
        ("-1", None),
        ("100.01", "¥100.01 is more than the ¥100.00 that can still be refunded."),
        ("1e30", None),
    ],
)
def test_an_amount_that_cannot_be_is_refused_beside_its_field(
    as_finance: Client, house: cast.House, amount: str, sentence: str | None
) -> None:
    order = cast.make_pay_order(house, "success")

    answer = do(as_finance, order, "refund", amount=amount, reason="x", stamp=stamp(order))

    html = answer.content.decode()
    assert answer.status_code == 200
    assert 'aria-describedby="zf-amount-wrong"' in html
    assert len(alerts(html)) == 1
    if sentence:
        assert alerts(html) == [sentence]
    assert not RefundOrder.objects.exists()


def test_a_reason_is_asked_for_and_kept_in_the_form(as_finance: Client, house: cast.House) -> None:
    order = cast.make_pay_order(house, "success")

    without = do(as_finance, order, "refund", amount="12.5", reason="  ", stamp=stamp(order))
    too_long = do(as_finance, order, "refund", amount="1", reason="x" * 257, stamp=stamp(order))

    assert alerts(without.content.decode()) == ["Give a reason; it is kept in the order's history."]
    assert 'value="12.5"' in without.content.decode()
    assert alerts(too_long.content.decode()) == ["At most 256 characters."]
    assert not RefundOrder.objects.exists()


def test_close_cancel_sync_and_retry_go_through(as_finance: Client, house: cast.House) -> None:
    closing = cast.make_pay_order(house, "progress")
    cancelling = cast.make_pay_order(house, "progress")
    asked = cast.make_pay_order(house, "progress")
    failed = cast.make_refund(cast.make_pay_order(house, "success"), "fail")
    given_up = cast.make_refund(cast.make_pay_order(house, "success"), "fail")

    assert do(as_finance, closing, "close", reason="customer left").status_code == 204
    assert do(as_finance, cancelling, "cancel", reason="wrong goods").status_code == 204
    assert do(as_finance, asked, "sync").status_code == 204
    assert do(as_finance, failed, "retry").status_code == 204
    assert do(as_finance, given_up, "close", reason="paid in cash").status_code == 204

    assert cast.reload(closing).intent == "close"
    assert cast.reload(cancelling).intent == "cancel"
    assert cast.open_kinds(asked) == ["query_pay"]
    assert cast.open_kinds(failed) == ["refund"]
    assert cast.reload(given_up).status == RefundOrder.Status.CLOSE
    reasons = Event.objects.exclude(reason="").values_list("reason", flat=True)
    assert {"customer left", "wrong goods", "paid in cash"} <= set(reasons)


def test_an_anomaly_is_decided_on_its_page(as_finance: Client, house: cast.House) -> None:
    row = anomaly(cast.make_pay_order(house, "close"))
    other = anomaly(cast.make_pay_order(house, "close"))
    html = as_finance.get(page_url(row)).content.decode()
    assert offered(html) == {"confirm": "", "refund_payment": "", "ignore": ""}

    assert do(as_finance, row, "confirm", reason="shipped anyway").status_code == 204
    assert do(as_finance, other, "ignore", reason="our own test").status_code == 204

    assert cast.reload(row).status == Anomaly.Status.CONFIRMED
    assert cast.reload(row.pay_order).status == PayOrder.Status.SUCCESS
    assert cast.reload(other).status == Anomaly.Status.IGNORED
    assert cast.reload(other.pay_order).status == PayOrder.Status.CLOSE


def test_an_anomaly_without_an_amount_says_so_and_shows_no_other(
    as_finance: Client, house: cast.House
) -> None:
    row = anomaly(cast.make_pay_order(house, "success"), "foreign_refund", amount=None)
    pages = (
        page_url(row),
        page_url(row.pay_order),
        "/admin/orders/anomaly/",
        do_url(row, "ignore"),
    )
    for url in pages:
        html = as_finance.get(url, headers=HTMX if "do" in url else {}).content.decode()
        assert "amount unknown" in html, url
    assert "refund not made here · amount unknown" in as_finance.get(pages[1]).content.decode()


def test_a_get_changes_nothing(as_finance: Client, house: cast.House) -> None:
    for row in everything(house):
        for code in rules.operations(type(row)):
            before = Event.objects.count(), ChannelCall.objects.count(), RefundOrder.objects.count()
            assert as_finance.get(do_url(row, code), headers=HTMX).status_code == 200
            assert as_finance.get(do_url(row, code)).status_code == 302
            after = Event.objects.count(), ChannelCall.objects.count(), RefundOrder.objects.count()
            assert after == before


def test_operations_need_the_csrf_token(finance: User, house: cast.House) -> None:
    order = cast.make_pay_order(house, "progress")
    client = Client(enforce_csrf_checks=True)
    client.force_login(finance)

    assert do(client, order, "sync").status_code == 403
    assert cast.open_kinds(order) == []


def test_an_unknown_operation_or_order_is_not_found(as_finance: Client, house: cast.House) -> None:
    order = cast.make_pay_order(house, "progress")

    assert do(as_finance, order, "steal").status_code == 404
    assert as_finance.post("/admin/orders/payorder/999999/do/close/").status_code == 404
    assert as_finance.get("/admin/orders/payorder/999999/live/").status_code == 404
    assert as_finance.get("/admin/orders/payorder/999999/change/").status_code == 302
    assert as_finance.get("/admin/orders/payorder/x/change/").status_code == 302
    assert as_finance.post(page_url(order)).status_code == 405
    assert as_finance.put(do_url(order, "close")).status_code == 405


def test_who_may_not_see_an_order_may_not_touch_it(client_of: ClientOf, house: cast.House) -> None:
    order = cast.make_pay_order(house, "progress")
    client = client_of(cast.person("stranger", ["sync_payorder", "view_merchant"]))

    assert client.get(page_url(order)).status_code == 403
    assert client.get(live_url(order)).status_code == 403
    assert do(client, order, "sync").status_code == 403
    assert cast.open_kinds(order) == []


# --- following ---------------------------------------------------------------------------------


def version_of(client: Client, order: Any) -> str:
    html = client.get(page_url(order)).content.decode()
    return unescape(re.search(r'hx-get="[^"]*\?v=([^"&]*)', html)[1])


def test_a_poll_is_empty_until_something_changes(as_finance: Client, house: cast.House) -> None:
    order = cast.make_pay_order(house, "progress")
    version = version_of(as_finance, order)
    with CaptureQueriesContext(connection) as queries:
        assert as_finance.get(live_url(order, version)).status_code == 204
    assert len(queries) <= 8

    seen = {version}
    cast.pay.request_sync(order.order_no, cast.CLOCK)
    seen.add(timeline.version(cast.reload(order)))
    call = cast.claim(order)
    seen.add(timeline.version(cast.reload(order)))
    cast.corridor.settle(
        [
            cast.corridor.Answer(
                call_id=call.pk,
                attempt=call.attempt,
                result=cast.Result(outcome=Outcome.DONE, state=PayState.PAID, out_no="42"),
                exchange=cast.Exchange(),
            )
        ]
    )
    seen.add(timeline.version(cast.reload(order)))

    assert len(seen) == 4
    changed = as_finance.get(live_url(order, version))
    assert changed.status_code == 200
    assert '<span class="zf-chip zf-good">paid</span>' in changed.content.decode()


def test_the_page_polls_while_something_is_in_flight_and_then_stops(
    as_finance: Client, house: cast.House
) -> None:
    quiet = cast.merchant("Q")  # nobody to tell: no notice is left to deliver
    executing = cast.make_pay_order(quiet, "progress")
    ended = cast.make_pay_order(quiet, "success")
    refunding = cast.make_pay_order(quiet, "success")
    refund = cast.make_refund(refunding)

    def polls(row: Any) -> bool:
        return "every " in as_finance.get(live_url(row)).content.decode()

    assert polls(executing) and polls(refunding) and polls(refund)
    assert not polls(ended)
    assert "zf-done from:body" in as_finance.get(live_url(ended)).content.decode()


def test_an_expired_session_sends_the_poll_to_the_login_page(house: cast.House) -> None:
    order = cast.make_pay_order(house, "progress")

    answer = Client().get(
        live_url(order),
        headers={**HTMX, "HX-Current-URL": f"http://testserver{page_url(order)}?all=1"},
    )

    assert answer.status_code == 204
    assert answer["HX-Redirect"].startswith("/admin/login/?next=%2Fadmin%2Forders%2Fpayorder%2F")


# --- the story ---------------------------------------------------------------------------------


def test_the_story_tells_calls_with_their_wire_and_what_they_caused(
    as_finance: Client, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "wait")
    call = cast.claim(order)
    cast.corridor.settle(
        [
            cast.corridor.Answer(
                call_id=call.pk,
                attempt=call.attempt,
                result=cast.Result(outcome=Outcome.UNKNOWN, code="NO_ANSWER", message="timed out"),
                exchange=cast.Exchange(request="POST /v3/pay <wire>", latency_ms=8003),
            )
        ]
    )

    html = as_finance.get(page_url(order)).content.decode()

    assert "<b>Sandbox: place order</b>" in html
    assert '<span class="zf-outcome zf-warn">UNKNOWN</span>' in html
    assert "8,003 ms" in html
    assert "NO_ANSWER timed out" in html
    assert '<pre class="zf-pre" tabindex="0">POST /v3/pay &lt;wire&gt;</pre>' in html
    assert f'<details id="wc{call.pk}" class="zf-wire" hx-preserve="true">' in html
    assert "Order placed" in html
    assert "zf_test" in html


def test_what_is_planned_is_counted_down(as_finance: Client, house: cast.House) -> None:
    order = cast.make_pay_order(house, "progress")
    check = cast.reload(order).next_check_at

    html = as_finance.get(page_url(order), headers={"Accept-Language": "zh-hans"}).content.decode()

    assert "第 1 次查询" in html
    assert re.search(r"data-countdown[^>]*>\d+秒后</time>", html)
    assert check.isoformat() in html
    assert "到期未付将关闭" in html


def test_refunds_and_their_order_link_to_each_other(as_finance: Client, house: cast.House) -> None:
    order = cast.make_pay_order(house, "success", amount=10000)
    refund = cast.make_refund(order, "success", amount=2500)

    of_order = as_finance.get(page_url(order)).content.decode()
    of_refund = as_finance.get(page_url(refund)).content.decode()

    assert page_url(refund) in of_order
    assert page_url(order) in of_refund
    assert 'x="0" y="0" width="250"' in of_order
    assert 'aria-label="refunded ¥25.00, being refunded ¥0.00, refundable ¥75.00"' in of_order


def test_a_long_story_is_cut_and_can_be_shown_whole(as_finance: Client, house: cast.House) -> None:
    order = cast.make_pay_order(house, "progress")
    for _round in range(30):
        cast.pay.request_sync(order.order_no, cast.CLOCK)
        cast.channel_says(order, Outcome.DONE, state=PayState.WAITING)

    cut = as_finance.get(page_url(order)).content.decode()
    whole = as_finance.get(page_url(order) + "?all=1").content.decode()

    assert cut.count('class="zf-what"') < whole.count('class="zf-what"')
    assert 'href="?all=1"' in cut and 'href="?all=1"' not in whole
    assert "&amp;all=1" in whole  # the refresh keeps it whole


def test_words_of_merchants_and_channels_are_never_markup(
    as_finance: Client, house: cast.House
) -> None:
    evil = "<img src=x onerror=alert(1)>"
    order = cast.make_pay_order(
        house, "wait", title=evil, attach=evil, biz_order_no="'onclick=alert(1)"
    )
    cast.channel_says(order, Outcome.REFUSED, code="<b>", message=evil)
    house.merchant.name = evil
    house.merchant.save()

    for url in (page_url(order), "/admin/orders/payorder/", "/admin/", do_url(order, "sync")):
        html = as_finance.get(url, headers=HTMX).content.decode()
        assert "<img src=x" not in html, url
        assert "<b>" not in re.sub(r"<b>[^<]*</b>", "", html), url
        assert "onclick=alert" not in html.replace("&#x27;onclick=alert", ""), url


def test_an_order_page_costs_few_queries(as_finance: Client, house: cast.House) -> None:
    order = cast.make_pay_order(house, "success")
    for amount in (1000, 2000, 3000):
        cast.make_refund(order, "success", amount=amount)

    with CaptureQueriesContext(connection) as queries:
        as_finance.get(page_url(order))

    assert len(queries) <= 17, [q["sql"][:150] for q in queries]
