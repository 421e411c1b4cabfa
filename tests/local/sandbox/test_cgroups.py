"""Cgroups of both versions, on folders that stand for the kernel's; limits as Kubernetes writes them."""

from __future__ import annotations

from pathlib import Path

from interlock.local.sandbox.cgroups import Cgroups
from interlock.local.sandbox.limits import Limits


def _mount(folder: Path, kind: str, options: str, root: str = "/") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    return f"30 20 0:26 {root} {folder} rw,relatime shared:9 - {kind} {kind} rw,{options}\n"


def test_version_1(tmp_path: Path) -> None:
    mounts = _mount(tmp_path / "memory", "cgroup", "memory") + _mount(tmp_path / "pids", "cgroup", "pids")
    (tmp_path / "memory/own").mkdir()
    found = Cgroups.here(mounts=mounts, own="5:pids:/\n4:memory:/own\n0::/\n")
    assert (found.version, found.parents) == (1, {"memory": tmp_path / "memory/own", "pids": tmp_path / "pids"})
    group = found.make(Limits(memory_bytes=5000, processes=7))
    assert group is not None
    assert (group.folders["memory"] / "memory.limit_in_bytes").read_text() == "5000"
    assert (group.folders["pids"] / "pids.max").read_text() == "7"
    group.add(42)
    assert {(folder / "cgroup.procs").read_text() for folder in group.folders.values()} == {"42"}
    (group.folders["memory"] / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    assert group.out_of_memory()


def test_version_2_in_a_delegated_subtree(tmp_path: Path) -> None:
    mounts = _mount(tmp_path, "cgroup2", "nsdelegate", root="/outer")
    own = tmp_path / "user"
    own.mkdir()
    (own / "cgroup.subtree_control").write_text("memory pids")
    found = Cgroups.here(mounts=mounts, own="0::/outer/user\n")
    assert found.version == 2
    group = found.make(Limits(memory_bytes=5000, processes=None))
    assert group is not None
    (folder,) = group.folders.values()
    assert folder.parent == own
    assert (folder / "memory.max").read_text() == "5000"
    (folder / "memory.events").write_text("low 0\noom 0\noom_kill 0\n")
    assert not group.out_of_memory()


def test_nothing_where_nothing_can_be_made(tmp_path: Path) -> None:
    mounts = _mount(tmp_path, "cgroup2", "nsdelegate")
    (tmp_path / "cgroup.subtree_control").mkdir()
    assert Cgroups.here(mounts=mounts, own="0::/\n").parents == {}
    assert Cgroups().make(Limits(memory_bytes=1)) is None
