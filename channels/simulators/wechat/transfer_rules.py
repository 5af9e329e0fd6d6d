"""What a simulated WeChat Pay refuses to transfer, and whom it cannot pay.

Used by ``transfers``; reads requests, writes nothing. Amounts are fen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from channels.simulators.core.faults import Plan
from channels.simulators.wechat.errors import bad_parameter, invalid

SMALLEST = 10
"""The smallest transfer is 0.10 yuan."""
NAME_FROM = 30
"""Below 0.30 yuan a name is not allowed."""
NAME_REQUIRED_FROM = 200_000
"""From 2000 yuan on a name is required."""
RED_PACKET_MAX = 20_000
SCENES = {"1000": ("活动名称", "奖励说明"), "1011": ("赔付原因",)}
"""The report that a scene asks for; scenes that are not listed take any report."""

FAIL_REASONS = (
    "ACCOUNT_FROZEN",
    "ACCOUNT_NOT_EXIST",
    "PAYEE_ACCOUNT_ABNORMAL",
    "PAYER_ACCOUNT_ABNORMAL",
    "TRANSFER_SCENE_INVALID",
    "TRANSFER_SCENE_UNAVAILABLE",
    "TRANSFER_RISK",
    "OVERDUE_CLOSE",
    "REAL_NAME_CHECK_FAIL",
    "NAME_NOT_CORRECT",
    "OPENID_INVALID",
)


def check(body: Mapping[str, Any], *, user_name: str) -> None:
    """Raise ApiError where amount, name, style or report break a rule."""
    amount = body["transfer_amount"]
    if amount < SMALLEST:
        raise bad_parameter("transfer_amount", f"must be at least {SMALLEST}", location="body")
    if user_name and amount < NAME_FROM:
        raise bad_parameter("user_name", "is not allowed below 0.30 yuan", location="body")
    if not user_name and amount >= NAME_REQUIRED_FROM:
        raise bad_parameter("user_name", "is required from 2000 yuan on", location="body")
    style = body.get("user_recv_style", {}).get("type")
    if style == "RED_PACKET" and amount > RED_PACKET_MAX:
        raise invalid("红包样式单笔金额不能超过200元")
    wanted = SCENES.get(body["transfer_scene_id"])
    given = [info["info_type"] for info in body["transfer_scene_report_infos"]]
    if wanted is not None and sorted(given) != sorted(wanted):
        raise bad_parameter(
            "transfer_scene_report_infos", f"must be {'、'.join(wanted)}", location="body"
        )


def reason(openid: str, plan: Plan) -> str:
    """Why this bill will fail by itself; empty where it waits for its payee.

    For rehearsals an openid may carry its fate in its name: ``o-ACCOUNT_FROZEN``.
    """
    if "fails" in plan:
        return "PAYEE_ACCOUNT_ABNORMAL"
    return next((word for word in FAIL_REASONS if word in openid), "")
