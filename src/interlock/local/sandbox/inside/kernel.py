"""The system calls that Python 3.11 has no names for (mount(2), mount_setattr(2), move_mount(2), unshare(2), setns(2)).

Each raises OSError with the kernel's errno.
"""

from __future__ import annotations

import ctypes
import os
import platform

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x20000, 0x02000000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
NOSUID, NODEV, NOEXEC, BIND, REC = 2, 4, 8, 4096, 16384
DETACH = 2
ATTR_READ_ONLY, ATTR_NOSUID, ATTR_NODEV = 1, 2, 4
_RECURSIVE, _EMPTY_TARGET, _AT_FDCWD = 0x8000, 0x40, -100
_MOVE_MOUNT, _MOUNT_SETATTR = 429, 442
_PIVOT_ROOT = 155 if platform.machine() == "x86_64" else 41
_SET_PDEATHSIG, _CAPBSET_DROP, _SET_SUBREAPER, _NO_NEW_PRIVS = 1, 24, 36, 38
_LAST_CAPABILITY = 63

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttr(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def _checked(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    words = [item.encode() if item is not None else None for item in (source, target, kind)]
    _checked(_libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), data.encode()), target)


def unmount(target: str) -> None:
    """Detached: it goes when nothing uses it any more."""
    _checked(_libc.umount2(target.encode(), DETACH), target)


def set_attributes(target: str, attributes: int, *, recursive: bool) -> None:
    """Set mount attributes (Linux 5.12)."""
    wanted = _MountAttr(attributes, 0, 0, 0)
    _checked(
        _libc.syscall(
            _MOUNT_SETATTR,
            _AT_FDCWD,
            target.encode(),
            _RECURSIVE if recursive else 0,
            ctypes.byref(wanted),
            ctypes.c_size_t(ctypes.sizeof(wanted)),
        ),
        target,
    )


def move(source: str, target: int) -> None:
    """Move the mount at ``source`` onto the folder or file that a descriptor holds: no path decides where."""
    _checked(
        _libc.syscall(_MOVE_MOUNT, _AT_FDCWD, source.encode(), target, b"", _EMPTY_TARGET),
        source,
    )


def pivot(new: str, old: str) -> None:
    _checked(_libc.syscall(_PIVOT_ROOT, new.encode(), old.encode()), new)


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def enter(descriptor: int, kind: int) -> None:
    _checked(_libc.setns(descriptor, kind), "setns")


def _prctl(option: int, value: int) -> int:
    return int(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0))


def die_with_parent() -> None:
    _checked(_prctl(_SET_PDEATHSIG, 9), "prctl")


def adopt_orphans() -> None:
    """Processes that lose their parent become this one's children."""
    _checked(_prctl(_SET_SUBREAPER, 1), "prctl")


def drop_privileges() -> None:
    """No capability is left to a program that this process becomes, nor can one be had from a file."""
    for capability in range(_LAST_CAPABILITY + 1):
        if _prctl(_CAPBSET_DROP, capability) < 0:
            break
    _prctl(47, 4)  # PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL: what unshare(1) --keep-caps raised
    _checked(_prctl(_NO_NEW_PRIVS, 1), "prctl")


def map_user(process: int, inside: int, outside: int | None = None) -> None:
    """In a user namespace just made, by itself: ``outside`` (this program's user at its start) is ``inside`` there.

    ``process`` is this process's folder in /proc.
    """
    _write(process, "setgroups", "deny")
    for name, number in (("uid_map", _USER[0]), ("gid_map", _USER[1])):
        _write(process, name, f"{inside} {number if outside is None else outside} 1")


_USER = (os.geteuid(), os.getegid())


def _write(folder: int, name: str, text: str) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
