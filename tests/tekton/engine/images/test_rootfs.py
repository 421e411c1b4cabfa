"""Images whose content is here, in an OCI layout or the registry: their own root, and what is hostile refused."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import platform
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.clients.registry import RegistryClient
from interlock.errors import IntegrityError, InterlockError, NotFoundError, UnsupportedError
from interlock.formats.oci import Content, Descriptor, Index, media, sha256
from interlock.tekton.engine.images import Images, layers
from interlock.tekton.engine.images.layers import Limits
from interlock.tekton.engine.images.rootfs import ARCHITECTURES, Store
from interlock.tekton.engine.images.tools import Machine

Sandbox: TypeAlias = Any
BUSYBOX = shutil.which("busybox", path="/usr/bin:/bin")
needs_busybox = pytest.mark.skipif(BUSYBOX is None, reason="no busybox on this machine")
ARCHITECTURE = ARCHITECTURES[platform.machine()]
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
Entry: TypeAlias = tuple[str, str, Any]
"""(kind, path, content or target)."""


def tar(entries: Iterable[Entry], **options: Any) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as archive:
        for kind, name, value in entries:
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            data = None
            if kind == "file":
                data = value if isinstance(value, bytes) else str(value).encode()
                info.size = len(data)
            else:
                info.type = {
                    "dir": tarfile.DIRTYPE,
                    "link": tarfile.SYMTYPE,
                    "hard": tarfile.LNKTYPE,
                    "char": tarfile.CHRTYPE,
                    "block": tarfile.BLKTYPE,
                    "fifo": tarfile.FIFOTYPE,
                }[kind]
                info.linkname = value or ""
            archive.addfile(info, io.BytesIO(data) if data is not None else None)
    return buffer.getvalue()


def image(
    *layers_: bytes, pack: Callable[[bytes], bytes] = gzip.compress, kind: str = media.LAYER_GZIP, **config: Any
) -> Content:
    """An image of uncompressed tars, with this ``config`` (Entrypoint, Cmd, Env, …; os, architecture)."""
    platform_ = {"os": config.pop("os", "linux"), "architecture": config.pop("architecture", ARCHITECTURE)}
    diff_ids = config.pop("diff_ids", [sha256(layer) for layer in layers_])
    root = {"type": "layers", "diff_ids": diff_ids}
    document = json.dumps({**platform_, "rootfs": root, "config": config}).encode()
    packed = [pack(layer) for layer in layers_]
    manifest = {
        "schemaVersion": 2,
        "mediaType": media.MANIFEST,
        "config": Descriptor(media.CONFIG, sha256(document), len(document)).as_json(),
        "layers": [Descriptor(kind, sha256(blob), len(blob)).as_json() for blob in packed],
    }
    data = json.dumps(manifest).encode()
    blobs = {sha256(blob): blob for blob in (document, *packed)}
    return Content(data, Descriptor(media.MANIFEST, sha256(data), len(data)), blobs)


def write_layout(
    folder: Path, named: dict[str, Content], *, index: bool = False, platform_: dict[str, str] | None = None
) -> str:
    """An image layout; with ``index`` each image behind an index of its own. The digest of the last entry."""
    (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)

    def put(data: bytes) -> None:
        (folder / "blobs" / "sha256" / hashlib.sha256(data).hexdigest()).write_bytes(data)

    entries = []
    for name, content in named.items():
        for data in (*content.blobs.values(), content.manifest):
            put(data)
        descriptor = content.descriptor
        if index:
            inner = Descriptor(
                descriptor.media_type, descriptor.digest, descriptor.size,
                platform=platform_ or {"os": "linux", "architecture": ARCHITECTURE},
            )  # fmt: skip
            document = Index((inner,)).to_bytes()
            put(document)
            descriptor = Descriptor(media.INDEX, sha256(document), len(document))
        entries.append(
            Descriptor(descriptor.media_type, descriptor.digest, descriptor.size, annotations={media.REF_NAME: name})
        )
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_bytes(Index(tuple(entries)).to_bytes())
    return entries[-1].digest


def busybox() -> list[Entry]:
    assert BUSYBOX is not None
    applets = ("sh", "ls", "cat", "echo", "id", "touch", "env", "pwd", "rm", "readlink")
    links: list[Entry] = [("link", f"bin/{name}", "busybox") for name in applets]
    return [("dir", "bin", None), ("file", "bin/busybox", Path(BUSYBOX).read_bytes()), *links, ("dir", "etc", None)]


def known(sandbox: Sandbox, *layouts: Path, **options: Any) -> Images:
    store = Store(sandbox.folder / "content", sandbox.system, layouts=layouts, **options)
    toolbox = {"name": "t", "version": "0", "digest": "sha256:0"}
    return Images(sandbox.system, sandbox.folder / "store", toolbox=toolbox, machine=Machine.this(""), content=store)


@needs_busybox
@pytest.mark.parametrize("packing", ["gzip", "zstd", "none"])
def test_a_step_runs_in_the_images_own_root(sandbox: Sandbox, packing: str) -> None:
    packings: dict[str, tuple[Callable[[bytes], bytes], str]] = {
        "gzip": (gzip.compress, media.LAYER_GZIP),
        "zstd": (zstandard.ZstdCompressor().compress, ZSTD),
        "none": (bytes, media.LAYER_TAR),
    }
    pack, kind = packings[packing]
    content = image(
        tar([*busybox(), ("file", "app/own", "from the image\n")]),
        pack=pack, kind=kind,
        Entrypoint=["/bin/sh"], Cmd=["-c", "cat own"], Env=["PATH=/bin", "A=b c"], WorkingDir="/app",
    )  # fmt: skip
    write_layout(sandbox.folder / "layout", {"registry.acme.test/team/tool:1": content})
    root = known(sandbox, sandbox.folder / "layout").root("registry.acme.test/team/tool:1", script="", command=())
    assert root.executor == "image-rootfs"
    assert root.image_id == f"registry.acme.test/team/tool@{content.descriptor.digest}"
    assert (root.entrypoint, root.command, root.environment["A"]) == (("/bin/sh",), ("-c", "cat own"), "b c")
    done = sandbox.run(root, root.argv([]))
    assert (done.returncode, done.stdout) == (0, "from the image\n"), done.stderr
    # Nothing of this machine is there.
    assert sandbox.run(root, ["/bin/sh", "-c", "ls /usr /lib /root 2>/dev/null"]).stdout == ""
    assert "localhost" in sandbox.run(root, ["/bin/cat", "/etc/hosts"]).stdout


def test_without_mounts_no_image_runs_in_its_own_root(sandbox: Sandbox) -> None:
    write_layout(sandbox.folder / "layout", {"docker.io/team/tool:1": image(tar([]))})
    store = Store(sandbox.folder / "content", sandbox.system, layouts=[sandbox.folder / "layout"])
    images = Images(
        sandbox.system, sandbox.folder / "store", toolbox={}, machine=Machine.this(""), content=store, mounts=False
    )
    with pytest.raises(UnsupportedError) as caught:
        images.root("team/tool:1", script="x", command=())
    assert caught.value.code == "image-isolation"


@needs_busybox
def test_what_a_step_writes_into_its_root_vanishes_with_it(sandbox: Sandbox) -> None:
    write_layout(sandbox.folder / "layout", {"docker.io/library/own:latest": image(tar(busybox()), Env=["PATH=/bin"])})
    root = known(sandbox, sandbox.folder / "layout").root("own", script="", command=())
    assert (
        sandbox.run(root, ["/bin/sh", "-c", "touch /etc/x /new && rm /bin/cat && ls /etc"]).stdout
        == "hosts\nresolv.conf\nx\n"
    )
    assert sandbox.run(root, ["/bin/sh", "-c", "ls /etc /bin/cat"]).stdout.split() == [
        "/bin/cat",
        "/etc:",
        "hosts",
        "resolv.conf",
    ]


@needs_busybox
def test_an_index_leads_to_this_machines_manifest_and_gives_the_image_its_digest(sandbox: Sandbox) -> None:
    content = image(tar(busybox()), Cmd=["sh"])
    digest = write_layout(sandbox.folder / "layout", {"docker.io/team/tool:1": content}, index=True)
    images = known(sandbox, sandbox.folder / "layout")
    assert images.root("team/tool:1", script="", command=()).image_id == f"docker.io/team/tool@{digest}"
    by_digest = images.root(f"team/tool@{content.descriptor.digest}", script="", command=())
    assert by_digest.image_id == f"docker.io/team/tool@{content.descriptor.digest}"


@pytest.mark.parametrize("index", [False, True])
def test_another_platform_is_refused(sandbox: Sandbox, index: bool) -> None:
    content = image(tar([]), os="windows", architecture="amd64")
    write_layout(
        sandbox.folder / "layout", {"docker.io/team/tool:1": content}, index=index,
        platform_={"os": "windows", "architecture": "amd64"},
    )  # fmt: skip
    with pytest.raises(UnsupportedError) as caught:
        known(sandbox, sandbox.folder / "layout").root("team/tool:1", script="", command=())
    assert caught.value.code == "image-platform"
    assert "windows/amd64" in str(caught.value)


def test_an_image_that_is_not_there_falls_to_the_table_or_is_unknown(sandbox: Sandbox) -> None:
    write_layout(sandbox.folder / "layout", {"docker.io/team/tool:1": image(tar([]))})
    images = known(sandbox, sandbox.folder / "layout")
    assert images.root("ubuntu", script="", command=["ls"]).executor == "image-table:ubuntu"
    for other in ("team/tool:2", "team/tool@sha256:" + "0" * 64, "1"):
        with pytest.raises(UnsupportedError) as caught:
            images.root(other, script="", command=())
        assert caught.value.code == "image-unknown"


def test_a_layout_that_is_missing_is_said(sandbox: Sandbox) -> None:
    with pytest.raises(NotFoundError) as caught:
        known(sandbox, sandbox.folder / "absent").root("ubuntu", script="", command=())
    assert caught.value.code == "layout-missing"


def broken(sandbox: Sandbox, content: Content, change: Callable[[Path], None]) -> InterlockError:
    folder = sandbox.folder / "layout"
    write_layout(folder, {"docker.io/team/tool:1": content})
    change(folder / "blobs" / "sha256")
    with pytest.raises(InterlockError) as caught:
        known(sandbox, folder).root("team/tool:1", script="", command=())
    assert list((sandbox.folder / "content").glob("*")) == []
    return caught.value


@pytest.mark.parametrize("which", ["manifest", "config", "layer"])
def test_altered_bytes_are_refused_and_nothing_stays(sandbox: Sandbox, which: str) -> None:
    content = image(tar([("file", "a", "x")]))
    layer = json.loads(content.manifest)["layers"][0]["digest"]
    config = json.loads(content.manifest)["config"]["digest"]
    digest = {"manifest": content.descriptor.digest, "config": config, "layer": layer}[which]

    def alter(blobs: Path) -> None:
        path = blobs / digest.partition(":")[2]
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)

    assert broken(sandbox, content, alter).code == "digest-mismatch"


def test_a_layer_that_is_not_its_diff_id_is_refused(sandbox: Sandbox) -> None:
    content = image(tar([("file", "a", "x")]), diff_ids=["sha256:" + "0" * 64])
    error = broken(sandbox, content, lambda _: None)
    assert (error.code, isinstance(error, IntegrityError)) == ("digest-mismatch", True)


def test_a_blob_that_is_a_link_is_not_followed(sandbox: Sandbox) -> None:
    content = image(tar([("file", "a", "x")]))
    layer = json.loads(content.manifest)["layers"][0]["digest"].partition(":")[2]

    def alter(blobs: Path) -> None:
        (blobs / layer).rename(sandbox.folder / "elsewhere")
        (blobs / layer).symlink_to(sandbox.folder / "elsewhere")

    assert broken(sandbox, content, alter).code == "layout-blob"


@needs_busybox
def test_an_image_in_the_registry_runs_and_is_fetched_once(sandbox: Sandbox, registry: str) -> None:
    content = image(tar(busybox()), Cmd=["sh"])
    with RegistryClient(registry) as client:
        client.push("team/tool", content, tag="1")
    names = {"registry.acme.test": registry}
    fetched: list[int] = []

    def connect() -> RegistryClient:
        fetched.append(1)
        return RegistryClient(registry)

    images = known(sandbox, registry=registry, names=names, client=connect)
    for name in ("registry.acme.test/team/tool:1", f"{registry.removeprefix('http://')}/team/tool:1"):
        root = images.root(name, script="", command=())
        assert root.image_id.endswith(f"team/tool@{content.descriptor.digest}")
        assert sandbox.run(root, root.argv(["-c", "echo hello"])).stdout == "hello\n"
    assert fetched == [1]
    assert len(list((sandbox.folder / "content").iterdir())) == 1
    with pytest.raises(UnsupportedError) as caught:
        images.root("registry.acme.test/team/other:1", script="", command=())
    assert caught.value.code == "image-unknown"
    images.close()


# Layers alone


def unpacked(folder: Path, *tars: bytes, limits: Limits | None = None) -> Path:
    target = folder / "root"
    target.mkdir(exist_ok=True)
    for data in tars:
        blob = folder / "blob"
        blob.write_bytes(data)
        layers.unpack(blob, sha256(data), target, limits or Limits())
    return target


def listed(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_whiteouts_hide_what_lower_layers_have(tmp_path: Path) -> None:
    lower = tar(
        [("dir", "a", None), ("file", "a/x", "1"), ("file", "a/y", "2"), ("dir", "b", None), ("file", "b/z", "3")]
    )
    upper = tar(
        [("file", "a/.wh.x", ""), ("file", "b/new", "4"), ("file", "b/.wh..wh..opq", ""), ("file", ".wh..wh.plnk", "")]
    )
    assert listed(unpacked(tmp_path, lower, upper)) == ["a", "a/y", "b", "b/new"]


def test_later_entries_replace_earlier_ones(tmp_path: Path) -> None:
    lower = tar([("dir", "a", None), ("file", "a/x", "1"), ("file", "f", "old"), ("link", "l", "f")])
    upper = tar([("file", "a", "now a file"), ("file", "f", "new"), ("dir", "l", None), ("file", "l/in", "x")])
    root = unpacked(tmp_path, lower, upper)
    assert (root / "a").read_text() == "now a file"
    assert (root / "f").read_text() == "new"
    assert listed(root) == ["a", "f", "l", "l/in"]


def test_entries_through_links_stay_inside(tmp_path: Path) -> None:
    """A container would see the same: links mean the image's own root."""
    outside = tmp_path / "outside"
    outside.mkdir()
    lower = tar([
        ("dir", "usr/bin", None), ("link", "bin", "usr/bin"), ("link", "abs", str(outside)),
        ("link", "up", "../../../../../../../.." + str(outside)), ("dir", "d", None), ("link", "d/up", "../.."),
    ])  # fmt: skip
    upper = tar(
        [("file", "bin/tool", "x"), ("file", "abs/in", "x"), ("file", "up/too", "x"), ("file", "d/up/top", "x")]
    )
    root = unpacked(tmp_path, lower, upper)
    assert (root / "usr/bin/tool").exists()
    assert (root / "top").exists()
    assert listed(outside) == []
    for link in ("abs", "up", "d/up"):
        assert (root / link).resolve().is_relative_to(root.resolve()), link


@pytest.mark.parametrize(
    ("entries", "what"),
    [
        ([("file", "../x", "1")], "climbs"),
        ([("file", "a/../../x", "1")], "climbs"),
        ([("hard", "x", "../../etc/passwd")], "climbs"),
        ([("hard", "x", "/etc/passwd")], "not a file of the image"),
        ([("dir", "d", None), ("hard", "x", "d")], "not a file of the image"),
        ([("link", "x", "/../oldroot/etc")], "out of the image"),
        ([("link", "x", "../../newroot")], "out of the image"),
        ([("file", "f", "1"), ("file", "f/x", "1")], "a file where a folder must be"),
        ([("link", "a", "b"), ("link", "b", "a"), ("file", "a/x", "1")], "too many links"),
        ([("file", "a" * 300, "1")], "no path"),
        ([("file", "/".join("a" * 250), "1")], "no path"),
        ([("file", ".wh..", "1")], "whiteout of nothing"),
        ([("link", "a/b/l", "../.."), ("hard", "h", "a/b/l")], "of another depth"),
    ],
)
def test_hostile_entries_are_refused(tmp_path: Path, entries: list[Entry], what: str) -> None:
    with pytest.raises(UnsupportedError, match=what) as caught:
        unpacked(tmp_path, tar(entries))
    assert caught.value.code == "image-layer"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blob", "root"]


_names = st.lists(st.sampled_from(["a", "b", "c", ".", "", "d"]), min_size=1, max_size=4).map("/".join)
_targets = st.lists(st.sampled_from(["..", "a", "b", "c", "", ".", "outside"]), min_size=1, max_size=6).map("/".join)
_entries = st.one_of(
    st.tuples(st.just("file"), _names, st.just("x")),
    st.tuples(st.just("dir"), _names, st.none()),
    st.tuples(st.just("link"), _names, _targets),
    st.tuples(st.just("hard"), _names, _names),
    st.tuples(st.just("file"), _names.map(lambda name: f"{name}/.wh.b"), st.just("")),
    st.tuples(st.just("file"), _names.map(lambda name: f"{name}/.wh..wh..opq"), st.just("")),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(_entries, max_size=8), max_size=3))
def test_no_layers_touch_anything_outside(layers_: list[list[Entry]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "outside" / "a").mkdir(parents=True)
        (folder / "outside" / "b").write_text("untouched")
        with contextlib.suppress(UnsupportedError):
            unpacked(folder, *(tar(entries) for entries in layers_))
        assert sorted(path.name for path in folder.iterdir()) in (["blob", "outside", "root"], ["outside", "root"])
        assert listed(folder / "outside") == ["a", "b"]
        assert (folder / "outside" / "b").read_text() == "untouched"
        root = (folder / "root").resolve()
        for link in (path for path in root.rglob("*") if path.is_symlink()):
            target = os.path.normpath(link.parent / link.readlink())
            assert Path(target).is_relative_to(root), (link, link.readlink())


@pytest.mark.parametrize(
    ("where", "target", "made"),
    [
        ("a", "a/../..", "."),
        ("x", "d/../../etc", "etc"),
        ("d/x", "../../../etc", "../etc"),
        ("a/b/q", "c/p/../f", "c/f"),
        ("d/x", "/../e/../f", "../f"),
        ("d/x", "//f/.", "../f"),
        ("d/x", "../d/y", "../d/y"),
    ],
)
def test_a_link_leads_nowhere_else_whatever_its_parts_become(
    tmp_path: Path, where: str, target: str, made: str
) -> None:
    assert str((unpacked(tmp_path, tar([("link", where, target)])) / where).readlink()) == made


def test_absolute_paths_are_of_the_image(tmp_path: Path) -> None:
    assert listed(unpacked(tmp_path, tar([("file", "/etc/x", "1"), ("file", "./y", "2")]))) == ["etc", "etc/x", "y"]


def test_devices_and_set_id_bits_are_left_out(tmp_path: Path) -> None:
    info = tarfile.TarInfo("su")
    info.mode = 0o4755
    buffer = io.BytesIO(tar([("char", "null", None), ("block", "sda", None), ("fifo", "pipe", None)])[: 3 * 512])
    buffer.seek(0, io.SEEK_END)
    buffer.write(info.tobuf() + bytes(1024))
    limits = Limits()
    root = unpacked(tmp_path, buffer.getvalue(), limits=limits)
    assert listed(root) == ["su"]
    assert oct((root / "su").stat().st_mode & 0o7777) == "0o755"
    assert limits.skipped == {"devices and FIFOs", "set-id bits"}


def test_hard_links_and_modes(tmp_path: Path) -> None:
    root = unpacked(tmp_path, tar([("file", "a", "1"), ("hard", "b/c", "a"), ("hard", "d", "/b/c")]))
    assert (root / "a").stat().st_ino == (root / "d").stat().st_ino


def test_what_is_too_large_is_refused_before_it_fills_the_disk(tmp_path: Path) -> None:
    bomb = gzip.compress(tar([("file", "zeros", bytes(20 << 20))]))
    blob = tmp_path / "blob"
    blob.write_bytes(bomb)
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(UnsupportedError, match="larger than the limit"):
        layers.unpack(blob, sha256(b""), root, Limits(bytes=1 << 20))
    assert sum(path.stat().st_size for path in root.iterdir()) <= 1 << 20
    with pytest.raises(UnsupportedError, match="more entries"):
        unpacked(tmp_path, tar([("file", str(number), "") for number in range(20)]), limits=Limits(entries=10))


def test_headers_that_fill_the_memory_and_sparse_files_are_refused(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 40
    with pytest.raises(UnsupportedError, match="extended header"):
        unpacked(tmp_path, header.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    sparse = tarfile.TarInfo("x")
    sparse.type, sparse.size = tarfile.GNUTYPE_SPARSE, 1 << 40
    with pytest.raises(UnsupportedError, match="sparse"):
        unpacked(tmp_path, sparse.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    pax = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 40)}
    entry = tarfile.TarInfo("x")
    entry.pax_headers = pax
    with pytest.raises(UnsupportedError, match="sparse"):
        unpacked(tmp_path, entry.tobuf(tarfile.PAX_FORMAT) + bytes(2048))


@pytest.mark.parametrize("cut", [1, 100, 700])
def test_a_truncated_or_garbled_layer_is_refused(tmp_path: Path, cut: int) -> None:
    data = gzip.compress(tar([("file", "a", os.urandom(2000))]))[:-cut]
    with pytest.raises((UnsupportedError, IntegrityError)):
        unpacked(tmp_path, data)
    with pytest.raises(UnsupportedError):
        unpacked(tmp_path, b"\x1f\x8b" + os.urandom(500))
    with pytest.raises((UnsupportedError, IntegrityError)):
        unpacked(tmp_path, b"\x28\xb5\x2f\xfd" + os.urandom(500))


@needs_busybox
def test_a_task_run_on_an_image_of_a_layout(idle_rig: Any) -> None:
    """Through the engine: workspaces, results and scripts are there, the image's root around them."""
    folder = idle_rig.folder / "layout"
    content = image(tar([*busybox(), ("file", "app/own", "from the image")]), Cmd=["sh"], Env=["PATH=/bin", "A=b"])
    digest = write_layout(folder, {"registry.acme.test/team/tool:1": content})
    idle_rig.start(image_layouts=[folder])
    run = idle_rig.run_task(
        """
        results: [{name: r}]
        steps:
          - name: a
            image: registry.acme.test/team/tool:1
            script: |
              echo "$(cat /app/own) $A $(pwd)" > $(results.r.path)
              touch /workspace/shared /bin/gone
          - name: b
            image: registry.acme.test/team/tool:1
            args: ["-c", "ls /workspace/shared; [ ! -e /bin/gone ] && echo clean"]
        """
    )
    status = run["status"]
    assert [step["terminated"]["exitCode"] for step in status["steps"]] == [0, 0], status
    assert [step["imageID"] for step in status["steps"]] == [f"registry.acme.test/team/tool@{digest}"] * 2
    assert status["results"][0]["value"] == "from the image b /\n"
    assert idle_rig.log(step="b") == "/workspace/shared\nclean\n"
