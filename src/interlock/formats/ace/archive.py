"""Zip files from strangers, read with limits, and zip files of ours, written the same every time."""

from __future__ import annotations

import io
import posixpath
import stat
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from interlock.errors import InputError

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can hold: member times carry nothing and would change the digest."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading may cost. Totals count over the whole nest of one file, not per archive."""

    depth: int = 5
    """Archives within archives: BAR > appzip > libzip > jar > jar."""
    members: int = 20_000
    total: int = 512 * 1024 * 1024
    """Unpacked bytes."""
    ratio: int = 200
    """Unpacked over packed bytes of one member of more than 1 MiB."""


@dataclass(slots=True)
class Budget:
    """What of the limits is used up; one for the whole nest."""

    limits: Limits = field(default_factory=Limits)
    members: int = 0
    total: int = 0


def read(data: bytes, *, where: str, budget: Budget | None = None) -> dict[str, bytes]:
    """The files of one archive by path, in archive order; folders are left out.

    Raises InputError: ``archive-malformed``, ``archive-bomb`` (a limit), ``archive-path`` (absolute, ``..``, link,
    a name that appears twice), ``archive-encrypted``.
    """
    budget = budget or Budget()
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            for info in bundle.infolist():
                budget.members += 1
                if budget.members > budget.limits.members:
                    raise _bomb("too many members", budget.members, budget.limits.members, where)
                path = _path(info, where)
                if info.is_dir():
                    continue
                if path in files:
                    raise InputError("archive-path", "a name appears twice", got=path, where=where)
                files[path] = _content(bundle, info, budget, where)
    except InputError:
        raise
    except Exception as error:  # zipfile and its decompressors raise whatever a broken header leads them to
        raise InputError("archive-malformed", "not a readable zip file", got=error, where=where) from error
    return files


def _path(info: zipfile.ZipInfo, where: str) -> str:
    # orig_filename: the name before zipfile cut it at a NUL or replaced separators.
    path = info.orig_filename.rstrip("/") if info.is_dir() else info.orig_filename
    if (
        not path
        or path.startswith("/")
        or "\\" in path
        or "\0" in path
        or posixpath.normpath(path) != path
        or path.split("/")[0] == ".."
        or (len(path) > 1 and path[1] == ":")
    ):
        raise InputError("archive-path", "a member leaves its folder", got=repr(info.orig_filename), where=where)
    if stat.S_ISLNK(info.external_attr >> 16):
        raise InputError("archive-path", "a member is a link", got=path, where=where)
    if info.flag_bits & 0x1:
        raise InputError("archive-encrypted", "a member is encrypted", got=path, where=where)
    return path


def _content(bundle: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget, where: str) -> bytes:
    limits, place = budget.limits, f"{where}!/{info.orig_filename}"
    # Judged on what really comes out: the sizes in the headers are the sender's word.
    allowed = min(limits.total - budget.total, max(1024 * 1024, limits.ratio * info.compress_size))
    with bundle.open(info) as member:
        content = member.read(allowed + 1)
    if len(content) > allowed:
        ratio = allowed < limits.total - budget.total
        what, limit = ("compression ratio", limits.ratio) if ratio else ("unpacked bytes", limits.total)
        raise _bomb(f"too much to unpack ({what})", f"> {allowed} bytes", limit, place)
    budget.total += len(content)
    return content


def _bomb(message: str, got: object, limit: object, where: str) -> InputError:
    return InputError("archive-bomb", message, got=got, expected=f"<= {limit}", where=where)


NESTED = (".bar", ".appzip", ".shlibzip", ".libzip", ".jar", ".war", ".ear")
"""Archives whose content an integration server or class loader reads."""


@dataclass(frozen=True, slots=True)
class Archive:
    """One archive of a nest; ``path`` joins the archives' paths with ``!/`` as Java does."""

    path: str
    data: bytes
    files: Mapping[str, bytes]


def walk(data: bytes, *, where: str, limits: Limits | None = None) -> Iterator[Archive]:
    """The archive and every one nested in it, outer ones first. Raises as `read`, within one budget for the nest."""
    budget = Budget(limits or Limits())
    pending = [(where, data, 1)]
    while pending:
        place, content, depth = pending.pop()
        if depth > budget.limits.depth:
            raise _bomb("archives nested too deeply", depth, budget.limits.depth, place)
        files = read(content, where=place, budget=budget)
        yield Archive(place, content, files)
        inner = [(f"{place}!/{path}", files[path], depth + 1) for path in files if path.lower().endswith(NESTED)]
        pending.extend(reversed(inner))


def write(files: Mapping[str, bytes], *, first: Iterable[str] = ()) -> bytes:
    """A zip with these files: ``first`` in their order, the others sorted; equal files give equal bytes."""
    leading = [path for path in first if path in files]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as bundle:
        for path in [*leading, *sorted(set(files) - set(leading))]:
            info = zipfile.ZipInfo(path, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 0
            info.external_attr = 0
            bundle.writestr(info, files[path])
    return target.getvalue()
