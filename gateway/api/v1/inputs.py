"""What merchants may send, field by field. Read by the views and by the schema; no rule about
orders stands here: the services know those, and refuse with the same names of fields."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from channels import registry
from channels.base import Method, PayeeType, ReceiverType
from gateway.api.v1.fields import (
    Address,
    Fen,
    Flag,
    MerchantNumber,
    Rate,
    Text,
    Time,
    WebAddress,
    Whole,
)
from gateway.api.v1.parsing import printable

UNKNOWN = _("There is no such field here.")
OPTIONAL: dict[str, Any] = {"required": False, "allow_null": True, "allow_blank": True}
MAX_REPLAYED = 1000
"""Notices of one replay in bulk."""
MAX_PARTS = 100
"""Shares of an allocation or members of a group; channels take fewer."""


class Input(serializers.Serializer[Any]):
    """A JSON object in which every name is known. null and an absent name mean the same."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        unknown = [name for name in data if name not in self.fields] if type(data) is dict else ()
        if unknown:
            raise serializers.ValidationError(
                {printable(name): [UNKNOWN] for name in unknown[:10]}, code="unknown_field"
            )
        known: dict[str, Any] = super().to_internal_value(data)
        return known


def check(shape: type[Input], data: dict[str, Any]) -> dict[str, Any]:
    """The validated values, without the nulls. Raises DRF's ValidationError."""
    serializer = shape(data=data)
    serializer.is_valid(raise_exception=True)
    return {name: value for name, value in serializer.validated_data.items() if value is not None}


class NewPayOrderInput(Input):
    biz_order_no = MerchantNumber(help_text="Your number of the order, unique per application.")
    title = Text(max_length=127, help_text="What the customer reads while paying.")
    amount = Fen(help_text="Fen, the hundredth part of a yuan.")
    channel = serializers.ChoiceField(choices=registry.codes())
    method = serializers.ChoiceField(choices=[method.value for method in Method])
    notify_url = WebAddress(
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="Where this order's notices go; by default to the application's address.",
    )
    client_ip = Address(
        required=False, allow_null=True, allow_blank=True, help_text="The customer's (for H5)."
    )
    openid = Text(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=128,
        help_text="The customer at the provider (for JSAPI).",
    )
    attach = Text(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=128,
        help_text="Comes back with every answer and notice.",
    )
    auth_code = Text(
        **OPTIONAL,
        max_length=32,
        help_text="The customer's payment code, scanned (for barcode). Sent once, never kept.",
    )
    return_url = WebAddress(
        **OPTIONAL,
        help_text="Where the provider's page sends the customer back to (page, wap, h5).",
    )
    expires_at = Time(required=False, allow_null=True, help_text="Unpaid orders are closed then.")
    allocation = Flag(
        required=False, allow_null=True, help_text="The money may be shared out (分账)."
    )


class OneOrderInput(Input):
    """A body about one pay order, which it names by either number."""

    order_no = Text(
        required=False, allow_null=True, max_length=32, help_text="Our number of the pay order."
    )
    biz_order_no = MerchantNumber(
        required=False, allow_null=True, help_text="Or yours. One of the two."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        named = [name for name in ("order_no", "biz_order_no") if attrs.get(name)]
        if len(named) != 1:
            message = _("Give exactly one of order_no and biz_order_no.")
            raise serializers.ValidationError({"order_no": [message]}, code="one_of")
        return super().validate(attrs)  # type: ignore[no-any-return]


class NewRefundInput(OneOrderInput):
    biz_refund_no = MerchantNumber(help_text="Your number of the refund, unique per application.")
    amount = Fen(help_text="Fen; at most the order's refundable_balance.")
    reason = Text(
        **OPTIONAL, max_length=256, help_text="Shown to the customer where the channel does so."
    )
    notify_url = WebAddress(**OPTIONAL)


class NewTransferInput(Input):
    biz_transfer_no = MerchantNumber(
        help_text="Your number of the transfer, unique per application."
    )
    title = Text(max_length=127, help_text="What the payee reads.")
    amount = Fen(help_text="Fen.")
    channel = serializers.ChoiceField(choices=registry.codes())
    payee_type = serializers.ChoiceField(
        choices=[kind.value for kind in PayeeType], help_text="What payee_account is."
    )
    payee_account = Text(max_length=64, help_text="Is shown masked from then on.")
    payee_name = Text(
        **OPTIONAL, max_length=64, help_text="Checked by the channel where it is given."
    )
    remark = Text(**OPTIONAL, max_length=128)
    scene = Text(**OPTIONAL, max_length=36, help_text="The channel's code of what it is for.")
    notify_url = WebAddress(**OPTIONAL)


class ShareInput(Input):
    receiver_no = Text(max_length=32)
    amount = Fen(help_text="Fen.")


class AllocateInput(Input):
    biz_allocation_no = MerchantNumber(
        help_text="Your number of the allocation, unique per application."
    )
    shares = serializers.ListField(
        child=ShareInput(),
        required=False,
        allow_null=True,
        allow_empty=False,
        min_length=1,
        max_length=MAX_PARTS,
        help_text="Who gets exactly how much. Without it the group's rates decide.",
    )
    group_no = Text(
        required=False,
        allow_null=True,
        max_length=32,
        help_text="By default the default group of the application and channel.",
    )
    title = Text(**OPTIONAL, max_length=80, help_text="What the receivers read.")
    finish = Flag(
        required=False, allow_null=True, help_text="Set the rest of the money free with it (完结)."
    )
    notify_url = WebAddress(**OPTIONAL)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if attrs.get("shares") and attrs.get("group_no"):
            message = _("Give at most one of shares and group_no.")
            raise serializers.ValidationError({"shares": [message]}, code="one_of")
        _refuse_repetition("shares", attrs)
        return attrs


class NewAllocationInput(OneOrderInput, AllocateInput):
    pass


class NewReturnInput(Input):
    detail_no = Text(max_length=40, help_text="Of the share; an allocation's answer tells it.")
    biz_return_no = MerchantNumber(help_text="Your number of the return, unique per application.")
    amount = Fen(help_text="Fen; at most what is left of the share.")
    reason = Text(**OPTIONAL, max_length=80, help_text="Told to the channel.")


class NewReceiverInput(Input):
    channel = serializers.ChoiceField(choices=registry.codes())
    receiver_type = serializers.ChoiceField(
        choices=[kind.value for kind in ReceiverType], help_text="What account is."
    )
    account = Text(max_length=64, help_text="Is shown masked from then on.")
    name = Text(**OPTIONAL, max_length=64, help_text="Needed by some channels for some types.")
    relation = Text(**OPTIONAL, max_length=32, help_text="The channel's word for who it is.")
    custom_relation = Text(**OPTIONAL, max_length=10)


class MemberInput(Input):
    receiver_no = Text(max_length=32)
    rate = Rate(help_text="Ten-thousandths of the paid amount: 1250 is 12.5 %.")


class GroupInput(Input):
    name = Text(max_length=64, help_text="Unique per application.")
    channel = serializers.ChoiceField(
        choices=registry.codes(),
        required=False,
        allow_null=True,
        help_text="A group keeps its channel.",
    )
    members = serializers.ListField(
        child=MemberInput(),
        allow_empty=False,
        min_length=1,
        max_length=MAX_PARTS,
        help_text="At most 100 % in all.",
    )
    default = Flag(
        required=False,
        allow_null=True,
        help_text="The group of sharings that name none; the default before it is none any more.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        _refuse_repetition("members", attrs)
        return attrs


class NewGroupInput(GroupInput):
    channel = serializers.ChoiceField(choices=registry.codes())


def _refuse_repetition(field: str, attrs: dict[str, Any]) -> None:
    numbers = [part["receiver_no"] for part in attrs.get(field) or ()]
    if len(set(numbers)) != len(numbers):
        message = _("A receiver may stand here once.")
        raise serializers.ValidationError({field: [message]}, code="receiver_twice")


class ReasonInput(Input):
    reason = Text(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=256,
        help_text="Kept in the order's history.",
    )


class NoInput(Input):
    """An operation that takes nothing."""


class ReplayInput(Input):
    """By their ids, or all with a status (``dead`` unless said), of a kind and a time."""

    ids = serializers.ListField(
        child=Text(max_length=40), min_length=1, max_length=MAX_PARTS, required=False
    )
    status = serializers.ChoiceField(choices=["dead", "delivered"], required=False)
    kind = Text(**OPTIONAL, max_length=32, help_text="For example `pay_order.success`.")
    created_from = Time(required=False, help_text="Inclusive.")
    created_to = Time(required=False, help_text="Exclusive.")
    limit = Whole(
        required=False, max_value=MAX_REPLAYED, help_text="At most so many, the oldest first."
    )


class TestNoticeInput(Input):
    url = WebAddress(
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="Your application's address unless given.",
    )
