"""Starting a child process so that it never outlives its parent.

Called by `gateway.embedded`, `gateway.supervisor` and the tests; knows nothing of the child.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAP_VERSION_3 = 0x20080522

# Loaded before any fork: dlopen between fork and exec may deadlock.
_libc = ctypes.CDLL(None, use_errno=True)


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapData(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def die_with_parent(death_signal: int) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends the child this signal when its parent dies, even by -9."""
    parent = os.getpid()

    def prepare() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # the parent died between fork and prctl
            os._exit(1)

    return prepare


def unprivileged_user() -> pwd.struct_passwd | None:
    """Whom to run PostgreSQL as when we are root (it refuses to be root); None when we are not."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _closed_to_others(path: Path) -> bool:
    return any(not parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def become(
    user: pwd.struct_passwd, death_signal: int, *, reaching: list[Path]
) -> Callable[[], None]:
    """A `preexec_fn`: drop root for `user`, and die with the parent.

    A checkout under a directory that is closed to others (/root, a `mktemp -d`) could not be
    entered by that user. Opening those directories to the world would be worse than the cure:
    the child keeps one capability, CAP_DAC_OVERRIDE (capabilities(7)), and only then.
    """
    follow = die_with_parent(death_signal)
    keep = any(_closed_to_others(path) for path in reaching)

    def prepare() -> None:
        if keep:
            # Keeps capabilities over setuid, and lets access(2), by which initdb looks for
            # postgres, know of them: it otherwise asks as a user without any.
            _libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        if keep:
            bit = 1 << _CAP_DAC_OVERRIDE
            data = (_CapData * 2)(_CapData(bit, bit, bit), _CapData(0, 0, 0))
            _libc.capset(ctypes.byref(_CapHeader(_CAP_VERSION_3, 0)), data)
            _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)
        follow()  # last: setuid clears the parent-death signal

    return prepare


def stop(process: subprocess.Popen[bytes], *, with_signal: int, patience_s: float) -> None:
    """Ask, wait, then kill the child's whole process group. Safe to call on a dead child."""
    if process.poll() is None:
        process.send_signal(with_signal)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def kill_group(pid: int) -> None:
    """Kill what is left of a process group: the children of a child that is gone."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def wait_until(ready: Callable[[], bool], *, patience_s: float, every_s: float = 0.05) -> bool:
    """Poll a cheap condition; False when the patience ran out."""
    deadline = time.monotonic() + patience_s
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True


def command_line(pid: int) -> str:
    """The command line of a live process, or nothing. Tells a reused pid from our own old child."""
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        return ""
