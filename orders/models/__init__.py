"""The tables. Each order file holds its fields and its state machine, nothing else."""

from orders.models.account import ChannelAccount
from orders.models.allocation import AllocationDetail, AllocationOrder
from orders.models.anomaly import Anomaly
from orders.models.call import ChannelCall, WorkState
from orders.models.callback import ChannelCallback
from orders.models.checkout import Checkout
from orders.models.door import DoorKey, DoorRequest
from orders.models.event import Event
from orders.models.ledger import LedgerEntry
from orders.models.merchant import ApiKey, Application, IdempotencyKey, Merchant
from orders.models.notice import MerchantNotice, NoticeAttempt
from orders.models.pay import PayOrder
from orders.models.receiver import AllocationGroup, AllocationReceiver, GroupMember
from orders.models.refund import RefundOrder
from orders.models.share_return import ShareReturn
from orders.models.store import StoreOrder
from orders.models.store_parts import StoreCancellation, StoreDelivery, StoreItem
from orders.models.transfer import TransferOrder

__all__ = [
    "AllocationDetail",
    "AllocationGroup",
    "AllocationOrder",
    "AllocationReceiver",
    "Anomaly",
    "ApiKey",
    "Application",
    "ChannelAccount",
    "ChannelCall",
    "ChannelCallback",
    "Checkout",
    "DoorKey",
    "DoorRequest",
    "Event",
    "GroupMember",
    "IdempotencyKey",
    "LedgerEntry",
    "Merchant",
    "MerchantNotice",
    "NoticeAttempt",
    "PayOrder",
    "RefundOrder",
    "ShareReturn",
    "StoreCancellation",
    "StoreDelivery",
    "StoreItem",
    "StoreOrder",
    "TransferOrder",
    "WorkState",
]
