"""Names and places of an estate's repositories (design section 5), and the edit that an image delivery is."""

from __future__ import annotations

import re

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.platform.domain.branches import WHOLE
from interlock.platform.domain.ids import Digest, ServiceName
from interlock.platform.domain.image import ImageReference
from interlock.platform.domain.result import CHART

MAIN = "refs/heads/main"
"""What people change, by merges. Branches are meant by their full names: git and Argo CD take a tag for a short one."""
SEALED = "refs/heads/sealed"
"""What was proven. Only the platform moves it."""

ROOT = "root"
"""Stands for the service in the name of an environment's root Application."""
TAKEN = frozenset({ROOT, WHOLE})
"""Names that no service may have: its Application, or its branches, would be taken for those of the whole."""

_APP = re.compile(r"apps/([^/]+)/(.+)", re.DOTALL)
_APPLICATION = re.compile(r"argocd/([^/]+)\.yaml")
_MIDDLEWARE = re.compile(r"middleware/([^/]+)/.+", re.DOTALL)
_VERSION = r"(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8})){2}"
_LIBRARY = re.compile(rf"file://\.\./\.\./({CHART}(?:/{_VERSION})?)")
_LIBRARY_FILE = re.compile(rf"{CHART}/({_VERSION})/.+", re.DOTALL)
_REGISTRY = re.compile(r"services/([^/]+)\.yaml")
TAG = ("image", "tag")
DIGEST = ("image", "digest")


def short(ref: str) -> str:
    """The short name of a branch: what a forge calls it."""
    return ref.removeprefix("refs/heads/")


def application_name(service: str, environment: str) -> str:
    """The Application of a service in an environment, as the hub's Argo CD has it."""
    return f"{service}-{environment}"


def values(service: str, environment: str) -> str:
    """The one file that an image delivery changes."""
    return f"apps/{service}/values.{environment}.yaml"


def shared_values(service: str) -> str:
    """What is the same in every environment."""
    return f"apps/{service}/values.yaml"


def environment_of(path: str) -> str | None:
    """The environment whose values of a service stand at ``path``; None for any other file."""
    match = re.fullmatch(r"values\.([^/]+)\.yaml", in_app(path) or "")
    return match[1] if match else None


def service_of(path: str) -> ServiceName | None:
    """The service that a file of an env repo belongs to; None for a file of the repo itself."""
    found = next((match for rule in (_APP, _APPLICATION, _MIDDLEWARE) if (match := rule.fullmatch(path))), None)
    return ServiceName(found[1]) if found else None


def application_of(path: str) -> ServiceName | None:
    """The service whose Application stands at ``path``; None when that is no Application's place."""
    match = _APPLICATION.fullmatch(path)
    return ServiceName(match[1]) if match else None


def registered_service(path: str) -> ServiceName | None:
    """The service that a file of the platform repo registers."""
    match = _REGISTRY.fullmatch(path)
    return ServiceName(match[1]) if match else None


def is_middleware(path: str) -> bool:
    return _MIDDLEWARE.fullmatch(path) is not None


def is_library_chart(path: str) -> bool:
    return path.startswith("charts/")


def library(version: str) -> str:
    """The folder of a version of the library chart."""
    return f"{CHART}/{version}"


def library_version(path: str) -> str | None:
    """The version of the library chart that a file belongs to; None for any other, those of the flat chart too."""
    match = _LIBRARY_FILE.fullmatch(path)
    return match[1] if match else None


def in_app(path: str) -> str | None:
    """A file of a service's own chart, relative to its folder; None for any other."""
    match = _APP.fullmatch(path)
    return match[2] if match else None


def is_values(inside: str) -> bool:
    """Whether a file of a service's chart holds values."""
    return re.fullmatch(r"values(\.[^/]+)?\.yaml", inside) is not None


def application(service: str) -> str:
    """The file of an env repo that holds the service's Application."""
    return f"argocd/{service}.yaml"


def chart(service: str) -> str:
    """Folder of the service's own chart."""
    return f"apps/{service}"


def removal(service: str) -> str:
    """The file that names what the removal of a service deletes."""
    return f"{chart(service)}/removal.yaml"


def library_chart(data: bytes, *, file: str) -> str:
    """The folder of the library chart that a service's ``Chart.yaml`` renders with: ``charts/service`` itself where
    there are no versions, and where the file cannot be read, which rendering refuses."""
    try:
        found = _dependency(yaml.load(data, file=file))
    except InputError:
        return CHART
    return found[1] if found else CHART


def set_library(data: bytes, version: str, *, file: str) -> bytes:
    """``data`` with exactly version and folder of the library chart replaced; every other byte stays. Raises InputError
    ``yaml-*``, or ``chart-dependency`` where it depends on none."""
    document = yaml.load(data, file=file)
    found = _dependency(document)
    if found is None:
        raise InputError(
            "chart-dependency", "no dependency on the library chart", expected=f"file://../../{CHART}", where=file
        )
    wanted = {"version": version, "repository": f"file://../../{library(version)}"}
    changes: dict[yaml.Path, str] = {("dependencies", found[0], key): value for key, value in wanted.items()}
    return yaml.set_scalars(data.decode("utf-8"), changes, file=file).encode()


def _dependency(document: yaml.Document) -> tuple[int, str] | None:
    """The first dependency on the library chart: its index, and the chart's folder."""
    found = document.value.get("dependencies") if isinstance(document.value, dict) else None
    for index, item in enumerate(found if isinstance(found, list) else ()):
        match = _LIBRARY.fullmatch(str(item.get("repository", ""))) if isinstance(item, dict) else None
        if match:
            return index, match[1]
    return None


def image_in(data: bytes, *, file: str) -> ImageReference:
    """The ``image`` mapping of a values file. Raises InputError ``yaml-*`` or ``values-image`` with the position."""
    document = yaml.load(data, file=file)
    image = document.value.get("image") if isinstance(document.value, dict) else None
    if not isinstance(image, dict) or set(image) != {"repository", "tag", "digest"}:
        raise InputError(
            "values-image",
            "image must be a mapping of repository, tag and digest",
            got=sorted(image) if isinstance(image, dict) else type(image).__name__,
            where=document.where("image"),
        )
    for key, value in image.items():
        if not isinstance(value, str):
            raise InputError(
                "values-image",
                f"image.{key} must be text",
                got=value,
                where=document.where("image", key),
                todo='quote it: ""',
            )
    return ImageReference(image["repository"], image["tag"], Digest(image["digest"]))


def image_moves(before: bytes | None, after: bytes | None, *, file: str) -> bool:
    """Whether a values file names another image afterwards, or cannot be read on either side."""
    try:
        return image_in(before or b"", file=file) != image_in(after or b"", file=file)
    except InputError:
        return True


def set_image(data: bytes, tag: str, digest: Digest, *, file: str) -> bytes:
    """``data`` with exactly the image's tag and digest replaced; every other byte stays. Raises InputError."""
    image_in(data, file=file)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("yaml-encoding", "not UTF-8", got=str(error), where=file) from error
    return yaml.set_scalars(text, {TAG: tag, DIGEST: digest}, file=file).encode()
