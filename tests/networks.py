"""Temporary network namespaces: hosts with one real link each, which can be cut and restored. Root and Linux only.

The thread of the test enters a new namespace (the hub), so the machine's network does not change and everything that
the test starts is in the hub too. Each host is a further namespace at the other end of a veth pair.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

CLONE_NEWNET = 0x40000000
NEEDED = ("ip", "nsenter", "unshare")


def why_not() -> str | None:
    """The reason why namespaces cannot be created here; None when they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need root on Linux"
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        return f"none of these tools may be missing: {', '.join(missing)} (iproute2, util-linux)"
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"no network namespace can be made: {tried.stderr.strip()}"


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stderr)


@contextmanager
def hub() -> Iterator[None]:
    """Move the calling thread, and every process that it starts, into a new namespace that has only loopback."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        assert libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            _ip("link", "set", "lo", "up")
            yield
        finally:
            assert libc.setns(home, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    finally:
        os.close(home)


@dataclass(frozen=True, slots=True)
class Host:
    """A separate namespace; `address` is the hub as seen from there."""

    number: int
    pid: int
    address: str

    def command(self, *words: str) -> tuple[str, ...]:
        """The words as a command that runs in this namespace; it execs the last of them, so that signals reach it."""
        return ("nsenter", "--target", str(self.pid), "--net", "--", *words)

    def cut(self) -> None:
        """Take the hub's end of the link down: packets in flight are lost, and neither side is notified."""
        _ip("link", "set", f"hub{self.number}", "down")

    def heal(self) -> None:
        _ip("link", "set", f"hub{self.number}", "up")


@contextmanager
def host(number: int) -> Iterator[Host]:
    """A host linked to the hub in which the caller is; host and link are removed at the end."""
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"up\n"
        made = Host(number, holder.pid, f"10.77.{number}.1")
        ours, theirs = f"hub{number}", "out"
        _ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", str(holder.pid))
        _ip("address", "add", f"{made.address}/30", "dev", ours)
        _ip("link", "set", ours, "up")
        for words in (("address", "add", f"10.77.{number}.2/30", "dev", theirs), ("link", "set", theirs, "up")):
            subprocess.run(made.command("ip", *words), check=True, capture_output=True)
        yield made
    finally:
        holder.communicate()
