"""Log lines: JSON, with the request's id, and without secrets.

Used by the LOGGING setting alone. The scrubbing is the last net, not the first: code that holds a
secret does not log it.
"""

from __future__ import annotations

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="-")
"""The id of the request (or of the task) that is being served."""

_NAMES = (
    r"(?:api[_-]?key|apiv3[_-]?key|secret(?:[_-]?key)?|password|passwd|access[_-]?token|token"
    r"|auth[_-]?code|private[_-]?key|webhook[_-]?secret|authorization|cookie|sessionid|csrftoken)"
)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN [A-Z ]*-----.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL),
        "[PEM]",
    ),
    (re.compile(r"(?i)\b(WECHATPAY2-SHA256-RSA2048)\s+[^\r\n]+"), r"\1 […]"),
    (re.compile(r"(?i)\b(Bearer|Basic)\s+[^\s'\"]+"), r"\1 […]"),
    (
        re.compile(rf"(?i)(['\"]?\b[\w-]*{_NAMES}['\"]?\s*[:=]\s*)(['\"]?)[^\s'\",;&}}]+"),
        r"\1\2[…]",
    ),
    (re.compile(r"(?i)((?:postgres(?:ql)?|rediss?)://[^:/@\s]*:)[^@\s]+@"), r"\1[…]@"),
)


def scrub(text: str) -> str:
    """The text with keys, tokens, passwords and PEM blocks taken out."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


class RequestFilter(logging.Filter):
    """Put the request id on every record, whoever logs it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always let the record through."""
        record.request_id = request_id.get()
        return True


class ScrubFilter(logging.Filter):
    """Take secrets out of the message and the traceback before any formatter sees them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always let the record through, cleaned."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # a wrong format string must not cost the line
            message = str(record.msg)
        record.msg, record.args = scrub(message), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = scrub(record.exc_text)
        return True


class JsonFormatter(logging.Formatter):
    """One line, one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Time in UTC, level, logger, request id, message, and the traceback when there is one."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "request_id": getattr(record, "request_id", "-"),
            "message": record.getMessage(),
        }
        if record.exc_text:
            line["trace"] = record.exc_text
        return json.dumps(line, ensure_ascii=False)
