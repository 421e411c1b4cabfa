"""What executes the steps of an image on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from interlock.errors import UnsupportedError
from interlock.local.tekton.config import Config
from interlock.local.tekton.system import System

TOOLBOX = "installed-toolbox"
HOST = "host-tools"


@dataclass(frozen=True)
class Root:
    """The root file system that containers of one image see."""

    arguments: tuple[str, ...]
    path: str
    image_id: str
    executor: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    working_dir: str = ""
    user: str = ""
    notes: tuple[str, ...] = ()
    tools: tuple[Mapping[str, str], ...] = ()


class Images:
    def __init__(self, config: Config, system: System, toolbox: Mapping[str, str]) -> None:
        self._config, self._system, self._toolbox = config, system, toolbox

    def root(self, image: str, *, script: str, command: Sequence[str]) -> Root:
        """Raises UnsupportedError ``image-unknown``."""
        if image in self._config.images:
            digest = self._toolbox["digest"]
            return Root(
                self._system.arguments,
                self._system.path,
                f"interlock.local/{TOOLBOX}@{digest}",
                TOOLBOX,
                entrypoint=("interlock-toolbox",),
                tools=(self._toolbox,),
            )
        if image in self._config.host_images:
            return Root(self._system.arguments, self._system.path, f"interlock.local/{HOST}", HOST)
        raise UnsupportedError("image-unknown", f"image {image} cannot be executed by interlock.local")
