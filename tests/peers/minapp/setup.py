"""Install 知晓云's SDK from npm, for ``make peers``. Called by ``tests.peers.setup``."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

PACKAGES = ("minapp-sdk@3.23.6", "xhr2@0.2.1")
"""The SDK, unmodified, and the XMLHttpRequest that Node does not have."""


def has_npm() -> bool:
    return shutil.which("npm") is not None and shutil.which("node") is not None


def make(home: Path) -> None:
    """A folder with the packages and nothing else; no script of theirs is run."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "package.json").write_text('{"private": true}')
    npm = ["npm", "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run([*npm, "--prefix", str(home), *PACKAGES], check=True, cwd=home)
