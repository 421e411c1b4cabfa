"""What every long-running process of ours shares: readiness, told by the systemd notify protocol (sd_notify(3))."""

from __future__ import annotations

import os
import socket


def notify_ready() -> None:
    """Tell the supervisor, systemd or ours, that this process serves. Does nothing without NOTIFY_SOCKET."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.sendall(b"READY=1")
