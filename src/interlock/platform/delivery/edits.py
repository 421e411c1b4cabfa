"""Preparing an edit of the platform repo's own files, and what it will ask: the estate that it gives is read first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.clients.git import Repository
from interlock.errors import InputError, NotFoundError
from interlock.formats import yaml
from interlock.platform.delivery import promotion
from interlock.platform.delivery.promotion import Prepared
from interlock.platform.domain.branches import WHOLE, Purpose
from interlock.platform.domain.ids import CommitId
from interlock.platform.estate import PLATFORM, Requirement, rules, strictness
from interlock.platform.estate.layout import MAIN
from interlock.platform.estate.strictness import Difference
from interlock.platform.facts import edit, estates

PLATFORM_FILE, PEOPLE_FILE = "platform.yaml", "people.yaml"
_STEP_IMAGE = re.compile(rb"^( +(?:- )?image: )\S+@sha256:[0-9a-f]{64}$", re.MULTILINE)
"""As the catalog has it: steps of its tasks run a verb of the toolbox, and nothing else."""


@dataclass(frozen=True)
class Edit:
    """A prepared edit: what it changes, who must approve it, and the environments for which it asks a change record.

    For people, before the gate judges: owners of services that change approve too.
    """

    prepared: Prepared
    differences: tuple[Difference, ...]
    approvals: tuple[Requirement, ...]
    records: tuple[str, ...]


def prepare(git: Repository, files: Mapping[str, bytes | None], title: str) -> Edit:
    """``files``: path -> content, None deletes. What follows from them is added: Argo CD's objects, and another toolbox
    in the tasks of the catalog that ``files`` do not bring.

    Raises the errors of `estate.load` for what is no estate, with the position; RefusedError ``change-nothing``.
    """
    base = CommitId(git.resolve(MAIN))
    before = estates.of(git, base)
    tree = git.write_tree(dict(files), base=base)
    after = estates.of(git, CommitId(tree))
    if after.platform.toolbox not in (None, before.platform.toolbox):
        files = {**_on_toolbox(git, tree, after.platform.toolbox), **files}
        tree = git.write_tree(dict(files), base=base)
    old, new = (edit.objects(git, base, before, item) for item in (before, after))
    moved = {path: new.get(path) for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    found = strictness.differences(before, after)
    catalog = [f"- {item.path}" for item in git.diff(base, tree) if item.path.startswith(edit.CATALOG)]
    told = [f"- {'stricter' if item.stricter else 'weaker'}: `{item.path}`" for item in found]
    body = "\n".join([*told, *catalog]) or "Nothing that a rule says."
    everywhere = (*before.platform.environments, before.platform.itself)
    asking = tuple(
        item.name for item in everywhere if rules.records(item) and (catalog or strictness.weaker(found, item.name))
    )
    prepared = promotion.change(git, Purpose.EDIT, WHOLE, {**files, **moved}, title, f"{body}\n")
    return Edit(prepared, found, rules.of(before.environment(PLATFORM), PLATFORM).approvals, asking)


def _on_toolbox(git: Repository, tree: str, image: str) -> Mapping[str, bytes]:
    """The tasks of the catalog whose steps run on another image, with this one."""
    moved = {}
    for item in git.ls_tree(tree, edit.CATALOG.rstrip("/")):
        data = git.blob(item.id) if item.type == "blob" else b""
        if (new := _STEP_IMAGE.sub(rb"\g<1>" + image.encode(), data)) != data:
            moved[item.path] = new
    return moved


def person_added(people: bytes, entry: Mapping[str, Any]) -> bytes:
    """``people.yaml`` with one entry more. Raises InputError ``yaml-*``."""
    return yaml.append(_text(people, PEOPLE_FILE), ("people",), dict(entry), file=PEOPLE_FILE).encode()


def person_left(people: bytes, person: str, until: str) -> bytes:
    """``people.yaml`` with the entry of ``person`` ending at ``until``. Raises NotFoundError ``person-unknown``."""
    text = _text(people, PEOPLE_FILE)
    found: Sequence[Mapping[str, Any]] = yaml.load(text, file=PEOPLE_FILE).value["people"]
    for index, entry in enumerate(found):
        if entry["id"] != person:
            continue
        if "validUntil" in entry:
            return yaml.set_scalars(text, {("people", index, "validUntil"): until}, file=PEOPLE_FILE).encode()
        return yaml.put(text, ("people", index), "validUntil", until, file=PEOPLE_FILE).encode()
    known = ", ".join(str(entry["id"]) for entry in found)
    raise NotFoundError("person-unknown", "nobody has this id", got=person, expected=known, where=PEOPLE_FILE)


def freeze_added(platform: bytes, freeze: Mapping[str, Any]) -> bytes:
    """``platform.yaml`` with one freeze more. Raises InputError ``yaml-*``."""
    text = _text(platform, PLATFORM_FILE)
    if "freezes" not in yaml.load(text, file=PLATFORM_FILE).value:
        return yaml.put(text, (), "freezes", [dict(freeze)], file=PLATFORM_FILE).encode()
    return yaml.append(text, ("freezes",), dict(freeze), file=PLATFORM_FILE).encode()


def _text(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("yaml-encoding", "not UTF-8", got=str(error), where=file) from error
