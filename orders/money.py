"""Money: integer fen inside, Decimal yuan only at the edges. Pure; anyone may call it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

FEN_PER_YUAN = 100


def yuan(fen: int) -> Decimal:
    """Fen as yuan with two decimals: ``1234`` → ``Decimal("12.34")``."""
    return Decimal(fen).scaleb(-2)


def format_yuan(fen: int, *, sign: bool = True) -> str:
    """Fen for people, grouped and with two decimals: ``128850`` → ``¥1,288.50``."""
    text = f"{yuan(abs(fen)):,.2f}"
    return f"{'-' if fen < 0 else ''}{'¥' if sign else ''}{text}"


def parse_yuan(text: str) -> int:
    """Yuan as people type it (``1,288.5``, ``¥12``) → fen.

    Raises ValueError when it is not an amount, or has parts smaller than a fen.
    """
    cleaned = text.strip().replace(",", "").removeprefix("¥").removeprefix("￥").strip()
    try:
        value = Decimal(cleaned)
    except InvalidOperation:
        raise ValueError(f"not an amount: {text!r}") from None
    if not value.is_finite():
        raise ValueError(f"not an amount: {text!r}")
    fen = value * FEN_PER_YUAN
    if fen != fen.to_integral_value():
        raise ValueError(f"parts of a fen: {text!r}")
    return int(fen)
