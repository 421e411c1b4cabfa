"""What a step finds and cannot do, at each level of isolation; the differences of path rewriting are named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.errors import UnsupportedError
from interlock.local.sandbox import programs, sandbox
from interlock.local.sandbox.system import System
from interlock.local.sandbox.view import Bind, Tree


def test_a_step_finds_its_files_at_their_paths(box: Any) -> None:
    (box.workspace / "in").write_text("held")
    tree = Tree("/etc/conf", {"a": b"one", "deep/b": b"two"})
    outcome = box.run(
        "cat /workspace/in /etc/conf/a /etc/conf/deep/b; echo out > /workspace/out; echo $HOST_VAR",
        trees=[tree],
        environment={"HOST_VAR": "given"},
    )
    assert (outcome.exit_code, box.text) == (0, "heldonetwogiven\n")
    assert (box.workspace / "out").read_text() == "out\n"


def test_exit_codes_and_signals(box: Any) -> None:
    assert box.run("exit 7").exit_code == 7
    assert box.run("kill -TERM $$").exit_code == 143
    outcome = box.run("/no/such/program")
    assert (outcome.exit_code, outcome.reason) == (127, "Error")


def test_both_streams_reach_the_log_masked(box: Any) -> None:
    box.run("echo to-out hidden-value; echo to-err hidden-value >&2", secrets=[b"hidden-value"])
    assert box.text == "to-out ***\nto-err ***\n"


def test_the_environment_is_what_was_given_and_no_more(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINES_OWN", "not for steps")
    box.run("env | grep -c ENGINES_OWN || true")
    assert box.text == "0\n"


def test_read_only_volumes_trees_and_the_system(strict_box: Any) -> None:
    volume = strict_box.bind("fixed", "/fixed", read_only=True)
    strict_box.run(
        "for t in /fixed/x /conf/x /empty/x /usr/x /etc/x /proc/sys/kernel/core_pattern; do"
        " (echo x > $t) 2>/dev/null && echo wrote $t; done; echo end",
        binds=[volume],
        trees=[Tree("/conf", {"a": b"1"}), Tree("/empty", {})],
    )
    assert strict_box.text == "end\n"


def test_no_other_process_user_or_network_is_there(strict_box: Any) -> None:
    strict_box.run("id -u; ls /proc | grep -c '^[0-9]' ; cat /proc/net/dev | grep -vc lo: ; hostname", hostname="here")
    user, processes, headers, name = strict_box.text.split()
    assert (user, headers, name) == ("65532", "2", "here")
    assert int(processes) < 8


def test_no_capability_and_no_way_to_get_one_back(strict_box: Any) -> None:
    strict_box.run(
        "grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | grep -v 0000000000000000 || true\n"
        "unshare -Ur true 2>/dev/null && echo escaped || true\n"
        "mount -t tmpfs x /mnt 2>/dev/null && echo mounted || true\necho end"
    )
    assert strict_box.text == "end\n"


def test_the_first_process_inside_keeps_its_secrets(strict_box: Any) -> None:
    """It has the step's environment in its memory, and the step's user."""
    strict_box.run(
        "n=env; (tr '\\0' '\\n' < /proc/1/${n}iron) 2>&1 | grep KEPT; head -c 1 /proc/1/mem 2>&1 | wc -c; true",
        environment={"VALUE": "KEPT"},
    )
    assert "KEPT" not in strict_box.text


def test_nothing_that_was_opened_for_the_sandbox_is_open_in_the_step(box: Any) -> None:
    box.run("ls /proc/self/fd | wc -l", trees=[Tree("/conf", {"a": b"1"})])
    # The three streams, and the folder that ls reads.
    assert box.text.strip() == "4"


def test_values_are_not_in_the_process_list_of_what_makes_the_sandbox(box: Any) -> None:
    """The step's own process has its environment, as everywhere; bwrap, nsenter, unshare and Python have none of it."""
    os.mkfifo(box.workspace / "gate")
    value = f"listed-{os.getpid()}-value"
    running = box.start("cat /workspace/gate", environment={"VALUE": value})
    with (box.workspace / "gate").open("w"):
        shown = [path for path in Path("/proc").glob("[0-9]*/cmdline") if value in _read(path)]
        family = [path for path in _ancestors(running.pid) if value in _read(path / "environ")]
    assert running.wait().exit_code == 0
    assert (shown, family) == ([], [])


def _ancestors(pid: int) -> list[Path]:
    """The sandbox's first process and those around it, up to this one."""
    found = []
    while pid not in (os.getpid(), 0):
        found.append(Path(f"/proc/{pid}"))
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def test_the_step_starts_only_after_what_must_be_durable_before_it(box: Any) -> None:
    seen: list[bool] = []
    box.run("touch /workspace/started", released=lambda: seen.append((box.workspace / "started").exists()))
    assert seen == [False]
    assert (box.workspace / "started").exists()


def test_a_step_does_not_start_when_that_fails(box: Any) -> None:
    def fails() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        box.run("touch /workspace/started", released=fails)
    assert not (box.workspace / "started").exists()


def test_a_whole_root_of_an_image_replaces_the_machines(strict_box: Any, tmp_path: Path) -> None:
    """Overlays: what the step writes into its root goes with it."""
    root = tmp_path / "root"
    (root / "opt").mkdir(parents=True)
    (root / "opt" / "own").write_text("image\n")

    class Root:
        arguments = (
            *("--overlay-src", str(root), "--tmp-overlay", "/", "--ro-bind", "/usr", "/usr"),
            *("--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"),
        )

    for _ in range(2):
        outcome = strict_box.run("cat /opt/*; echo step > /opt/made; test ! -e /etc/passwd", root=Root())
        assert (outcome.exit_code, strict_box.text) == (0, "image\n")
    assert [path.name for path in (root / "opt").iterdir()] == ["own"]


def test_each_level_says_what_it_cannot_enforce(box: Any) -> None:
    said = " ".join(box.isolation.not_enforced)
    assert ("network" in said) == (box.level == "none")


def test_what_cannot_be_had_is_refused_with_the_reasons(machine: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "bubblewrap", lambda: "/usr/bin/false")
    with pytest.raises(UnsupportedError) as caught:
        sandbox.probe(machine, allow_weaker=True, choice="bubblewrap")
    assert caught.value.code == "no-sandbox"
    with pytest.raises(UnsupportedError, match="rewriting"):
        sandbox.probe(machine, allow_weaker=False, choice="rewriting")


def test_without_bubblewrap_unshare_is_next(
    machine: System, isolation_of: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    isolation_of("unshare")
    monkeypatch.setattr(programs, "bubblewrap", lambda: "/usr/bin/false")
    assert sandbox.probe(machine, allow_weaker=False).level == "unshare"


def test_a_mount_inside_a_shared_volume(box: Any) -> None:
    if box.level == "none":
        pytest.skip("path rewriting: relative paths do not meet what is mounted below a volume")
    shared = box.bind("claim", "/claim", shared=True)
    inner = box.bind("inner", "/claim/a/b")
    (box.folder / "inner" / "file").write_text("inner\n")
    deeper = Tree("/claim/a/b/conf", {"key": b"deep\n"})
    outcome = box.run("cd /claim/a; cat b/file b/conf/key; echo x > b/made", binds=[shared, inner], trees=[deeper])
    assert (outcome.exit_code, box.text) == (0, "inner\ndeep\n")
    assert (box.folder / "inner" / "made").exists()
    assert not list((box.folder / "claim" / "a" / "b").iterdir())


@pytest.mark.parametrize("planted", ["a", "a/b"])
def test_a_link_in_a_shared_volume_does_not_lead_a_mount_elsewhere(
    strict_box: Any, tmp_path: Path, planted: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    shared = strict_box.bind("claim", "/claim", shared=True)
    link = strict_box.folder / "claim" / planted
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside)
    inner = strict_box.bind("inner", "/claim/a/b")
    try:
        outcome = strict_box.run("touch /claim/a/b/made", binds=[shared, inner])
        assert outcome.exit_code != 0
    except Exception as error:
        assert getattr(error, "code", "") == "path-climbs"
    assert not list(outside.iterdir())
    assert not (strict_box.folder / "inner" / "made").exists()


def test_a_volumes_folder_by_sub_path(strict_box: Any) -> None:
    (strict_box.folder / "claim").mkdir()
    bind = Bind(strict_box.folder / "claim", "/part", sub_path="x/y", shared=True)
    assert strict_box.run("echo 1 > /part/file", binds=[bind]).exit_code == 0
    assert (strict_box.folder / "claim/x/y/file").exists()
