"""Images whose content is on this machine: OCI layouts and the configured registry, unpacked once by digest."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from interlock.clients.registry import RegistryClient
from interlock.errors import InputError, IntegrityError, NotFoundError, UnsupportedError
from interlock.formats import addresses
from interlock.formats.oci import Descriptor, Index, Reference, check_digest, manifest, media
from interlock.formats.oci.digest import parse_digest
from interlock.local.sandbox import programs
from interlock.local.sandbox.system import System
from interlock.tekton.engine.config import Config
from interlock.tekton.engine.images import layers
from interlock.tekton.engine.images.layers import Limits
from interlock.tekton.spec import images
from interlock.tekton.spec.images import config as image_config
from interlock.tekton.spec.images.config import ImageConfig

ARCHITECTURES: Final = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
}
_CONTAINERD_NAME: Final = "io.containerd.image.name"
_CHUNK: Final = 1 << 20
_PRIVATE: Final = frozenset(["dev", "proc", "sys", "tmp"])
"""Folders that a sandbox brings itself."""
_SYSTEM_FILES: Final = ("/etc/hosts", "/etc/resolv.conf")
"""What a kubelet puts into every container."""
_MOST_INDEXES: Final = 4


@dataclass(frozen=True)
class ImageRoot:
    """An image's own root file system, and what its configuration says."""

    arguments: tuple[str, ...]
    image_id: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    working_dir: str
    user: str
    notes: tuple[str, ...]
    tools: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class Source:
    """Where an image was found: its manifest or index, and how to read what belongs to it."""

    digest: str
    """Of what the reference names: the index's, where it names one (pkg/pod/entrypoint_lookup.go)."""
    media_type: str
    document: Callable[[str, str], bytes]
    """Digest and media type of a manifest -> its bytes, verified."""
    blob: Callable[[Descriptor], Iterator[bytes]]


class Store:
    """Unpacked images below ``folder``, by manifest digest. Threads may share it; a second engine may too."""

    def __init__(
        self,
        folder: Path,
        system: System,
        *,
        layouts: Sequence[Path] = (),
        registry: str | None = None,
        names: Mapping[str, str] | None = None,
        client: Callable[[], RegistryClient] | None = None,
        machine: str = "",
    ) -> None:
        """``names`` maps hosts, as references name them, to where they answer; ``client`` reads ``registry``."""
        self._folder = folder
        self._system = system
        self._layouts = tuple(layouts)
        self._registry = registry.rstrip("/") if registry else None
        self._names = names or {}
        self._connect = client
        self._architecture = ARCHITECTURES.get(machine or platform.machine(), machine or platform.machine())
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}
        self._client: RegistryClient | None = None
        self._made: dict[str, tuple[ImageConfig, tuple[str, ...], tuple[str, ...]]] = {}

    @classmethod
    def of(cls, config: Config, system: System, folder: Path) -> Store | None:
        """As configured; None where no image's content is to be had."""
        registry = config.registry
        if registry is None and not config.image_layouts:
            return None

        def client() -> RegistryClient:
            token = config.registry_token_file.read_text().strip() if config.registry_token_file else None
            return RegistryClient(
                str(registry), token=token, username=config.registry_username, ca_file=config.registry_ca_file
            )

        return cls(folder, system, layouts=config.image_layouts, registry=registry, names=config.names, client=client)

    def close(self) -> None:
        """Let go of the connection to the registry; the next use makes another."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def places(self) -> str:
        """Where it looks, for messages."""
        return ", ".join([*(str(path) for path in self._layouts), *([self._registry] if self._registry else [])])

    def root(self, image: Reference, written: str) -> ImageRoot | None:
        """The image's root; None where it is not to be had here.

        Raises as `interlock.tekton.engine.images.Images.root` says.
        """
        source = self._in_layouts(image) or self._in_registry(image)
        if source is None:
            return None
        document = source.document(source.digest, source.media_type)
        digest, found = self._platform(source, document)
        with self._lock:
            making = self._making.setdefault(digest, threading.Lock())
        with making:
            config, arguments, notes = self._made.get(digest) or self._make(source, digest, found)
            self._made[digest] = (config, arguments, notes)
        return ImageRoot(
            arguments=arguments,
            image_id=f"{image.name}@{source.digest}",
            entrypoint=config.entrypoint,
            command=config.command,
            environment=config.environment,
            working_dir=config.working_dir,
            user=config.user,
            notes=notes,
            tools=({"name": written, "digest": digest},),
        )

    def _platform(self, source: Source, document: bytes) -> tuple[str, manifest.ImageManifest]:
        """The manifest for this machine."""
        digest, media_type = source.digest, source.media_type
        for _ in range(_MOST_INDEXES):
            parsed = manifest.parse(document, media_type or None)
            if not isinstance(parsed, Index):
                return digest, parsed
            fitting = [item for item in parsed.manifests if self._fits(item)]
            if not fitting:
                offered = ", ".join(sorted({_platform_name(item) for item in parsed.manifests}))
                raise image_config.platform_error(offered or "no manifests", self._architecture)
            digest, media_type = fitting[0].digest, fitting[0].media_type
            document = source.document(digest, media_type)
        raise InputError("manifest-invalid", "indexes within indexes", got=source.digest)

    def _fits(self, item: Descriptor) -> bool:
        found = item.platform or {}
        return found.get("os") == "linux" and found.get("architecture") == self._architecture

    def _make(
        self, source: Source, digest: str, found: manifest.ImageManifest
    ) -> tuple[ImageConfig, tuple[str, ...], tuple[str, ...]]:
        if found.config.media_type not in (media.CONFIG, "application/vnd.docker.container.image.v1+json"):
            raise UnsupportedError(
                "image-platform", "not a container image", got=found.config.media_type, expected=media.CONFIG
            )
        limit = min(found.config.size, image_config.MAX_BYTES)
        data = b"".join(_limited(source.blob(found.config), limit))
        config = image_config.parse(
            check_digest(data, found.config.digest, where="image configuration"), architecture=self._architecture
        )
        if len(config.diff_ids) != len(found.layers):
            raise InputError("image-config", "as many diff IDs as layers", got=len(config.diff_ids))
        root = self._folder / digest.replace(":", "-")
        if not root.is_dir():
            self._unpack(source, config, found, root)
        writable = self._overlays(root / "root")
        notes = [f"user: steps run as one user without privileges, not as {config.user or 'root'}"]
        if not writable:
            notes.append("root file system: read-only (no overlays on this machine)")
        skipped = (root / "skipped").read_text().split("\n") if (root / "skipped").exists() else []
        notes += [f"not unpacked: {item}" for item in skipped if item]
        return config, tuple(self._arguments(root / "root", writable)), tuple(notes)

    def _unpack(self, source: Source, config: ImageConfig, found: manifest.ImageManifest, root: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = Path(tempfile.mkdtemp(dir=self._folder, prefix=".new-"))
        limits = Limits()
        try:
            (scratch / "root").mkdir(mode=0o755)
            for layer, diff_id in zip(found.layers, config.diff_ids, strict=True):
                blob = scratch / "blob"
                _write_verified(blob, source.blob(layer), layer)
                layers.unpack(blob, diff_id, scratch / "root", limits)
                blob.unlink()
            (scratch / "skipped").write_text("\n".join(sorted(limits.skipped)))
            # Another engine may have been faster: its folder holds the same.
            with contextlib.suppress(OSError):
                scratch.rename(root)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _arguments(self, root: Path, writable: bool) -> list[str]:
        """Each of the image's top folders as an overlay whose changes vanish with the step, else read-only."""
        arguments: list[str] = []
        for path in sorted(root.iterdir()):
            target = f"/{path.name}"
            if path.name in _PRIVATE:
                continue
            if path.is_symlink():
                arguments += ["--symlink", os.readlink(path), target]  # noqa: PTH115
            elif path.is_dir() and writable:
                arguments += ["--overlay-src", str(path), "--tmp-overlay", target]
            else:
                arguments += ["--ro-bind", str(path), target]
        if (root / "etc").is_dir() and not (root / "etc").is_symlink():
            for name in _SYSTEM_FILES:
                own = root / name.lstrip("/")
                if (writable or own.is_file()) and not own.is_symlink():
                    arguments += ["--ro-bind", str(self._system.etc / name.removeprefix("/etc/")), name]
        return arguments

    def _overlays(self, folder: Path) -> bool:
        """Whether bubblewrap can lay a temporary layer over ``folder`` (Linux 5.11, and file systems that bear it)."""
        command = [programs.bubblewrap(), "--unshare-user", "--overlay-src", str(folder), "--tmp-overlay", "/"]
        done = subprocess.run(
            [*command, "--", "/.interlock-absent"], capture_output=True, env={}, cwd="/", timeout=20, check=False
        )
        return b"execvp /.interlock-absent" in done.stderr

    def _in_layouts(self, image: Reference) -> Source | None:
        for folder in self._layouts:
            found = _layout(folder, image)
            if found is not None:
                return found
        return None

    def _in_registry(self, image: Reference) -> Source | None:
        if self._registry is None or self._connect is None or not self._is_ours(image.host):
            return None
        with self._lock:
            client = self._client = self._client or self._connect()
        repository = image.repository
        try:
            found = client.manifest(repository, image.digest or image.tag or "latest")
        except NotFoundError:
            return None

        def document(digest: str, _media_type: str) -> bytes:
            return found.bytes if digest == found.digest else client.manifest(repository, digest).bytes

        return Source(
            found.digest, found.media_type, document, lambda item: client.stream_blob(repository, item.digest)
        )

    def _is_ours(self, host: str) -> bool:
        address = str(self._registry).partition("//")[2]
        resolved = addresses.resolve(host, self._names) or host
        return resolved.partition("//")[2] == address or resolved == address


def _layout(folder: Path, image: Reference) -> Source | None:
    """``image`` in an image layout (image-layout.md): by digest, or by a name annotation that is a whole reference."""
    index = folder / "index.json"
    if not index.is_file():
        raise NotFoundError("layout-missing", "no OCI layout in image_layouts", where=str(folder))

    def read(digest: str, _media_type: str) -> bytes:
        return check_digest(b"".join(_blob_of(folder, digest)), digest, where=str(folder))

    for entry in manifest.parse_index(index.read_bytes()).manifests:
        if image.digest is not None:
            named = entry if entry.digest == image.digest else _within(read, entry, image.digest)
        else:
            named = entry if _named(entry, image) else None
        if named is not None:
            return Source(named.digest, named.media_type, read, lambda item: _blob_of(folder, item.digest))
    return None


def _within(read: Callable[[str, str], bytes], entry: Descriptor, digest: str) -> Descriptor | None:
    """The manifest ``digest`` of an index that the layout names."""
    if entry.media_type not in media.INDEXES:
        return None
    found = manifest.parse_index(read(entry.digest, entry.media_type)).manifests
    return next((item for item in found if item.digest == digest), None)


def _named(entry: Descriptor, image: Reference) -> bool:
    wanted = {_whole(image), _whole(images.origin(image))}
    for key in (media.REF_NAME, _CONTAINERD_NAME):
        name = entry.annotations.get(key)
        if not name:
            continue
        with contextlib.suppress(InputError):
            if _whole(images.normalise(name)) in wanted:
                return True
    return False


def _whole(image: Reference) -> str:
    return f"{image.name}:{image.tag or 'latest'}"


def _blob_of(folder: Path, digest: str) -> Iterator[bytes]:
    algorithm, _, value = parse_digest(digest).partition(":")
    path = folder / "blobs" / algorithm / value
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise NotFoundError(
            "layout-blob", "a blob is missing in the layout", got=str(error), where=str(path)
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        while data := file.read(_CHUNK):
            yield data


def _limited(chunks: Iterator[bytes], most: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise UnsupportedError("image-layer", "a blob is larger than its descriptor says", expected=f"<= {most}")
        yield chunk


def _write_verified(path: Path, chunks: Iterator[bytes], about: Descriptor) -> None:
    state = hashlib.new(about.digest.partition(":")[0])
    with path.open("wb") as file:
        for chunk in _limited(chunks, about.size):
            state.update(chunk)
            file.write(chunk)
    actual = f"{state.name}:{state.hexdigest()}"
    if actual != about.digest:
        raise IntegrityError(
            "digest-mismatch", "the bytes are not what their digest says", got=actual, expected=about.digest
        )


def _platform_name(item: Descriptor) -> str:
    found = item.platform or {}
    return f"{found.get('os', '?')}/{found.get('architecture', '?')}"
