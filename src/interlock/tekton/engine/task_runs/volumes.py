"""What volumes and workspaces of a TaskRun are here: folders that the engine keeps, or files from the cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from interlock.errors import InputError
from interlock.formats.tekton import names, pod_types, task, validation
from interlock.local.sandbox.view import Bind, Tree
from interlock.tekton.engine.storage import Storage, checked
from interlock.tekton.engine.task_runs.inputs import File, Inputs
from interlock.tekton.spec.runs import WorkspaceBinding


@dataclass(frozen=True)
class Volume:
    """A folder of this machine, or files whose content never touches its disk.

    ``claim`` names the folder that outlives the run, if it is one.
    """

    folder: Path | None = None
    files: Mapping[str, File] | None = None
    shared: bool = False
    sub_path: str = ""
    read_only: bool = False
    claim: str = ""

    def mount(self, target: str, *, read_only: bool, sub_path: str = "") -> Bind | Tree:
        """At ``target`` in a sandbox. Raises RefusedError ``path-climbs``."""
        validation.climbing(sub_path, "subPath")
        below = "/".join(part for part in (self.sub_path, sub_path) if part)
        if self.folder is not None:
            return Bind(self.folder, target, read_only or self.read_only, below, self.shared)
        held = self.files or {}
        if below:
            held = {name[len(below) + 1 :]: file for name, file in held.items() if name.startswith(below + "/")}
        contents = {name: file.content for name, file in held.items()}
        return Tree(target, contents, modes={name: file.mode for name, file in held.items()})


@dataclass(frozen=True)
class Places:
    """Where the volumes of one attempt come from. ``folder`` is the attempt's, ``uid`` the TaskRun's."""

    storage: Storage
    inputs: Inputs
    namespace: str
    uid: str
    folder: Path

    def volume(self, source: pod_types.Volume) -> Volume:
        """One volume of the Task. Raises InputError ``volume-source`` when it says nothing that is."""
        if source.secret is not None:
            return Volume(files=self.inputs.secret_files(source.secret))
        if source.config_map is not None:
            return Volume(files=self.inputs.config_map_files(source.config_map))
        if source.projected is not None:
            return Volume(files=self.inputs.projected_files(source.projected))
        if source.downward_api is not None:
            return Volume(files=self.inputs.downward_files(source.downward_api))
        if source.persistent_volume_claim is not None:
            claim = source.persistent_volume_claim
            return self._claim(claim.claim_name, read_only=claim.read_only)
        if source.ephemeral is not None:
            # The claim of a generic ephemeral volume is named after pod and volume (KEP-1698).
            return self._claim(f"{self.uid}-{source.name}", owner=self.uid)
        if source.empty_dir is not None or source.to_object().keys() == {"name"}:
            return Volume(_empty(self.folder / "volumes" / checked(source.name)))
        raise InputError("volume-source", f"volume {source.name!r} has no source that is known here")

    def workspace(self, binding: WorkspaceBinding) -> Volume:
        """What a workspace is bound to. Raises RefusedError ``path-climbs``."""
        validation.climbing(binding.sub_path, f"workspaces.{binding.name}.subPath")
        below = binding.sub_path
        if binding.secret is not None:
            return Volume(files=self.inputs.secret_files(binding.secret), sub_path=below)
        if binding.config_map is not None:
            return Volume(files=self.inputs.config_map_files(binding.config_map), sub_path=below)
        if binding.projected is not None:
            return Volume(files=self.inputs.projected_files(binding.projected), sub_path=below)
        if binding.persistent_volume_claim is not None:
            claim = binding.persistent_volume_claim
            return self._claim(claim.claim_name, sub_path=below, read_only=claim.read_only)
        if binding.volume_claim_template is not None:
            template = (binding.volume_claim_template.get("metadata") or {}).get("name", "")
            return self._claim(names.claim(template, binding.name, self.uid), sub_path=below, owner=self.uid)
        return Volume(_empty(self.folder / "workspaces" / checked(binding.name)), sub_path=below)

    def _claim(self, name: str, *, sub_path: str = "", read_only: bool = False, owner: str = "") -> Volume:
        folder = self.storage.claim(self.namespace, name, owner_uid=owner)
        return Volume(folder, shared=True, sub_path=sub_path, read_only=read_only, claim=name)


def _empty(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def isolated(spec: task.TaskSpec) -> set[str]:
    """Workspaces that some step or sidecar lists: only those that list them see them (pkg/workspace Apply)."""
    containers: Sequence[task.Step | task.Sidecar] = [*(spec.steps or []), *(spec.sidecars or [])]
    return {usage.name for container in containers for usage in container.workspaces or []}
