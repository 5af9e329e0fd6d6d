"""The shapes of the answers, for the schema only: ``render`` and ``problems`` write them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from channels import registry
from channels.base import Method
from orders.models import (
    AllocationDetail,
    AllocationOrder,
    AllocationReceiver,
    MerchantNotice,
    PayOrder,
    RefundOrder,
    ShareReturn,
    TransferOrder,
)


class Shape(serializers.Serializer[Any]):
    pass


class ErrorSerializer(Shape):
    code = serializers.CharField()
    message = serializers.CharField()


class ReasonSerializer(Shape):
    code = serializers.CharField()
    message = serializers.CharField()
    see = serializers.CharField(help_text="The number of what stands in the way, or empty.")


class OperationSerializer(Shape):
    code = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    allowed = serializers.BooleanField()
    reason = ReasonSerializer(allow_null=True, help_text="Why not; null where it is allowed.")
    notes = ReasonSerializer(many=True, help_text="What to know before doing it.")


class PayOrderSerializer(Shape):
    order_no = serializers.CharField(help_text="Our number; the channel gets this one.")
    biz_order_no = serializers.CharField(help_text="Your number.")
    out_order_no = serializers.CharField(
        allow_null=True, help_text="The channel's number, once it is known."
    )
    channel = serializers.ChoiceField(choices=registry.codes())
    method = serializers.ChoiceField(choices=[method.value for method in Method])
    title = serializers.CharField()
    attach = serializers.CharField()
    amount = serializers.IntegerField(help_text="Fen.")
    currency = serializers.CharField()
    status = serializers.ChoiceField(choices=PayOrder.Status.values)
    intent = serializers.ChoiceField(
        choices=["close", "cancel"],
        allow_null=True,
        help_text="What was asked for and is not finished yet.",
    )
    paid_amount = serializers.IntegerField(allow_null=True, help_text="Fen; null until paid.")
    refunded_amount = serializers.IntegerField()
    refunding_amount = serializers.IntegerField()
    refundable_balance = serializers.IntegerField(
        help_text="Paid, less what was or is being refunded."
    )
    refund_status = serializers.ChoiceField(choices=PayOrder.RefundStatus.values)
    allocation_status = serializers.ChoiceField(choices=PayOrder.AllocationStatus.values)
    error = ErrorSerializer(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    pay_params = serializers.DictField(
        child=serializers.JSONField(),
        help_text="For the front end: code_url (Native), h5_url, or the signed JSAPI or App "
        "parameters. Empty until the channel has answered.",
    )
    notify_url = serializers.CharField()


class RefundSerializer(Shape):
    refund_no = serializers.CharField(help_text="Our number; the channel gets this one.")
    biz_refund_no = serializers.CharField(help_text="Your number.")
    out_refund_no = serializers.CharField(
        allow_null=True, help_text="The channel's number, once it is known."
    )
    order_no = serializers.CharField()
    biz_order_no = serializers.CharField()
    channel = serializers.ChoiceField(choices=registry.codes())
    amount = serializers.IntegerField(help_text="Fen.")
    currency = serializers.CharField()
    status = serializers.ChoiceField(choices=RefundOrder.Status.values)
    reason = serializers.CharField()
    refundable_balance = serializers.IntegerField(help_text="Of the pay order.")
    refund_status = serializers.ChoiceField(
        choices=PayOrder.RefundStatus.values, help_text="Of the pay order."
    )
    error = ErrorSerializer(allow_null=True)
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    notify_url = serializers.CharField()


class TransferSerializer(Shape):
    transfer_no = serializers.CharField(help_text="Our number; the channel gets this one.")
    biz_transfer_no = serializers.CharField(help_text="Your number.")
    out_transfer_no = serializers.CharField(
        allow_null=True, help_text="The channel's number, once it is known."
    )
    channel = serializers.ChoiceField(choices=registry.codes())
    title = serializers.CharField()
    amount = serializers.IntegerField(help_text="Fen.")
    currency = serializers.CharField()
    payee_type = serializers.ChoiceField(choices=TransferOrder.Payee.values)
    payee_account = serializers.CharField(help_text="Masked.")
    payee_name = serializers.CharField(help_text="Masked.")
    remark = serializers.CharField()
    scene = serializers.CharField()
    status = serializers.ChoiceField(choices=TransferOrder.Status.values)
    intent = serializers.ChoiceField(
        choices=["cancel"],
        allow_null=True,
        help_text="What was asked for and is not finished yet.",
    )
    waiting_for_payee = serializers.BooleanField(
        help_text="The channel holds the money until the payee confirms."
    )
    confirm_params = serializers.DictField(
        child=serializers.JSONField(),
        help_text="For the front end of the payee, while it waits for him.",
    )
    confirm_until = serializers.DateTimeField(allow_null=True)
    error = ErrorSerializer(allow_null=True)
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    notify_url = serializers.CharField()


class ShareSerializer(Shape):
    detail_no = serializers.CharField(help_text="Our number of the share; a return names it.")
    receiver_no = serializers.CharField()
    rate = serializers.IntegerField(
        allow_null=True, help_text="Ten-thousandths; null where the amount was named."
    )
    amount = serializers.IntegerField(help_text="Fen.")
    returned_amount = serializers.IntegerField()
    returning_amount = serializers.IntegerField()
    status = serializers.ChoiceField(choices=AllocationDetail.Status.values)
    error = ErrorSerializer(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class AllocationSerializer(Shape):
    allocation_no = serializers.CharField(help_text="Our number.")
    biz_allocation_no = serializers.CharField(help_text="Your number.")
    out_allocation_no = serializers.CharField(
        allow_null=True, help_text="The channel's number, once it is known."
    )
    order_no = serializers.CharField()
    biz_order_no = serializers.CharField()
    channel = serializers.ChoiceField(choices=registry.codes())
    group_no = serializers.CharField(
        allow_null=True, help_text="Whose rates decided; null for named shares."
    )
    title = serializers.CharField()
    amount = serializers.IntegerField(help_text="Fen, of all shares.")
    currency = serializers.CharField()
    finish = serializers.BooleanField(help_text="The rest is set free with the sharing itself.")
    status = serializers.ChoiceField(choices=AllocationOrder.Status.values)
    intent = serializers.ChoiceField(
        choices=["finish"],
        allow_null=True,
        help_text="What was asked for and is not finished yet.",
    )
    result = serializers.ChoiceField(choices=AllocationOrder.Result.values)
    shares = ShareSerializer(many=True)
    error = ErrorSerializer(allow_null=True)
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    notify_url = serializers.CharField()


class ReturnSerializer(Shape):
    return_no = serializers.CharField(help_text="Our number; the channel gets this one.")
    biz_return_no = serializers.CharField(help_text="Your number.")
    out_return_no = serializers.CharField(
        allow_null=True, help_text="The channel's number, once it is known."
    )
    detail_no = serializers.CharField(help_text="Of the share.")
    allocation_no = serializers.CharField()
    order_no = serializers.CharField()
    refund_no = serializers.CharField(
        allow_null=True, help_text="Of the refund that needs the money."
    )
    channel = serializers.ChoiceField(choices=registry.codes())
    amount = serializers.IntegerField(help_text="Fen.")
    currency = serializers.CharField()
    reason = serializers.CharField()
    status = serializers.ChoiceField(choices=ShareReturn.Status.values)
    error = ErrorSerializer(allow_null=True)
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class ReceiverSerializer(Shape):
    receiver_no = serializers.CharField(help_text="Our number.")
    channel = serializers.ChoiceField(choices=registry.codes())
    receiver_type = serializers.ChoiceField(choices=AllocationReceiver.Kind.values)
    account = serializers.CharField(help_text="Masked.")
    name = serializers.CharField(help_text="Masked.")
    relation = serializers.CharField()
    custom_relation = serializers.CharField()
    status = serializers.ChoiceField(choices=AllocationReceiver.Status.values)
    error = ErrorSerializer(allow_null=True)
    created_at = serializers.DateTimeField()


class MemberSerializer(Shape):
    receiver_no = serializers.CharField()
    rate = serializers.IntegerField(help_text="Ten-thousandths of the paid amount.")


class GroupSerializer(Shape):
    group_no = serializers.CharField(help_text="Our number.")
    channel = serializers.ChoiceField(choices=registry.codes())
    name = serializers.CharField()
    default = serializers.BooleanField()
    members = MemberSerializer(many=True)
    created_at = serializers.DateTimeField()


class NoticeSerializer(Shape):
    notice_id = serializers.CharField(help_text="`webhook-id`; the same in every attempt.")
    kind = serializers.CharField(help_text="For example `pay_order.success`.")
    order_no = serializers.CharField(help_text="Ours; empty for a notice for trying.")
    dialect = serializers.CharField(help_text="In whose words it is written.")
    url = serializers.CharField()
    status = serializers.ChoiceField(choices=MerchantNotice.Status.values)
    tries = serializers.IntegerField()
    next_try_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class AttemptSerializer(Shape):
    number = serializers.IntegerField()
    started_at = serializers.DateTimeField()
    latency_ms = serializers.IntegerField()
    http_status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()
    response = serializers.CharField(help_text="The beginning of what you answered.")


class NoticeLogSerializer(NoticeSerializer):
    body = serializers.CharField(help_text="The content, before it was signed.")
    attempts = AttemptSerializer(many=True)


class ReplayedSerializer(Shape):
    replayed = serializers.IntegerField(help_text="Those under way are left alone.")
    has_more = serializers.BooleanField()


class EventSerializer(Shape):
    seq = serializers.IntegerField(help_text="Counts from 1 within the order's family.")
    order_no = serializers.CharField()
    kind = serializers.CharField()
    door = serializers.CharField(help_text="Through which it came: api, admin, clock, channel, …")
    before = serializers.CharField(help_text="Status, or empty.")
    after = serializers.CharField(help_text="Status, or empty.")
    amount = serializers.IntegerField(allow_null=True, help_text="Fen.")
    previous = serializers.CharField(help_text="Hash of the event before.")
    hash = serializers.CharField(help_text="SHA-256 over this event and the one before.")
    created_at = serializers.DateTimeField()


class PageSerializer(Shape):
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)


class PayOrderPageSerializer(PageSerializer):
    data = PayOrderSerializer(many=True)  # type: ignore[assignment]


class RefundPageSerializer(PageSerializer):
    data = RefundSerializer(many=True)  # type: ignore[assignment]


class TransferPageSerializer(PageSerializer):
    data = TransferSerializer(many=True)  # type: ignore[assignment]


class AllocationPageSerializer(PageSerializer):
    data = AllocationSerializer(many=True)  # type: ignore[assignment]


class ReturnPageSerializer(PageSerializer):
    data = ReturnSerializer(many=True)  # type: ignore[assignment]


class ReceiverPageSerializer(PageSerializer):
    data = ReceiverSerializer(many=True)  # type: ignore[assignment]


class GroupPageSerializer(PageSerializer):
    data = GroupSerializer(many=True)  # type: ignore[assignment]


class NoticePageSerializer(PageSerializer):
    data = NoticeSerializer(many=True)  # type: ignore[assignment]


class EventPageSerializer(PageSerializer):
    data = EventSerializer(many=True)  # type: ignore[assignment]


class FieldErrorSerializer(Shape):
    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class RefusalSerializer(ReasonSerializer):
    operation = serializers.CharField()


class ProblemSerializer(Shape):
    """RFC 9457."""

    type = serializers.URLField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="One sentence, in the language of Accept-Language.")
    instance = serializers.CharField()
    code = serializers.CharField(help_text="Stable; the last part of type.")
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment]
    reasons = RefusalSerializer(many=True, required=False)
    request_id = serializers.CharField()
