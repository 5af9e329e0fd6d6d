"""The shapes of the answers about store orders, for the schema only. See ``answers``."""

from __future__ import annotations

from rest_framework import serializers

from gateway.api.v1.answers import PageSerializer, Shape
from orders.models.store_words import (
    CancelKind,
    CancelStatus,
    StoreKind,
    StorePayStatus,
    StorePayType,
    StoreStatus,
)

REFUND_STATES = [value for value in CancelStatus.values if value]


class StoreItemSerializer(Shape):
    seq = serializers.IntegerField()
    product_id = serializers.CharField()
    third_product_id = serializers.CharField()
    name = serializers.CharField()
    price = serializers.IntegerField(help_text="Fen.")
    quantity = serializers.IntegerField()
    share_amount = serializers.IntegerField(help_text="Fen.")
    unit = serializers.CharField()
    weight = serializers.IntegerField(allow_null=True, help_text="Grams.")
    spec = serializers.CharField()
    property = serializers.CharField()


class CourierSerializer(Shape):
    contact = serializers.CharField()
    mobile = serializers.CharField()
    express_code = serializers.CharField()
    express_name = serializers.CharField()
    express_no = serializers.CharField()
    remark = serializers.CharField()


class CancellationSerializer(Shape):
    kind = serializers.ChoiceField(choices=CancelKind.values)
    status = serializers.ChoiceField(
        choices=REFUND_STATES, allow_null=True, help_text="null where no money was to go back."
    )
    amount = serializers.IntegerField(help_text="Fen.")
    reason = serializers.CharField()
    answer = serializers.CharField(help_text="Why the shop, or the channel, said no.")
    refund_no = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class StoreOrderSerializer(Shape):
    order_no = serializers.CharField(help_text="Our number.")
    biz_order_no = serializers.CharField(help_text="Your number.")
    store_id = serializers.CharField()
    store_name = serializers.CharField()
    kind = serializers.ChoiceField(choices=StoreKind.values)
    client = serializers.IntegerField()
    status = serializers.ChoiceField(choices=StoreStatus.values)
    pay_type = serializers.ChoiceField(choices=StorePayType.values)
    pay_status = serializers.ChoiceField(choices=StorePayStatus.values)
    pay_order_no = serializers.CharField(
        allow_null=True, help_text="Our number of the pay order that pays for it here."
    )
    pay_channel = serializers.CharField()
    pay_channel_name = serializers.CharField()
    amount = serializers.IntegerField(help_text="Fen.")
    original_amount = serializers.IntegerField()
    deliver_fee = serializers.IntegerField()
    package_fee = serializers.IntegerField()
    currency = serializers.CharField()
    items = StoreItemSerializer(many=True)
    delivery = CourierSerializer(allow_null=True)
    cancel_kind = serializers.ChoiceField(choices=CancelKind.values, allow_null=True)
    cancel_status = serializers.ChoiceField(choices=REFUND_STATES, allow_null=True)
    cancel_reason = serializers.CharField()
    cancellations = CancellationSerializer(many=True)
    can_refund = serializers.BooleanField()
    needs_invoice = serializers.BooleanField()
    gives_bonus = serializers.BooleanField()
    table = serializers.CharField()
    note = serializers.CharField()
    pos_code = serializers.CharField()
    operator = serializers.CharField()
    user_id = serializers.CharField()
    user_name = serializers.CharField()
    mobile = serializers.CharField(help_text="Masked.")
    longitude = serializers.CharField()
    latitude = serializers.CharField()
    pick_up_no = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    accepted_at = serializers.DateTimeField(allow_null=True)
    made_at = serializers.DateTimeField(allow_null=True)
    delivering_at = serializers.DateTimeField(allow_null=True)
    expected_at = serializers.DateTimeField(allow_null=True)
    arrival_at = serializers.DateTimeField(allow_null=True)
    deadline_at = serializers.DateTimeField(
        allow_null=True, help_text="When it ends by itself, not paid or not accepted."
    )
    ended_at = serializers.DateTimeField(allow_null=True)
    pay_params = serializers.DictField(
        child=serializers.JSONField(),
        help_text="Of its pay order, while that can be paid: for the front end.",
    )
    notify_url = serializers.CharField()


class StoreOrderPageSerializer(PageSerializer):
    data = StoreOrderSerializer(many=True)  # type: ignore[assignment]
