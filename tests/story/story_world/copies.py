"""An estate's stores, copied: what is altered here harms nobody. Forge and registry are served from the copies;
clusters and ticket system are those of the estate."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock.cli import proofs
from interlock.cli.session import Session
from interlock.formats import yaml
from interlock.local.registry.content import Content
from interlock.platform.books.evidence import EvidenceStore
from interlock.platform.domain.ids import Digest

from .estate import Estate

Piece = Callable[[str], contextlib.AbstractContextManager[None]]
"""Damages one thing (see DAMAGES) while the context lasts."""
DAMAGES = ("alter", "delete")
_ENGINES = ("forge", "registry")


@dataclass
class Copy:
    """``context`` is the file that leads to the copies."""

    folder: Path
    _session: Session | None = field(default=None, repr=False)

    @property
    def context(self) -> Path:
        return self.folder / "context.yaml"

    @property
    def session(self) -> Session:
        if self._session is None:
            self._session = Session(self.context)
        return self._session

    def trace(self) -> dict[str, Any]:
        """What `interlock --context COPY trace prod/payments --json` prints, without the start of a process."""
        return proofs.backwards(self.session, "prod", "payments").as_dict()

    def turned(self) -> set[str]:
        """Links that are not valid."""
        return {link["id"] for link in self.trace()["links"] if link["verdict"] != "valid"}

    def pieces(self) -> dict[str, Piece]:
        """Everything that can be damaged, by its digest; each restores itself."""
        stores, registry = self.session.context.stores, self.folder / "registry"
        found: dict[str, Piece] = {}
        content, store = Content(registry), EvidenceStore(stores.evidence)
        for digest in content.digests():
            found[digest] = functools.partial(_file, content.path(digest))
        with contextlib.closing(sqlite3.connect(registry / "index.db")) as index:
            for (digest,) in index.execute("SELECT DISTINCT digest FROM manifest"):
                found[digest] = functools.partial(_manifest, registry / "index.db", digest)
        for path in stores.evidence.rglob("*.json"):
            name = Digest(f"sha256:{path.stem}")
            found[name] = functools.partial(_file, store.path(name))
        for entry in self.entries():
            found[entry] = functools.partial(_line, stores.ledger, entry)
        return found

    def entries(self) -> list[str]:
        """Ids of the ledger's entries, in order."""
        return [entry.id for entry in proofs.sources(self.session).books.ledger.entries()]


@contextlib.contextmanager
def _file(path: Path, damage: str) -> Iterator[None]:
    """One file: a byte in its middle altered, or gone."""
    before, mode = path.read_bytes(), path.stat().st_mode
    path.chmod(0o600)
    if damage == "delete":
        path.unlink()
    else:
        middle = len(before) // 2
        path.write_bytes(before[:middle] + bytes([before[middle] ^ 1]) + before[middle + 1 :])
    try:
        yield
    finally:
        path.write_bytes(before)
        path.chmod(mode)


@contextlib.contextmanager
def _manifest(index: Path, digest: str, damage: str) -> Iterator[None]:
    """One manifest, which the registry keeps in its database."""
    with contextlib.closing(sqlite3.connect(index)) as database:
        rows = database.execute("SELECT * FROM manifest WHERE digest = ?", (digest,)).fetchall()
        assert rows
        if damage == "delete":
            database.execute("DELETE FROM manifest WHERE digest = ?", (digest,))
        else:
            database.execute("UPDATE manifest SET data = data || ' ' WHERE digest = ?", (digest,))
        database.commit()
        try:
            yield
        finally:
            database.executemany("INSERT OR REPLACE INTO manifest VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            database.commit()


@contextlib.contextmanager
def _line(path: Path, entry: str, damage: str) -> Iterator[None]:
    """One line of the ledger: what it says altered under the hash that it keeps, or gone."""
    before = path.read_bytes()
    lines = before.splitlines(keepends=True)
    (index,) = (number for number, line in enumerate(lines) if f'"hash":"{entry}"'.encode() in line)
    if damage == "delete":
        del lines[index]
    else:
        lines[index] = lines[index].replace(b'"body":{', b'"body":{"extra":1,', 1)
    path.write_bytes(b"".join(lines))
    try:
        yield
    finally:
        path.write_bytes(before)


@contextlib.contextmanager
def copied(estate: Estate, folder: Path) -> Iterator[Copy]:
    """Copies of evidence store, ledger, registry and forge below ``folder``."""
    stores, home = estate.context.stores, estate.home
    shutil.copytree(stores.evidence, folder / "evidence")
    shutil.copytree(stores.ledger.parent, folder / "ledger")
    context: dict[str, Any] = yaml.load(home.context.read_bytes(), file="context.yaml").value
    with contextlib.ExitStack() as running:
        for name in _ENGINES:
            shutil.copytree(home.engine(name), folder / name, symlinks=True)
            context[name]["outside"] = running.enter_context(_served(estate, name, folder))
        context["stores"] = {
            "evidence": str(folder / "evidence"),
            "ledger": str(folder / "ledger" / stores.ledger.name),
            "index": str(folder / "index.db"),
        }
        copy = Copy(folder)
        copy.context.write_text(yaml.dump(context))
        yield copy
        copy.session.connections.close()


@contextlib.contextmanager
def _served(estate: Estate, name: str, folder: Path) -> Iterator[str]:
    """The engine over its copy, on a port of its own; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config: dict[str, Any] = yaml.load((estate.home.configs / f"{name}.yaml").read_bytes(), file=name).value
    config |= {"port": port, "data": str(folder / name)}
    if "root_url" in config:
        config["root_url"] = f"http://127.0.0.1:{port}"
    path = folder / f"{name}.yaml"
    path.write_text(yaml.dump(config))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(folder / f"{name}.notify"))
        channel.settimeout(30)
        process = subprocess.Popen(
            [sys.executable, "-m", f"interlock.local.{name}", "--config", str(path)],
            env={**os.environ, "NOTIFY_SOCKET": str(folder / f"{name}.notify")},
            stderr=subprocess.DEVNULL,
        )
        try:
            assert channel.recv(100) == b"READY=1"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)
