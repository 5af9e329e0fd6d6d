"""The stop flag: a worker that shuts down claims nothing more and finishes what flies.

Set by Celery's ``worker_shutting_down``, which only the parent process of a prefork pool hears;
the flag is therefore a byte of memory that its children share (made before they fork).
"""

from __future__ import annotations

import mmap
from typing import Any

from celery.signals import worker_shutting_down

_page = mmap.mmap(-1, 1)


@worker_shutting_down.connect
def ask(**_signal: Any) -> None:
    """Ask every drain of this worker to come to its end."""
    _page[0] = 1


def asked() -> bool:
    return _page[0] == 1


def forget() -> None:
    """For tests: this process goes on."""
    _page[0] = 0
