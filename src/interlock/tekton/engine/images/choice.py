"""What stands for a step's image on this machine: the installed toolbox, the host, the image itself, or a stand-in.

In this order: an image that the configuration maps to the toolbox; one whose steps run with the host's own tools, by
explicit choice; an image in a configured OCI layout or the configured registry, which runs in its own root file system;
a profile of the image table (`interlock.tekton.spec.images`). Anything else ends the run before its first step, as
does a tool that the image has, the step names and this machine lacks.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from interlock.errors import UnsupportedError
from interlock.formats.oci import Reference
from interlock.local.sandbox.system import System
from interlock.tekton.engine.config import Config
from interlock.tekton.engine.images import profile as image_profile
from interlock.tekton.engine.images.profile import Built
from interlock.tekton.engine.images.rootfs import ImageRoot, Store
from interlock.tekton.engine.images.tools import Machine
from interlock.tekton.spec import images
from interlock.tekton.spec.images import Profile, dialect

TOOLBOX: Final = "installed-toolbox"
HOST: Final = "host-tools"
TABLE: Final = "image-table"
ROOTFS: Final = "image-rootfs"


@dataclass(frozen=True)
class Root:
    """The root file system that steps of one image see."""

    arguments: tuple[str, ...]
    """bubblewrap's mounts, as `System.arguments`."""
    path: str
    """$PATH."""
    image_id: str
    """``status.steps[].imageID``."""
    executor: str
    """``installed-toolbox``, ``host-tools``, ``image-table:<profile>`` or ``image-rootfs``."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    """The image's ENTRYPOINT and CMD: `argv` says what runs."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The image's own variables."""
    working_dir: str = ""
    user: str = ""
    notes: tuple[str, ...] = ()
    """What differs from the real image."""
    tools: tuple[Mapping[str, str], ...] = ()
    """Name and digest of the programs that the step names and that really run."""

    def argv(self, args: Sequence[str]) -> list[str]:
        """What runs when the step names neither command nor script."""
        return images.argv(self.entrypoint, self.command, args)


class Images:
    """Roots by image, each made once. Threads may share it.

    ``toolbox`` names the installed toolbox (name, version, digest); ``store`` is a folder that the engine alone writes.
    ``mounts``: whether steps have mounts of their own. Without them no image's root can be shown: profiles say that
    they are not enforced, and images that would run in their own root are refused.
    """

    def __init__(
        self,
        system: System,
        store: Path,
        *,
        toolbox: Mapping[str, str],
        machine: Machine,
        toolbox_images: Collection[str] = (),
        host_images: Collection[str] = (),
        content: Store | None = None,
        mounts: bool = True,
    ) -> None:
        self._system = system
        self._store = store
        self._toolbox = toolbox
        self._machine = machine
        self._toolbox_images = frozenset(toolbox_images)
        self._host_images = frozenset(host_images)
        self._content = content
        self._mounts = mounts
        self._built: dict[str, Built] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(
        cls,
        config: Config,
        system: System,
        store: Path,
        *,
        toolbox: Mapping[str, str],
        path: str,
        mounts: bool = True,
    ) -> Images:
        """As the engine's configuration says; ``path`` is the engine's own $PATH. Nothing is read or made yet."""
        return cls(
            system,
            store,
            toolbox=toolbox,
            machine=Machine.this(path),
            toolbox_images=config.images,
            host_images=config.host_images,
            content=Store.of(config, system, store / "content"),
            mounts=mounts,
        )

    def close(self) -> None:
        """Let go of the connection to the registry."""
        if self._content is not None:
            self._content.close()

    def root(self, image: str, *, script: str, command: Sequence[str], args: Sequence[str] = ()) -> Root:
        """The root for a step of ``image`` that runs ``script`` or ``command``, with ``args``.

        Without both the image's own entrypoint runs.

        Raises UnsupportedError ``image-unknown``, ``image-tool-missing``, ``image-dialect``, ``image-platform``,
        ``image-layer``, ``image-isolation``; InputError ``reference-*``, ``manifest-*``, ``image-config``;
        IntegrityError ``digest-mismatch``; UnreachableError when the registry does not answer.
        """
        if image in self._toolbox_images:
            return self._of_toolbox()
        if image in self._host_images:
            return self._of_host(image, script, command)
        named = images.normalise(image)
        if named.name in self._toolbox_images:
            return self._of_toolbox()
        found = self._content.root(named, image) if self._content is not None else None
        if found is not None:
            if not self._mounts:
                raise UnsupportedError(
                    "image-isolation",
                    f"image {image} cannot run in its own root file system: steps have no mounts of their own here",
                    todo="allow unprivileged user namespaces, or take the image out of image_layouts and registry",
                )
            return _of_image(found)
        profile = images.find(named)
        if profile is None:
            raise self._unknown(image)
        wanted = [*command, *args] if command or script else images.argv(profile.entrypoint, profile.command, args)
        return self._of_profile(image, named, profile, script, wanted)

    def _of_toolbox(self) -> Root:
        identity = f"interlock.local/{TOOLBOX}@{self._toolbox['digest']}"
        system = self._system
        return Root(system.arguments, system.path, identity, TOOLBOX, ("interlock-toolbox",), tools=(self._toolbox,))

    def _of_host(self, image: str, script: str, command: Sequence[str]) -> Root:
        if not script and not command:
            raise UnsupportedError(
                "image-unknown",
                f"interlock.local does not know the entrypoint of image {image}, whose steps run with the host's tools",
                todo="give the step a command or a script",
            )
        notes = ("not the image itself: this machine's own shell and tools",)
        return Root(self._system.arguments, self._system.path, f"interlock.local/{HOST}", HOST, notes=notes)

    def _unknown(self, image: str) -> UnsupportedError:
        places = self._content.places() if self._content is not None else ""
        return UnsupportedError(
            "image-unknown",
            f"nothing on this machine stands for image {image}",
            got=f"not in {places}, nor in the image table" if places else "not in the image table",
            expected=f"one of {', '.join(images.names())}, or an image in a registry or layout of the configuration",
            todo="put the image into an OCI layout of image_layouts (skopeo copy docker://IMAGE oci:FOLDER:IMAGE) or "
            "into the configured registry, or name it in host_images to run its steps with this machine's own tools",
        )

    def _of_profile(self, image: str, named: Reference, profile: Profile, script: str, command: Sequence[str]) -> Root:
        with self._lock:
            built = self._built.get(profile.digest)
            if built is None:
                built = image_profile.build(profile, self._system, self._machine, self._store / "profiles")
                self._built[profile.digest] = built
        used = images.programs(script, command)
        _refuse_missing(image, profile, built, used)
        if not (built.enforced and self._mounts) and script and images.is_shell(script):
            _refuse_dialect(image, profile, script)
        foreign = [name for name in used if name in built.foreign]
        lost = () if self._mounts else ("not enforced without mounts: the image's shell and programs",)
        notes = (*built.notes, *lost, *([f"not BusyBox's: {' '.join(foreign)}"] if foreign else []))
        names = [name.rpartition("/")[2] for name in used if profile.has(name)]
        tools = tuple(
            {"name": name, "digest": self._machine.digest(built.programs[name])}
            for name in dict.fromkeys(names)
            if name in built.programs
        )
        return Root(
            arguments=built.arguments,
            path=profile.path,
            image_id=_stand_in(named, profile),
            executor=f"{TABLE}:{profile.name}",
            entrypoint=profile.entrypoint,
            command=profile.command,
            environment=profile.environment,
            working_dir=profile.working_dir,
            user=profile.user,
            notes=notes,
            tools=tools,
        )


def _stand_in(named: Reference, profile: Profile) -> str:
    """imageID of a profile: it says what it is.

    It ends in the digest that was asked for, as upstream's conformance test demands (TestStepStateImageID), behind
    words that say that a stand-in was in that image's place; without one, in the definition's own.
    """
    if named.digest is not None:
        return f"interlock.local/{TABLE}/{profile.name}/in-place-of/{named.name}@{named.digest}"
    return f"interlock.local/{TABLE}/{profile.name}@{profile.digest}"


def _refuse_missing(image: str, profile: Profile, built: Built, used: Sequence[str]) -> None:
    for name in used:
        plain = name.rpartition("/")[2]
        if plain in built.missing and profile.has(name):
            package = images.debian_package(plain)
            raise UnsupportedError(
                "image-tool-missing",
                f"image {image} has {plain}, which the step uses and this machine lacks",
                got=f"profile {profile.name}",
                expected=f"{plain} in a folder below /usr",
                todo=f"install it (Debian package {package}), or put the image into an OCI layout of image_layouts"
                if package
                else "put the image into an OCI layout of image_layouts, or into the configured registry",
            )


def _refuse_dialect(image: str, profile: Profile, script: str) -> None:
    if profile.shell not in ("ash", "dash"):
        return
    if images.interpreter_program(script).rpartition("/")[2] not in ("sh", profile.shell):
        return
    for finding in dialect.findings(script, "ash" if profile.shell == "ash" else "dash"):
        raise UnsupportedError(
            "image-dialect",
            f"image {image} has {profile.shell} as its shell, which does not have: {finding.construct} "
            f"(line {finding.line} of the script)",
            todo="write it in POSIX shell, or give the step an image with bash and a #! line that names it",
        )


def _of_image(found: ImageRoot) -> Root:
    return Root(
        arguments=found.arguments,
        path=found.environment.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        image_id=found.image_id,
        executor=ROOTFS,
        entrypoint=found.entrypoint,
        command=found.command,
        environment=found.environment,
        working_dir=found.working_dir,
        user=found.user,
        notes=found.notes,
        tools=found.tools,
    )
