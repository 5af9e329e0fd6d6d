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

if __name__ == "__main__":  # run as a script, by whatever Python there is
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.peers.minapp import setup as minapp  # noqa: E402

HOME = Path(__file__).resolve().parents[2] / ".cache" / "peers"
PEERS = {
    "python-alipay-sdk": ("python-alipay-sdk==3.4.0",),
    "alipay-sdk-python": ("alipay-sdk-python==3.7.1411",),
    "wechatpayv3": ("wechatpayv3==2.0.4",),
    "minapp-sdk": minapp.PACKAGES,
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
    if PEERS[name] is minapp.PACKAGES:
        minapp.make(home)
        (home / "installed.txt").write_text("\n".join(PEERS[name]))
        return
    venv.create(home, with_pip=True, clear=True)
    pip = [str(python_of(name)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *PEERS[name]], check=True)
    (home / "installed.txt").write_text("\n".join(PEERS[name]))


def main() -> None:
    for name in PEERS:
        if is_ready(name):
            print(f"{name}: is there")
            continue
        if PEERS[name] is minapp.PACKAGES and not minapp.has_npm():
            print(f"{name}: left out, there is no npm here")
            continue
        print(f"{name}: installing")
        make(name)


if __name__ == "__main__":
    sys.exit(main())
