"""Make the environments of the independent clients: ``make peers``.

Each client gets an environment of its own under ``.cache/peers``: two of them install the same
top-level package, and none of them may ever be a dependency of the house. Run with the system's
or the house's Python; it needs nothing but the standard library.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HOME = Path(__file__).resolve().parents[2] / ".cache" / "peers"
PEERS = {
    "python-alipay-sdk": ("python-alipay-sdk==3.4.0",),
    "alipay-sdk-python": ("alipay-sdk-python==3.7.1411",),
    "wechatpayv3": ("wechatpayv3==2.0.4",),
}
"""Environment: what is installed in it."""


def python_of(name: str) -> Path:
    return HOME / name / "bin" / "python"


def is_ready(name: str) -> bool:
    """Made to the end, with what is asked for today."""
    stamp = HOME / name / "installed.txt"
    return stamp.exists() and stamp.read_text() == "\n".join(PEERS[name])


def make(name: str) -> None:
    home = HOME / name
    venv.create(home, with_pip=True, clear=True)
    pip = [str(python_of(name)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *PEERS[name]], check=True)
    (home / "installed.txt").write_text("\n".join(PEERS[name]))


def main() -> None:
    for name in PEERS:
        if is_ready(name):
            print(f"{name}: is there")
            continue
        print(f"{name}: installing")
        make(name)


if __name__ == "__main__":
    sys.exit(main())
