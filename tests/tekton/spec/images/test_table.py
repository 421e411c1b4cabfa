"""The image table: references, profiles, what scripts need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from interlock.errors import InputError
from interlock.tekton.spec import images
from interlock.tekton.spec.images import dialect

EXAMPLES = Path(__file__).parents[5] / "shared" / "conformance" / "tekton-examples"
DIGEST = "sha256:" + "a" * 64

# Images of the examples that cannot run as local processes: Go programs of Tekton's own build, Windows, a registry tool
# that needs a network.
NOT_LOCAL = ("/cmd/git-init", "windows/nanoserver")


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("alpine", "docker.io/library/alpine"),
        ("alpine:3.20", "docker.io/library/alpine:3.20"),
        ("alpine/git", "docker.io/alpine/git"),
        ("index.docker.io/library/alpine", "index.docker.io/library/alpine"),
        ("mirror.gcr.io/ubuntu", "mirror.gcr.io/library/ubuntu"),
        (f"ubuntu:22.04@{DIGEST}", f"docker.io/library/ubuntu:22.04@{DIGEST}"),
        ("localhost:5000/a/b", "localhost:5000/a/b"),
        ("localhost/x", "localhost/x"),
        ("registry.access.redhat.com/ubi9:latest", "registry.access.redhat.com/ubi9:latest"),
    ],
)
def test_references_are_read_as_docker_reads_them(written: str, normalised: str) -> None:
    assert str(images.normalise(written)) == normalised


@pytest.mark.parametrize("written", ["", "a/UPPER", "alpine:", "a b", "alpine@sha256:123", "x" * 400])
def test_what_is_no_reference_is_refused(written: str) -> None:
    with pytest.raises(InputError):
        images.normalise(written)


@pytest.mark.parametrize(
    ("image", "name", "shell"),
    [
        ("alpine", "alpine", "ash"),
        ("mirror.gcr.io/alpine:3.19", "alpine", "ash"),
        (f"index.docker.io/library/busybox@{DIGEST}", "busybox", "ash"),
        ("public.ecr.aws/docker/library/python:3.12-slim", "python-slim", "dash"),
        ("python:3.12-alpine3.20", "python-alpine", "ash"),
        ("python", "python", "dash"),
        (f"mirror.gcr.io/node@{DIGEST}", "node", "dash"),
        ("ubuntu:24.04", "ubuntu", "dash"),
        ("debian:bookworm-slim", "debian-slim", "dash"),
        ("registry.redhat.io/ubi8/ubi-minimal:8.2", "ubi-minimal", "bash"),
        ("registry.access.redhat.com/ubi9", "ubi", "bash"),
        ("fedora:40", "fedora", "bash"),
        ("cgr.dev/chainguard/git", "chainguard-git", "ash"),
        (f"ghcr.io/tektoncd/plumbing/alpine-git-nonroot@{DIGEST}", "alpine-git-nonroot", "ash"),
        ("gcr.io/go-containerregistry/crane", "crane-static", "none"),
    ],
)
def test_the_table_knows_the_image(image: str, name: str, shell: str) -> None:
    profile = images.of(image)
    assert profile is not None
    assert (profile.name, profile.shell) == (name, shell)


def test_an_unknown_image_has_no_profile() -> None:
    assert images.of("registry.acme.test/team/tool:1") is None
    assert images.of("docker.io/evil/alpine") is None
    assert images.of("evil.test/library/alpine") is None


def test_every_profile_can_be_made_and_differs_from_every_other() -> None:
    profiles = [images.profile(name) for name in images.names()]
    assert len({profile.name for profile in profiles}) == len(profiles)
    for profile in profiles:
        assert profile.shell == "none" or profile.has("/bin/sh"), profile.name
        for path in profile.launchers:
            assert path.startswith("/")
        first = (profile.entrypoint or profile.command)[0]
        assert profile.has(first) or first in profile.launchers, profile.name


def test_every_image_of_upstreams_examples_is_covered() -> None:
    if not EXAMPLES.is_dir():
        pytest.skip(f"no conformance data at {EXAMPLES}")
    unknown = set()
    for file in EXAMPLES.rglob("*.yaml"):
        for written in re.findall(r"image: *['\"]?([^ '\"\n]+)", file.read_text()):
            if "$(" not in written and not any(part in written for part in NOT_LOCAL) and images.of(written) is None:
                unknown.add(written)
    assert not unknown


def test_what_an_image_has_and_lacks() -> None:
    bash, alpine, ubuntu = images.profile("bash"), images.profile("alpine"), images.profile("ubuntu")
    assert bash.has("bash") and bash.has("/usr/local/bin/bash") and not bash.has("/bin/bash")
    assert not alpine.has("bash") and not alpine.has("/usr/bin/sh") and alpine.has("wget")
    assert ubuntu.has("/usr/bin/sh") and not ubuntu.has("curl") and not ubuntu.has("git")


def test_a_tag_says_the_version_of_an_operating_system_only() -> None:
    alpine, python = images.of("alpine:3.12"), images.of("python:3.9-alpine")
    assert alpine is not None and alpine.os_release["VERSION_ID"] == "3.12"
    assert python is not None and python.os_release["VERSION_ID"] != "3.9"


@pytest.mark.parametrize(
    ("name", "args", "runs"),
    [
        ("busybox", ["-c", "echo"], ["sh", "-c", "echo"]),
        ("bash", [], ["docker-entrypoint.sh", "bash"]),
        ("bash", ["-c", "x"], ["docker-entrypoint.sh", "-c", "x"]),
        ("alpine-git", [], ["git", "--help"]),
        ("alpine-git", ["status"], ["git", "status"]),
    ],
)
def test_what_runs_without_a_command(name: str, args: list[str], runs: list[str]) -> None:
    profile = images.profile(name)
    assert images.argv(profile.entrypoint, profile.command, args) == runs


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("echo a | jq .", ["/bin/sh", "jq"]),
        ("#!/usr/bin/env bash\nx=$(git rev-parse HEAD)", ["/usr/bin/env", "bash", "git"]),
        ("#!/usr/bin/env python3\nimport os; os.system('ls')", ["/usr/bin/env", "python3"]),
        ("A=1 env B=2 timeout -k 1 5 curl x", ["/bin/sh", "env", "timeout", "curl"]),
        ("if ! command -v tree; then exit; fi", ["/bin/sh", "tree"]),
        ("run() { make; }\nrun", ["/bin/sh", "make"]),
        ("$TOOL x; ./own.sh; cd /x", ["/bin/sh"]),
        ("sh -c 'node x.js'", ["/bin/sh", "sh", "node"]),
        ("cat <<EOF\njq\nEOF\n# curl", ["/bin/sh", "cat"]),
        ("xargs -n 1 grep x", ["/bin/sh", "xargs", "grep"]),
    ],
)
def test_programs_that_a_script_names(script: str, names: list[str]) -> None:
    assert images.programs(script) == names


def test_programs_that_a_command_names() -> None:
    assert images.programs("", ["sh", "-c", "jq . x"]) == ["sh", "jq"]
    assert images.programs("", ["/ko-app/crane", "ls"]) == ["/ko-app/crane"]


@pytest.mark.parametrize(
    ("script", "ash", "dash"),
    [
        ("a=(1 2)", ["array"], ["array"]),
        ("cat <<<x", ["here string <<<"], ["here string <<<"]),
        ("echo ${x^^} ${!y}", ["change of case ${x^^}", "indirect expansion ${!x}"],
         ["change of case ${x^^}", "indirect expansion ${!x}"]),
        ("[[ a == b ]]", [], ["test [[ … ]]"]),
        ("echo ${x:1:2} ${y/a/b}", [], ["replacement ${x/a/b}", "substring ${x:0:1}"]),
        ("[ a == b ]", [], ["test with =="]),
        ("source x", [], ["command source"]),
        ("declare -a x", ["command declare"], ["command declare"]),
        ("((i++))", ["arithmetic command ((…))"], ["arithmetic command ((…))"]),
        ("for ((i=0;i<3;i++)); do :; done", ["arithmetic for"], ["arithmetic for"]),
        ("cat <(ls)", [], ["process substitution <(…)"]),
        ("set -o pipefail", [], ["set -o pipefail"]),
    ],
)  # fmt: skip
def test_constructs_that_a_dialect_lacks(script: str, ash: list[str], dash: list[str]) -> None:
    assert [item.construct for item in dialect.findings(script, "ash")] == ash
    assert [item.construct for item in dialect.findings(script, "dash")] == dash


@pytest.mark.parametrize(
    "script",
    [
        "x=$((1 + 2)); echo $(( (x) ))",
        "( (true) ); (cd /x && ls)",
        "echo 'a=(1 2)' \"[[ x ]] a=(1)\" # a=(1)",
        "cat <<'EOF'\na=(1 2)\n[[ x ]]\nEOF\n",
        "f() { echo x; }\ncase x in (a) ;; esac",
        "grep '[[:space:]]' x | sed 's/a=(b)//' ; echo ${x:-y} ${x##*/} ${#x} ${x%.*}",
    ],
)
def test_posix_shell_has_no_findings(script: str) -> None:
    assert dialect.findings(script, "ash") == []
    assert dialect.findings(script, "dash") == []
