"""The image table ``images.toml``, read into profiles. Its comments say what each field means."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any, Final, Literal, cast

from interlock.formats.oci.reference import Reference
from interlock.tekton.spec.images.reference import normalise, origin

Shell = Literal["ash", "dash", "bash", "none"]

FOLDERS: Final = {
    "bin": "/bin",
    "sbin": "/sbin",
    "usr_bin": "/usr/bin",
    "usr_sbin": "/usr/sbin",
    "local_bin": "/usr/local/bin",
    "ko_app": "/ko-app",
}
"""Key of the data file -> folder of the image."""

_VERSION = re.compile(r"v?([0-9]+(?:\.[0-9]+)*)")
_LISTS: Final = ("entrypoint", "cmd")
_TABLES: Final = ("env", "os_release", "files", "launchers")
_TEXTS: Final = ("shell", "version", "user", "working_dir")
_FIELDS: Final = {
    *("name", "references", "tags", "from", "applets", "toolsets", "merged", "tagged"),
    *_LISTS,
    *_TABLES,
    *_TEXTS,
    *FOLDERS,
}


@dataclass(frozen=True)
class Profile:
    """What steps of an image see. ``programs``: folder -> names; ``applets``: names that are BusyBox's own."""

    name: str
    shell: Shell
    programs: Mapping[str, frozenset[str]]
    applets: frozenset[str] = frozenset()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    os_release: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """Further files, by path."""
    launchers: Mapping[str, str] = field(default_factory=dict)
    """Entrypoint scripts: path -> what they do (``prefix:bash``, ``prefix-unless-command:node``, ``exec``,
    ``program:true``)."""
    user: str = ""
    working_dir: str = ""
    merged: bool = True
    """/bin and /sbin are links to the folders in /usr."""

    @property
    def path(self) -> str:
        """$PATH."""
        return self.environment.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")

    def folder(self, path: str) -> str:
        """``path`` of a folder with the links /bin and /sbin followed."""
        return {"/bin": "/usr/bin", "/sbin": "/usr/sbin"}.get(path, path) if self.merged else path

    def tools(self) -> frozenset[str]:
        """Every name that $PATH leads to."""
        found: set[str] = set()
        for folder in self.path.split(":"):
            found |= self.programs.get(self.folder(folder), frozenset())
        return frozenset(found)

    def has(self, program: str) -> bool:
        """Whether ``program``, a name or an absolute path, is there."""
        if "/" not in program:
            return program in self.tools()
        folder, _, name = program.rpartition("/")
        return name in self.programs.get(self.folder(folder), frozenset()) or program in self.launchers

    @property
    def digest(self) -> str:
        """Of the definition: two profiles with one digest are the same."""
        value = {
            **{key: item for key, item in self.__dict__.items() if key not in ("programs", "applets")},
            "programs": {folder: sorted(names) for folder, names in sorted(self.programs.items())},
            "applets": sorted(self.applets),
        }
        return "sha256:" + hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def find(image: Reference) -> Profile | None:
    """The profile of ``image``, mirrors of its registry included; None where the table has none."""
    wanted = origin(image)
    for entry in _entries():
        named = any(fnmatchcase(wanted.name, pattern) for pattern in entry["references"])
        tags = entry.get("tags", "").split()
        if named and (not tags or any(fnmatchcase(wanted.tag or "", pattern) for pattern in tags)):
            version = _VERSION.match(wanted.tag or "") if entry.get("tagged") else None
            return _profile(entry["name"], version[1] if version else None)
    return None


def of(text: str) -> Profile | None:
    """`find` for a reference as a step writes it. Raises InputError ``reference-*``, ``digest-invalid``."""
    return find(normalise(text))


def names() -> list[str]:
    """Every profile's name, in the table's order."""
    return [entry["name"] for entry in _entries()]


def profile(name: str) -> Profile:
    """The profile ``name``. Raises KeyError."""
    return _profile(name, None)


def references(name: str) -> tuple[list[str], str]:
    """The references and tag globs that lead to the profile ``name``."""
    entry = _by_name()[name]
    return list(entry["references"]), entry.get("tags", "")


def debian_package(tool: str) -> str:
    """The Debian package with ``tool``; empty where there is none that we know of."""
    packages: Mapping[str, str] = _table()["packages"]
    for name in ("coreutils", "util-linux", "procps"):
        if any(tool in words.split() for words in _table()["toolset"][name].values()):
            return packages.get(tool, name)
    return packages.get(tool, "")


@cache
def _table() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("images.toml").read_text("utf-8")
    value = tomllib.loads(text)
    for entry in value["image"]:
        if unknown := set(entry) - _FIELDS:
            raise ValueError(f"images.toml: {entry.get('name')}: unknown {', '.join(sorted(unknown))}")
    return value


def _entries() -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], _table()["image"])


@cache
def _by_name() -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in _entries()}


def _flat(name: str) -> dict[str, Any]:
    """The entry with what it extends; programs as sets by folder key."""
    entry = _by_name()[name]
    base: dict[str, Any] = _flat(entry["from"]) if "from" in entry else {"programs": {}, "applets": set()}
    toolsets = _table()["toolset"]
    programs: dict[str, set[str]] = {key: set(value) for key, value in base["programs"].items()}
    applets = set(base["applets"])
    for name_of_set in (*entry.get("applets", ()), *entry.get("toolsets", ())):
        for key, words in toolsets[name_of_set].items():
            programs.setdefault(key, set()).update(words.split())
            if name_of_set in entry.get("applets", ()):
                applets |= set(words.split())
    for key in FOLDERS:
        own = set(entry.get(key, "").split())
        programs.setdefault(key, set()).update(own)
        applets -= own
    merged = {**{key: base.get(key, ()) for key in _LISTS}, **{key: base.get(key, "") for key in _TEXTS}}
    merged |= {key: entry[key] for key in (*_LISTS, *_TEXTS) if key in entry}
    for key in _TABLES:
        merged[key] = {**base.get(key, {}), **entry.get(key, {})}
    merged["merged"] = entry.get("merged", base.get("merged", True))
    return {**merged, "programs": programs, "applets": applets}


@cache
def _profile(name: str, version: str | None) -> Profile:
    flat = _flat(name)
    stated = version or flat["version"]
    linked = {"/bin": "/usr/bin", "/sbin": "/usr/sbin"} if flat["merged"] else {}
    programs: dict[str, set[str]] = {}
    for key, found in flat["programs"].items():
        folder = linked.get(FOLDERS[key], FOLDERS[key])
        programs.setdefault(folder, set()).update(found)
    for path in flat["launchers"]:
        folder, _, launcher = path.rpartition("/")
        if folder:
            programs.setdefault(folder, set()).add(launcher)

    def versioned(values: Mapping[str, str]) -> dict[str, str]:
        return {key: value.replace("{version}", stated) for key, value in values.items() if value}

    return Profile(
        name=name,
        shell=flat["shell"],
        programs={folder: frozenset(found) for folder, found in programs.items() if found},
        applets=frozenset(flat["applets"]),
        entrypoint=tuple(flat["entrypoint"]),
        command=tuple(flat["cmd"]),
        environment=dict(flat["env"]),
        os_release=versioned(flat["os_release"]),
        files=versioned(flat["files"]),
        launchers=dict(flat["launchers"]),
        user=flat["user"],
        working_dir=flat["working_dir"],
        merged=flat["merged"],
    )
