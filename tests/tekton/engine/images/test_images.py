"""What stands for an image: table profiles in the sandbox, tools that are missing, dialects."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from interlock.errors import InterlockError, UnsupportedError
from interlock.tekton.engine.images import Images, Root
from interlock.tekton.engine.images.tools import Machine

Sandbox: TypeAlias = Any

TOOLBOX = {"name": "interlock-toolbox", "version": "0.1.0", "digest": "sha256:" + "7" * 64}
DIGEST = "sha256:" + "a" * 64
USUAL = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

needs_busybox = pytest.mark.skipif(shutil.which("busybox", path=USUAL) is None, reason="no busybox on this machine")
needs_dash = pytest.mark.skipif(shutil.which("dash", path=USUAL) is None, reason="no dash on this machine")
needs_git = pytest.mark.skipif(shutil.which("git", path=USUAL) is None, reason="no git on this machine")


def images(sandbox: Sandbox, machine: Machine | None = None) -> Images:
    return Images(
        sandbox.system,
        sandbox.folder / "store",
        toolbox=TOOLBOX,
        machine=machine or Machine.this(os.environ.get("PATH", "")),
        toolbox_images=["registry.acme.test/toolbox@sha256:1", "registry.acme.test/platform/toolbox"],
        host_images=["test/shell"],
    )


def poorer(folder: Path, *names: str) -> Machine:
    """A machine that has these programs only."""
    folder.mkdir()
    for name in names:
        found = shutil.which(name, path=USUAL)
        assert found is not None
        (folder / name).symlink_to(found)
    return Machine((folder,), folder)


def said(error: InterlockError) -> str:
    return " ".join(text for _, text in error.lines())


def test_the_toolbox_image_is_the_installed_toolbox(sandbox: Sandbox) -> None:
    root = images(sandbox).root("registry.acme.test/toolbox@sha256:1", script="", command=["x"])
    assert (root.executor, root.entrypoint) == ("installed-toolbox", ("interlock-toolbox",))
    assert root.image_id == f"interlock.local/installed-toolbox@{TOOLBOX['digest']}"
    assert root.arguments == sandbox.system.arguments


def test_a_repository_stands_for_whatever_it_has(sandbox: Sandbox) -> None:
    found = images(sandbox)
    for name in ("registry.acme.test/platform/toolbox", "registry.acme.test/platform/toolbox@sha256:" + "0" * 64):
        assert found.root(name, script="", command=["x"]).executor == "installed-toolbox"
    with pytest.raises(UnsupportedError):
        found.root("registry.acme.test/platform/toolbox-other@sha256:" + "0" * 64, script="", command=["x"])


def test_a_host_image_is_this_machine_and_says_so(sandbox: Sandbox) -> None:
    root = images(sandbox).root("test/shell", script="x", command=())
    assert (root.executor, root.image_id) == ("host-tools", "interlock.local/host-tools")
    assert root.notes
    with pytest.raises(UnsupportedError, match="entrypoint") as caught:
        images(sandbox).root("test/shell", script="", command=())
    assert caught.value.code == "image-unknown"


def test_an_unknown_image_says_what_to_do(sandbox: Sandbox) -> None:
    with pytest.raises(UnsupportedError) as caught:
        images(sandbox).root("registry.acme.test/team/tool:1", script="x", command=())
    assert caught.value.code == "image-unknown"
    assert "image_layouts" in said(caught.value) and "alpine" in said(caught.value)


def test_a_profile_says_that_it_stands_in(sandbox: Sandbox) -> None:
    known = images(sandbox)
    root = known.root("mirror.gcr.io/ubuntu", script="echo", command=())
    assert root.executor == "image-table:ubuntu"
    assert root.image_id.startswith("interlock.local/image-table/ubuntu@sha256:")
    assert "not the image itself" in root.notes[0]
    pinned = known.root(f"mirror.gcr.io/ubuntu@{DIGEST}", script="echo", command=())
    assert pinned.image_id == f"interlock.local/image-table/ubuntu/in-place-of/mirror.gcr.io/library/ubuntu@{DIGEST}"


def test_what_really_runs_is_named_with_its_digest(sandbox: Sandbox) -> None:
    root = images(sandbox).root("ubuntu", script="ls | grep x", command=())
    assert [tool["name"] for tool in root.tools] == ["sh", "ls", "grep"]
    assert all(tool["digest"].startswith("sha256:") for tool in root.tools)


def run(sandbox: Sandbox, image: str, script: str) -> tuple[Root, int, str]:
    root = images(sandbox).root(image, script=script, command=())
    done = sandbox.run(root, script=script)
    return root, done.returncode, done.stdout + done.stderr


@needs_busybox
def test_alpines_shell_is_ash(sandbox: Sandbox) -> None:
    script = "[[ a == a ]] && echo double\nx=abc; echo ${x:1:1}; readlink -f /bin/sh | sed 's,.*/,,'"
    _, code, output = run(sandbox, "alpine", script)
    assert (code, output) == (0, "double\nb\nbusybox\n")
    _, code, output = run(sandbox, "alpine", "a=(1 2); echo reached")
    assert code != 0 and "reached" not in output


@needs_dash
def test_debians_and_ubuntus_shell_is_dash(sandbox: Sandbox) -> None:
    for image in ("ubuntu", "debian:bookworm-slim"):
        _, code, output = run(sandbox, image, "if [[ a == a ]]; then echo true; else echo false; fi")
        assert (code, "[[: not found" in output, "false\n" in output) == (0, True, True)


def test_ubis_shell_is_bash(sandbox: Sandbox) -> None:
    _, code, output = run(sandbox, "registry.access.redhat.com/ubi9/ubi-minimal", "a=(1 2); echo ${a[1]}")
    assert (code, output) == (0, "2\n")


@needs_busybox
def test_the_bash_image_has_bash_where_that_image_has_it(sandbox: Sandbox) -> None:
    _, code, output = run(sandbox, "bash", "#!/usr/bin/env bash\na=(1 2); echo ${a[1]}; command -v bash")
    assert (code, output) == (0, "2\n/usr/local/bin/bash\n")
    _, code, output = run(sandbox, "bash", "#!/bin/bash\necho reached")
    assert code != 0 and "No such file or directory" in output and "reached" not in output


@needs_busybox
def test_an_interpreter_that_the_image_lacks_fails_the_step(sandbox: Sandbox) -> None:
    _, code, output = run(sandbox, "alpine", "#!/usr/bin/env bash\necho reached")
    assert code == 127 and "reached" not in output


@needs_dash
def test_a_tool_that_the_image_lacks_is_not_found_though_the_machine_has_it(sandbox: Sandbox) -> None:
    _, code, output = run(sandbox, "ubuntu", "python3 --version")
    assert code == 127 and "python3: not found" in output
    _, code, output = run(sandbox, "ubuntu", "command -v git curl node make || echo none")
    assert output == "none\n"


def test_a_tool_that_the_image_has_and_the_machine_lacks_ends_the_run_before_its_first_step(sandbox: Sandbox) -> None:
    known = images(sandbox, poorer(sandbox.folder / "poor", "dash", "bash", "ls", "env"))
    known.root("ubuntu", script="ls", command=())
    with pytest.raises(UnsupportedError, match="tar") as caught:
        known.root("ubuntu", script="ls\nif true; then tar xf x; fi", command=())
    assert caught.value.code == "image-tool-missing"
    with pytest.raises(UnsupportedError) as caught:
        known.root("node", script="#!/usr/bin/env node\n1", command=())
    assert "Debian package nodejs" in said(caught.value)
    with pytest.raises(UnsupportedError, match="crane"):
        known.root("gcr.io/go-containerregistry/crane", script="", command=())


def test_without_busybox_bash_reads_the_script_and_refuses_what_is_bashs_own(sandbox: Sandbox) -> None:
    known = images(sandbox, poorer(sandbox.folder / "poor", "bash", "ls", "cat"))
    root = known.root("alpine", script="[[ a == a ]] && ls", command=())
    assert any("dialect ash: not enforced" in note for note in root.notes)
    assert sandbox.run(root, script="[[ a == a ]] && echo yes").stdout == "yes\n"
    with pytest.raises(UnsupportedError, match=r"array .line 2") as caught:
        known.root("alpine", script="ls\na=(1 2)", command=())
    assert caught.value.code == "image-dialect"


def test_os_release_and_users_are_the_images(sandbox: Sandbox) -> None:
    _, _, output = run(sandbox, "alpine:3.12", ". /etc/os-release; echo $ID $VERSION_ID; cat /etc/alpine-release")
    assert output == "alpine 3.12\n3.12\n"
    _, _, output = run(sandbox, "ubuntu", ". /etc/os-release; echo $ID $ID_LIKE; id -un")
    assert output == "ubuntu debian\nnonroot\n"


@needs_busybox
def test_entrypoints_of_official_images(sandbox: Sandbox) -> None:
    known = images(sandbox)
    bash = known.root("bash", script="", command=())
    assert sandbox.run(bash, bash.argv(["-c", "echo $BASH_VERSION; echo $0"])).stdout.endswith("\nbash\n")
    assert sandbox.run(bash, bash.argv(["echo", "hello"])).stdout == "hello\n"
    busybox = known.root("busybox", script="", command=())
    assert sandbox.run(busybox, busybox.argv(["-c", "echo hello"])).stdout == "hello\n"


@needs_git
@needs_busybox
def test_the_git_image_runs_git(sandbox: Sandbox) -> None:
    root = images(sandbox).root("alpine/git", script="", command=())
    assert sandbox.run(root, root.argv(["--version"])).stdout.startswith("git version")


def test_a_root_without_a_shell_has_none(sandbox: Sandbox) -> None:
    root = images(sandbox).root("ghcr.io/tektoncd/pipeline/cmd/nop:v1", script="", command=())
    assert sandbox.run(root, root.argv([])).returncode == 0
    assert sandbox.run(root, script="echo reached").returncode != 0


def test_program_folders_are_made_once_and_found_again(sandbox: Sandbox) -> None:
    first = images(sandbox).root("alpine", script="ls", command=())
    again = images(sandbox).root("alpine", script="ls", command=())
    assert first.arguments == again.arguments
    assert len(list((sandbox.folder / "store" / "profiles").iterdir())) == 1


def test_without_mounts_nothing_claims_an_images_root(sandbox: Sandbox) -> None:
    known = Images(
        sandbox.system,
        sandbox.folder / "store",
        toolbox=TOOLBOX,
        machine=Machine.this(os.environ.get("PATH", "")),
        mounts=False,
    )
    root = known.root("ubuntu", script="ls", command=())
    assert any("not enforced without mounts" in note for note in root.notes)
    with pytest.raises(UnsupportedError) as caught:
        known.root("ubuntu", script="[[ a == b ]]", command=())
    assert caught.value.code == "image-dialect"


# Through the engine


@needs_busybox
@needs_dash
def test_steps_of_one_task_run_each_in_its_images_root(rig: Any) -> None:
    run = rig.run_task(
        f"""
        results: [{{name: r}}]
        steps:
          - {{name: a, image: alpine, script: "[[ a == a ]] && . /etc/os-release && echo $ID > $(results.r.path)"}}
          - {{name: b, image: "mirror.gcr.io/ubuntu@{DIGEST}", script: "[[ a == a ]] || echo dash"}}
          - {{name: c, image: bash, args: ["-c", "a=(1 2); echo ${{a[1]}}"]}}
        """
    )
    status = run["status"]
    assert [step["terminated"]["exitCode"] for step in status["steps"]] == [0, 0, 0], status
    assert status["steps"][1]["imageID"].endswith(DIGEST)
    assert status["results"][0]["value"] == "alpine\n"
    assert rig.log(step="b").endswith("dash\n")
    assert rig.log(step="c") == "2\n"
    assert "image-table:alpine" in run["metadata"]["annotations"]["interlock.dev/capabilities"]


def test_a_missing_tool_ends_a_task_run_before_its_first_step(rig: Any, condition: Any) -> None:
    run = rig.run_task(
        "steps: [{name: a, image: alpine, script: 'true'}, {name: b, image: alpine, script: apk add git}]"
    )
    verdict, _, message = condition(run)
    assert (verdict, "apk" in message) == ("False", True)
    assert not run["status"].get("steps")
