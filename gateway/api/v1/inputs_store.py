"""What merchants may send about store orders, field by field. See ``inputs``."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from channels import registry
from channels.base import Method
from gateway.api.v1.fields import (
    MAX_AMOUNT,
    Address,
    Fen,
    Flag,
    MerchantNumber,
    Text,
    Time,
    WebAddress,
    Whole,
)
from gateway.api.v1.inputs import OPTIONAL, Input
from orders.models.store_words import (
    TIMEOUTS,
    StoreKind,
    StorePayStatus,
    StorePayType,
    StoreStatus,
)
from orders.services.store.new import ITEMS_MAX, SMALL_MAX

ENDINGS = (
    "/mark-paid", "/accept", "/reject", "/made", "/deliver", "/complete", "/request-refund",
    "/withdraw-refund", "/agree-refund", "/refuse-refund", "/cancel-after-sale", "/pay",
)  # fmt: skip
"""This API puts these behind a store order's number, besides those of every order."""
MAYBE: dict[str, Any] = {"required": False, "allow_null": True}


class StoreNumber(MerchantNumber):
    """The merchant's number of a store order."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        for ending in ENDINGS:
            if text.endswith(ending):
                message = self.error_messages["reserved_ending"] % {"ending": ending}
                raise serializers.ValidationError(message, code="reserved_ending")
        return text


class Sum(Fen):
    """Fen, or nothing."""

    default_error_messages = {"min_value": _("Must not be below 0.")}

    def __init__(self, **kwargs: Any) -> None:
        super(Whole, self).__init__(min_value=0, max_value=MAX_AMOUNT, **kwargs)


class ItemInput(Input):
    seq = Whole(max_value=SMALL_MAX, help_text="The number of the line.")
    product_id = Text(max_length=64)
    third_product_id = Text(**OPTIONAL, max_length=64, help_text="Your number of the product.")
    name = Text(max_length=128)
    price = Sum(help_text="Fen, of one.")
    quantity = Whole(max_value=SMALL_MAX)
    share_amount = Sum(**MAYBE, help_text="Fen: its part of the order's discount.")
    unit = Text(**OPTIONAL, max_length=16)
    weight = Whole(**MAYBE, max_value=SMALL_MAX, help_text="Grams.")
    spec = Text(**OPTIONAL, max_length=64, help_text="For example the size of a cup.")
    property = Text(**OPTIONAL, max_length=128, help_text="For example how much sugar.")


class PaymentInput(Input):
    channel = serializers.ChoiceField(choices=registry.codes())
    method = serializers.ChoiceField(
        choices=[method.value for method in Method if method is not Method.BARCODE]
    )
    openid = Text(**OPTIONAL, max_length=128, help_text="The customer's (for JSAPI).")
    client_ip = Address(**OPTIONAL, help_text="The customer's (for H5).")


class NewStoreOrderInput(Input):
    biz_order_no = StoreNumber(help_text="Your number of the order, unique per application.")
    store_id = Text(max_length=64)
    store_name = Text(**OPTIONAL, max_length=128)
    kind = serializers.ChoiceField(choices=StoreKind.values)
    client = serializers.IntegerField(
        **MAYBE, min_value=0, max_value=32767, help_text="开个店's number of the way of ordering."
    )
    amount = Sum(help_text="Fen, to be paid.")
    original_amount = Sum(**MAYBE, help_text="Fen, before discounts; by default the amount.")
    deliver_fee = Sum(**MAYBE)
    package_fee = Sum(**MAYBE)
    pay_type = serializers.ChoiceField(
        **MAYBE, choices=StorePayType.values, help_text="By default till."
    )
    payment = PaymentInput(
        **MAYBE, help_text="Paid online: a pay order is made and placed at its channel."
    )
    pay_order_no = Text(
        **MAYBE, max_length=68, help_text="Or a pay order that is there: our number, or biz: yours."
    )
    status = serializers.ChoiceField(
        **MAYBE,
        choices=StoreStatus.values,
        help_text="Of an order that is uploaded for matching; by default unpaid.",
    )
    pay_status = serializers.ChoiceField(
        **MAYBE, choices=StorePayStatus.values, help_text="Of an order that is uploaded."
    )
    pay_channel = Text(**OPTIONAL, max_length=64)
    pay_channel_name = Text(**OPTIONAL, max_length=64)
    paid_at = Time(**MAYBE)
    items = serializers.ListField(child=ItemInput(), **MAYBE, max_length=ITEMS_MAX)
    can_refund = Flag(**MAYBE, help_text="The customer may ask for a refund; by default true.")
    needs_invoice = Flag(**MAYBE)
    gives_bonus = Flag(**MAYBE)
    table = Text(**OPTIONAL, max_length=32)
    note = Text(**OPTIONAL, max_length=256)
    pos_code = Text(**OPTIONAL, max_length=64)
    operator = Text(**OPTIONAL, max_length=64, help_text="Who of the shop.")
    user_id = Text(**OPTIONAL, max_length=64)
    user_name = Text(**OPTIONAL, max_length=64)
    mobile = Text(**OPTIONAL, max_length=32, help_text="Is shown masked from then on.")
    longitude = Text(**OPTIONAL, max_length=24)
    latitude = Text(**OPTIONAL, max_length=24)
    pick_up_no = Text(**OPTIONAL, max_length=16)
    expected_at = Time(**MAYBE, help_text="When the customer wants it.")
    arrival_at = Time(**MAYBE, help_text="When it is expected to arrive.")
    notify_url = WebAddress(**OPTIONAL)


class StepInput(Input):
    """A step of the shop."""

    operator = Text(**OPTIONAL, max_length=64, help_text="Who of the shop.")
    timeout = serializers.ChoiceField(
        **MAYBE,
        choices=TIMEOUTS,
        help_text="Minutes until you are reminded if nothing else has happened.",
    )


class CourierInput(Input):
    contact = Text(max_length=64)
    mobile = Text(max_length=32)
    express_code = Text(**OPTIONAL, max_length=32)
    express_name = Text(**OPTIONAL, max_length=64)
    express_no = Text(**OPTIONAL, max_length=64)
    remark = Text(**OPTIONAL, max_length=128)


class DeliverInput(StepInput):
    courier = CourierInput()


class WhyInput(Input):
    operator = Text(**OPTIONAL, max_length=64, help_text="Who of the shop.")
    reason = Text(**OPTIONAL, max_length=256, help_text="Kept in the order's history.")


class ReasonedInput(Input):
    operator = Text(**OPTIONAL, max_length=64, help_text="Who of the shop.")
    reason = Text(max_length=256, help_text="Kept in the order's history.")
