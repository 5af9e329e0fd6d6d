"""An operator of the finance role at the console: opens the page, presses the button that the page
offers, fills in the dialog that it brings, and sends it with the tokens that stand in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils.translation import override

from gateway import roles
from orders.models import (
    AllocationDetail,
    AllocationOrder,
    AllocationReceiver,
    PayOrder,
    RefundOrder,
    ShareReturn,
    TransferOrder,
)
from orders.money import format_yuan
from tests import cast
from tests.e2e.hands import REASON, ApiHand, Part
from tests.e2e.paper import Paper

HTMX = {"HX-Request": "true"}


def yuan(fen: int) -> str:
    return format_yuan(fen, sign=False)


class AdminHand:
    """Buttons are found on the page, never guessed: what it does not offer cannot be done."""

    def __init__(self, house: cast.House) -> None:
        roles.ensure()
        user = User.objects.create_user("wang", password="correct horse battery", is_staff=True)
        user.groups.add(Group.objects.get(name="finance"))
        self._house = house
        self._api = ApiHand(house)
        self._client = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
        self._client.force_login(user)

    def place(self, channel: str, amount: int, **more: Any) -> PayOrder:
        """Customers are not operators: pay orders come in through the API alone."""
        return self._api.place(channel, amount, **more)

    def do(self, row: Any, operation: str) -> None:
        self._press(row, f"op-{operation}", reason=REASON)

    def refund(self, order: PayOrder, amount: int) -> RefundOrder:
        self._press(order, "op-refund", amount=yuan(amount), reason=REASON)
        found = order.refunds.order_by("-pk").first()
        assert found is not None
        return found

    def transfer(self, channel: str, amount: int, payee: Mapping[str, str]) -> TransferOrder:
        typed = {"channel": channel, "amount": yuan(amount), "title": "新会员奖金", **payee}
        return self._fill_in(TransferOrder, typed)

    def add_receiver(self, channel: str, who: Mapping[str, str]) -> AllocationReceiver:
        names = {"account": "account_no"}
        typed = {names.get(name, name): value for name, value in who.items()}
        return self._fill_in(AllocationReceiver, {"channel": channel, **typed})

    def share(self, order: PayOrder, parts: Sequence[Part]) -> AllocationOrder:
        """By the default group, whose rates come to these parts of the paid amount."""
        rates = {f"rate_{who.receiver_no}": f"{fen * 100 / order.amount:g}" for who, fen in parts}
        which = urlencode({"application": self._house.application.app_id, "channel": order.channel})
        address = f"/admin/orders/allocationgroup/add/?{which}"
        self._submit(address, {"name": "Partners", "is_default": "on", **rates})
        self._press(order, "op-allocate")
        found = order.allocations.order_by("-pk").first()
        assert found is not None
        return found

    def give_back(self, detail: AllocationDetail, amount: int) -> ShareReturn:
        fields = {"amount": yuan(amount), "reason": REASON}
        self._press(detail.allocation, f"op-return-{detail.pk}", **fields)
        found = detail.returns.order_by("-pk").first()
        assert found is not None
        return found

    def shows(self, row: Any) -> str:
        """The first chip of the page's head, which stands for the status."""
        label = self._get(page_of(row)).chips[0]
        with override("en"):
            (found,) = (value for value, text in type(row).Status.choices if text == label)
        return str(found)

    # --- as a browser does it -------------------------------------------------------------

    def _press(self, row: Any, button: str, **typed: str) -> None:
        page = self._get(page_of(row))
        address = page.ids[button].get("hx-get", "")
        assert address, f"{button} is not offered at {row}"
        dialog = self._get(address, HTMX)
        assert dialog.red == []
        form = dialog.form()
        asked = {name: value for name, value in typed.items() if name in form.fields}
        fields = {**form.fields, **asked}
        answer = self._client.post(form.attributes["hx-post"], fields, headers=HTMX)
        assert answer.status_code == 204, Paper(answer.content.decode()).red
        assert "zf-done" in answer["HX-Trigger"]

    def _fill_in(self, model: Any, typed: Mapping[str, str]) -> Any:
        """The form that makes a new row; its page is where the browser is led."""
        led_to = self._submit(f"/admin/orders/{model._meta.model_name}/add/", typed)
        return model.objects.get(pk=int(led_to.rstrip("/").split("/")[-2]))

    def _submit(self, address: str, typed: Mapping[str, str]) -> str:
        form = self._get(address).form()
        assert set(typed) <= {*form.fields, "is_default"}
        answer = self._client.post(address, {**form.fields, **typed})
        assert answer.status_code == 302, Paper(answer.content.decode()).red
        return str(answer["Location"])

    def _get(self, address: str, headers: Mapping[str, str] | None = None) -> Paper:
        answer = self._client.get(address, headers=dict(headers or {}))
        assert answer.status_code == 200, (address, answer.status_code)
        return Paper(answer.content.decode())


def page_of(row: Any) -> str:
    return f"/admin/orders/{row._meta.model_name}/{row.pk}/change/"
