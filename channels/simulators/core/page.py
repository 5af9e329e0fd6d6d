"""The page on which a person plays the customer; read once, served by ``core.controls``."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).with_name("page.html").read_bytes()
