"""The installation's own secrets: from the environment, or made once for an embedded house.

Called by `gateway.settings` only. Never prints a secret; the file is 0600.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

SECRET_KEY = "ZHANGFANG_SECRET_KEY"  # noqa: S105 - the name of a variable
ENCRYPTION_KEYS = "ZHANGFANG_ENCRYPTION_KEYS"


def load(home: Path, *, may_generate: bool) -> dict[str, str]:
    """Both secrets. What the environment does not give is made once in `home/secrets.json`.

    With a real database nothing is made up: keys that exist in one directory of one machine
    would lock the next machine out of its own channel accounts.
    """
    given = {name: os.environ.get(name, "").strip() for name in (SECRET_KEY, ENCRYPTION_KEYS)}
    missing = [name for name, value in given.items() if not value]
    if not missing:
        return given
    if not may_generate:
        raise ImproperlyConfigured(
            f"{' and '.join(missing)}: not set. With DATABASE_URL the secrets come from the "
            "environment (docs/operations.md says how to make them)."
        )
    return {**_stored(home), **{name: value for name, value in given.items() if value}}


def _stored(home: Path) -> dict[str, str]:
    path = home / "secrets.json"
    if not path.exists():
        write_private(
            path,
            {
                SECRET_KEY: secrets.token_urlsafe(50),
                ENCRYPTION_KEYS: "k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
            },
            replace=False,
        )
    stored: dict[str, str] = json.loads(path.read_text())
    return stored


def write_private(path: Path, content: object, *, replace: bool) -> None:
    """Write JSON that only we may read, whole or not at all; the first writer wins if asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 by contract
    try:
        with os.fdopen(handle, "w") as out:
            json.dump(content, out, ensure_ascii=False, indent=1)
            out.flush()
            os.fsync(out.fileno())
        if replace:
            os.replace(name, path)
        else:
            try:
                os.link(name, path)
            except FileExistsError:
                return
    finally:
        Path(name).unlink(missing_ok=True)
