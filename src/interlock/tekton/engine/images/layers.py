"""Layers of an image, hostile until proven otherwise, unpacked into one folder.

Rules: image-spec layer.md (whiteouts, opaque whiteouts, replaced entries). Every path is resolved inside the folder, as
a container would see it; nothing is written through a link. Not made: devices, FIFOs, owners, set-id bits, extended
attributes. Sparse entries are refused: no build tool of the field writes them, and their maps cost memory.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import stat
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, NoReturn, cast

import zstandard

from interlock.errors import IntegrityError, UnsupportedError

_CHUNK: Final = 1 << 20
_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
_MOST_HEADER: Final = 1 << 20
_WINDOW: Final = 1 << 27
_LINKS: Final = 40
# Bubblewrap's names of both roots while it sets up: a link there would lead out (bubblewrap.c setup_newroot).
_SETUP: Final = frozenset(["oldroot", "newroot"])


@dataclass
class Limits:
    """What all layers of an image may cost together."""

    bytes: int = 16 * 1024**3
    entries: int = 1_000_000
    skipped: set[str] = field(default_factory=set)
    """Kinds of entries that were not made."""


def unpack(blob: Path, diff_id: str, folder: Path, limits: Limits) -> None:
    """Apply a layer (tar, gzip or zstd, by its first bytes) to ``folder``; ``limits`` shrinks by what it took.

    Raises UnsupportedError ``image-layer`` for what is hostile, malformed or too large; IntegrityError
    ``digest-mismatch`` when the uncompressed bytes are not ``diff_id``'s. The folder is then to be thrown away.
    """
    with blob.open("rb") as raw, _uncompressed(raw) as plain:
        counted = _Counted(plain, limits, hashlib.new(diff_id.partition(":")[0]))
        try:
            with tarfile.open(fileobj=cast(IO[bytes], counted), mode="r|", tarinfo=_Entry) as archive:
                _Layer(folder, limits).apply(archive)
            counted.drain()
        except (tarfile.TarError, EOFError, zlib.error, zstandard.ZstdError, gzip.BadGzipFile, OSError) as error:
            _refuse(f"malformed: {error}")
        except (ValueError, UnicodeError, OverflowError) as error:
            if isinstance(error, UnsupportedError | IntegrityError):
                raise
            _refuse(f"malformed: {error}")
    actual = f"{counted.state.name}:{counted.state.hexdigest()}"
    if actual != diff_id:
        raise IntegrityError("digest-mismatch", "a layer is not what its diff ID says", got=actual, expected=diff_id)


def _refuse(what: str, name: str = "") -> NoReturn:
    raise UnsupportedError(
        "image-layer", f"a layer of the image is refused: {what}", got=repr(name)[:300] if name else None
    )


@contextmanager
def _uncompressed(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    magic = raw.read(4)
    raw.seek(0)
    if magic[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=raw) as stream:
            yield cast(IO[bytes], stream)
    elif magic == b"\x28\xb5\x2f\xfd":
        reader = zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(
            raw, read_across_frames=True, closefd=False
        )
        with reader as stream:
            yield cast(IO[bytes], stream)
    else:
        yield raw


class _Counted(io.RawIOBase):
    """The uncompressed bytes: hashed, and no more of them than the limit."""

    def __init__(self, source: IO[bytes], limits: Limits, state: Any) -> None:
        self._source = source
        self._limits = limits
        self.state = state

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(_CHUNK if size < 0 else size)
        self.state.update(data)
        self._limits.bytes -= len(data)
        if self._limits.bytes < 0:
            _refuse("the image is larger than the limit when it is unpacked")
        return data

    def drain(self) -> None:
        while self.read(_CHUNK):
            pass


class _Entry(tarfile.TarInfo):
    """Headers that would be read whole into memory are limited; sparse files are refused."""

    def _proc_member(self, tarfile_: tarfile.TarFile) -> Any:
        if self.type == tarfile.GNUTYPE_SPARSE:
            _refuse("sparse entry", self.name)
        extended = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE)
        if self.type in (*extended, tarfile.SOLARIS_XHDTYPE) and self.size > _MOST_HEADER:
            _refuse("an extended header is too large", self.name)
        return super()._proc_member(tarfile_)  # type: ignore[misc]

    def _proc_gnusparse_00(self, *_: Any) -> None:
        _refuse("sparse entry", self.name)

    def _proc_gnusparse_01(self, *_: Any) -> None:
        _refuse("sparse entry", self.name)

    def _proc_gnusparse_10(self, *_: Any) -> None:
        _refuse("sparse entry", self.name)


class _Layer:
    """One layer on its way into the folder. Nobody else writes there."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._root = str(folder)
        self._limits = limits
        self._made: set[str] = set()
        """Paths of this layer and the folders above them: an opaque whiteout spares them."""

    def apply(self, archive: tarfile.TarFile) -> None:
        for member in archive:
            self._limits.entries -= 1
            if self._limits.entries < 0:
                _refuse("more entries than the limit")
            if len(member.pax_headers) > 1000 or len(member.name) > 4096 or len(member.linkname) > 4096:
                _refuse("an entry's name or headers are too long", member.name[:200])
            self._entry(archive, member)
            archive.members.clear()  # type: ignore[attr-defined]

    def _entry(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        parts = _parts(member.name)
        if not parts:
            return
        parent, name = self._folder(parts[:-1], member.name), parts[-1]
        if name.startswith(_WHITEOUT):
            self._whiteout(parent, name)
            return
        path = f"{parent}/{name}"
        existing = _kind(path)
        if existing is not None and not (member.isdir() and stat.S_ISDIR(existing)):
            _remove(path)
        if member.isdir():
            if existing is None or not stat.S_ISDIR(existing):
                os.mkdir(path)  # noqa: PTH102 - strings: names that are not UTF-8 stay what they are
            os.chmod(path, member.mode & 0o777 | 0o700)  # noqa: PTH101
        elif member.isreg():
            self._file(archive, member, path)
        elif member.issym():
            Path(path).symlink_to(self._target(member.linkname, path))
        elif member.islnk():
            self._hard_link(member, path)
        else:
            self._limits.skipped.add("devices and FIFOs")
            return
        self._note(path)

    def _file(self, archive: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
        source = archive.extractfile(member)
        if source is None:
            _refuse("an entry without content", member.name)
        if member.mode & 0o6000:
            self._limits.skipped.add("set-id bits")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            while data := source.read(_CHUNK):
                file.write(data)
            os.fchmod(file.fileno(), member.mode & 0o777 | 0o400)

    def _hard_link(self, member: tarfile.TarInfo, path: str) -> None:
        parts = _parts(member.linkname)
        if not parts:
            _refuse("a hard link to nothing", member.name)
        source = f"{self._folder(parts[:-1], member.linkname)}/{parts[-1]}"
        kind = _kind(source)
        if kind is None or stat.S_ISDIR(kind):
            _refuse("a hard link whose target is not a file of the image", member.name)
        if stat.S_ISLNK(kind) and source.count("/") != path.count("/"):
            # Its steps up were counted where it is.
            _refuse("a hard link to a symbolic link of another depth", member.name)
        os.link(source, path, follow_symlinks=False)

    def _target(self, target: str, path: str) -> str:
        """A symbolic link's target, relative where it was absolute: it means the image's root whoever follows it."""
        if "\0" in target or not target:
            _refuse("a link to nothing", path)
        if _SETUP & set(target.split("/")):
            _refuse("a link out of the image", target)
        depth = path.removeprefix(self._root).count("/") - 1
        absolute, ups, names = target.startswith("/"), 0, list[str]()
        for part in target.split("/"):
            if part in ("", "."):
                continue
            if part != "..":
                names.append(part)
            elif names:
                # ``a/..``: were ``a`` a link by the time that somebody follows, one step up could leave the image.
                names.pop()
            else:
                ups += 1
        # More steps up than there are folders end at the root, as the kernel has it.
        ups = depth if absolute else min(ups, depth)
        return "/".join([".."] * ups + names) or "."

    def _whiteout(self, parent: str, name: str) -> None:
        if name == _OPAQUE:
            for path in map(str, Path(parent).iterdir()):
                if path not in self._made:
                    _remove(path)
                elif os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114
                    self._whiteout(path, _OPAQUE)
            return
        hidden = name.removeprefix(_WHITEOUT)
        if hidden.startswith(_WHITEOUT):
            return  # .wh..wh.plnk and the like: AUFS's own
        if hidden in ("", ".", ".."):
            _refuse("a whiteout of nothing", name)
        path = f"{parent}/{hidden}"
        if _kind(path) is not None and path not in self._made:
            _remove(path)

    def _folder(self, parts: list[str], name: str) -> str:
        """The folder ``parts`` in the image, links followed inside of it, made where it is missing."""
        at: list[str] = []
        pending = list(reversed(parts))
        links = 0
        while pending:
            part = pending.pop()
            if part == "..":
                at = at[:-1]
                continue
            path = "/".join([self._root, *at, part])
            kind = _kind(path)
            if kind is None:
                os.mkdir(path, 0o755)  # noqa: PTH102
                at.append(part)
            elif stat.S_ISDIR(kind):
                at.append(part)
            elif stat.S_ISLNK(kind):
                links += 1
                if links > _LINKS:
                    _refuse("too many links on the way", name)
                target = os.readlink(path)  # noqa: PTH115
                at = [] if target.startswith("/") else at
                pending += [item for item in reversed(target.split("/")) if item not in ("", ".")]
            else:
                _refuse("a file where a folder must be", name)
        return "/".join([self._root, *at])

    def _note(self, path: str) -> None:
        while path != self._root and path not in self._made:
            self._made.add(path)
            path = path.rpartition("/")[0]


def _parts(name: str) -> list[str]:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        _refuse("a path that climbs", name)
    if "\0" in name or any(len(os.fsencode(part)) > 255 for part in parts) or len(parts) > 200:
        _refuse("a path that is no path", name)
    return parts


def _kind(path: str) -> int | None:
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return None


def _remove(path: str) -> None:
    kind = _kind(path)
    if kind is not None and stat.S_ISDIR(kind):
        shutil.rmtree(path)
    else:
        os.unlink(path)  # noqa: PTH108
