"""Verb ``image-build``: a runnable image by buildah where that is possible, else an image that only carries the BAR."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from interlock.errors import ConflictError, NotFoundError, UnreachableError
from interlock.formats import oci
from interlock.formats.oci import Content, File, Reference, image, media
from interlock.platform.toolbox import bar, images
from interlock.platform.toolbox import world as worlds
from interlock.platform.toolbox.results import Results
from interlock.platform.toolbox.source import Source, inside, read_source, require_folder
from interlock.platform.toolbox.world import World

TOOL = f"interlock-bar-image {worlds.VERSION}"
RUNNABLE = "interlock.dev/runnable"
BAR_FOLDER = "home/aceuser/initial-config/bars"
"""Where IBM's server images look for BARs (ot4i/ace-docker)."""
_COMMIT_TAG = re.compile(r"[a-z0-9.]+-[0-9a-f]{12,40}")
_CONTAINERFILES = ("Containerfile", "Dockerfile")


def build(
    world: World, results: Results, *, image_name: str, source: Path, bar_path: str = "", bar_digest: str = ""
) -> str:
    """Build and push; returns the digest. With a Containerfile and buildah at hand, buildah builds; otherwise the
    image holds the BAR alone and is marked ``interlock.dev/runnable: "false"``.

    Raises ConflictError ``image-tag-taken`` when a tag that names a commit already has other content, and the errors
    of `bar.find` and the registry.
    """
    require_folder(source)
    ref = images.parse(image_name)
    if ref.tag is None:
        raise NotFoundError("image-reference", "the image to build needs a tag", where=image_name)
    origin = read_source(source)
    file = next((item for name in _CONTAINERFILES if (item := inside(source, name)).is_file()), None)
    buildah = shutil.which("buildah", path=world.path) if file else None
    if file and buildah:
        digest, tool = _buildah(world, buildah, file, source, ref, origin)
    else:
        if file:
            world.say(f"image-build: {file.name} is not built: no buildah here; the image carries the BAR only")
        name, data = bar.find(source, path=bar_path, digest=bar_digest)
        digest, tool = _push(world, ref, bar_image(name, data, origin)), TOOL
    results.write("IMAGE_URL", f"{ref.name}:{ref.tag}")
    results.write("IMAGE_DIGEST", digest)
    results.tool(world, tool)
    world.say(f"image-build: {ref.name}:{ref.tag}@{digest} by {tool}")
    return digest


def bar_image(name: str, data: bytes, origin: Source | None) -> Content:
    """The image that carries a BAR and nothing that could run; the same bytes for the same BAR and commit."""
    labels = {
        RUNNABLE: "false",
        "interlock.dev/bar-digest": oci.sha256(data),
        media.TITLE: name.removesuffix(".bar"),
    }
    if origin:
        labels |= {media.SOURCE: origin.url, media.REVISION: origin.commit}
    return image.build(
        [image.layer([File(f"{BAR_FOLDER}/{name}", data)])],
        created=origin.time if origin else datetime.fromtimestamp(0, UTC),
        config={"Labels": labels},
        annotations=labels,
        comment="carries a BAR, is not runnable: no base image was at hand",
    )


def _push(world: World, ref: Reference, content: Content) -> str:
    with images.connect(world, ref) as remote:
        _require_free(remote, ref, content.descriptor.digest)
        return remote.client.push(remote.repository, content, tag=ref.tag)


def _require_free(remote: images.Remote, ref: Reference, digest: str) -> None:
    """A tag that names a commit is written once: whoever looks at it later must find what was built then."""
    if not ref.tag or not _COMMIT_TAG.fullmatch(ref.tag):
        return
    try:
        present = remote.client.resolve(remote.repository, ref.tag)
    except NotFoundError:
        return
    if present != digest:
        raise ConflictError(
            "image-tag-taken",
            "this commit's tag holds another image already",
            got=present,
            expected=digest,
            where=f"{ref.name}:{ref.tag}",
            todo="push a new commit: a build is never replaced",
        )


def _buildah(
    world: World, program: str, file: Path, source: Path, ref: Reference, origin: Source | None
) -> tuple[str, str]:
    """By the real tool, with the commit's time for every layer. Raises UnreachableError ``buildah-failed``."""
    target = world.resolve(ref.name) + f":{ref.tag}"
    plain, _, rest = target.rpartition("://")
    local = rest.startswith(("127.0.0.1", "localhost", "[::1]")) or plain == "http"
    with tempfile.TemporaryDirectory(prefix="interlock-buildah-") as scratch:
        digest_file = Path(scratch) / "digest"
        environment = {
            "PATH": world.path or os.defpath,
            "HOME": str(world.home),
            "TMPDIR": scratch,
            "BUILDAH_ISOLATION": "chroot",
            "STORAGE_DRIVER": "vfs",
        }
        if world.docker_config:
            environment["DOCKER_CONFIG"] = str(world.docker_config)
        stamp = str(int(origin.time.timestamp())) if origin else "0"
        version = _run([program, "--version"], environment, source).strip().partition(" (")[0]
        _run(
            [program, "build", "--timestamp", stamp, "--file", str(file), "--tag", rest, "--", str(source)],
            environment,
            source,
        )
        push = [program, "push", "--digestfile", str(digest_file), "--format", "oci"]
        _run([*push, f"--tls-verify={'false' if local else 'true'}", rest, f"docker://{rest}"], environment, source)
        return digest_file.read_text(encoding="utf-8").strip(), version.replace(" version", "")


def _run(arguments: list[str], environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(arguments, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnreachableError(
            "buildah-failed", "buildah did not succeed", got=done.stderr.strip()[-2000:], where=" ".join(arguments[:2])
        )
    return done.stdout
