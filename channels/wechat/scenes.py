"""What WeChat Pay wants to know of a transfer's purpose, as an account's settings say it. Pure.

Used by ``transfer.py`` and ``account.py``. Each scene (转账场景) that the merchant console lists
wants its own reports (转账场景报备信息), and may name what the payee reads (用户收款感知). The
setting ``transfer_scenes`` has a line for each scene:
``scene|what the payee reads|report=text|report=text``.
"""

from __future__ import annotations

DEFAULT = "1000||活动名称={title}|奖励说明={title}\n1011||赔付原因={title}"
"""现金营销 and 企业赔付; ``{title}`` stands for the transfer's title."""
TYPE_MOST, CONTENT_MOST = 15, 32


def parse(text: str) -> dict[str, tuple[str, tuple[tuple[str, str], ...]]]:
    """Scene to (what the payee reads, reports). Raises ValueError with a sentence."""
    found = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        scene, *rest = (part.strip() for part in line.split("|"))
        if not scene or len(scene) > 36 or len(rest) < 2:
            raise ValueError("A line is: scene|what the payee reads|report=text")
        found[scene] = (rest[0], tuple(_report(part) for part in rest[1:]))
    return found


def _report(part: str) -> tuple[str, str]:
    kind, _, content = (piece.strip() for piece in part.partition("="))
    if not kind or not content or len(kind) > TYPE_MOST:
        raise ValueError("A report is: its type of at most 15 characters, =, its text.")
    return kind, content
