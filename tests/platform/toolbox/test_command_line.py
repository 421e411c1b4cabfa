"""``interlock-toolbox`` as a process: what a step sees of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from interlock.platform import catalog

from .. import acme

APP = acme.ACE.app(acme.service(), acme.platform())


def toolbox(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from interlock.platform.toolbox import main; main()", *arguments],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for path, data in APP.items():
        (tmp_path / "source" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / path).write_bytes(data)
    return tmp_path / "source"


def test_results_are_written_verbatim_without_a_newline(source: Path, tmp_path: Path) -> None:
    done = toolbox("ace-build-bar", f"--source={source}", f"--result=BAR_DIGEST={tmp_path / 'digest'}", "--project=")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "digest").read_text().startswith("sha256:")
    assert len((tmp_path / "digest").read_text()) == 71


def test_an_error_says_what_was_got_and_what_to_do_and_has_its_exit_code(tmp_path: Path) -> None:
    done = toolbox("ace-build-bar", f"--source={tmp_path}")
    assert done.returncode == 3
    assert "[ace-workspace-empty]" in done.stderr
    assert "Traceback" not in done.stderr


def test_secrets_of_the_environment_are_never_printed(source: Path) -> None:
    done = toolbox("image-build", "--image=registry.invalid/a/b:c", f"--source={source}", TOKEN="hunter2")
    assert done.returncode != 0
    assert "hunter2" not in done.stdout + done.stderr


def test_every_verb_of_the_catalog_accepts_the_catalogs_arguments() -> None:
    for task in catalog.tasks():
        (step,) = task["spec"]["steps"]
        program, verb = step["command"]
        assert program == "interlock-toolbox"
        shown = toolbox(verb, "--help")
        assert shown.returncode == 0, shown.stderr
        for argument in step["args"]:
            assert argument.partition("=")[0] in shown.stdout, f"{task['metadata']['name']}: {argument}"


def test_a_value_that_looks_like_an_option_stays_a_value(source: Path) -> None:
    done = toolbox("ace-build-bar", f"--source={source}", "--project=--help")
    assert "[ace-project-missing]" in done.stderr


def test_a_whole_step_against_the_stand_ins(estate: Any, source: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.json"
    names.write_text(json.dumps({"registry.acme.test": estate.registry}))
    assert toolbox("ace-build-bar", f"--source={source}").returncode == 0
    done = toolbox(
        "image-build",
        "--image=registry.acme.test/integration/cli:main",
        f"--source={source}",
        f"--result=IMAGE_DIGEST={tmp_path / 'digest'}",
        INTERLOCK_NAMES=str(names),
        INTERLOCK_TOOLS=str(tmp_path / "tools"),
    )
    assert done.returncode == 0, done.stderr
    with estate.client() as registry:
        assert registry.resolve("integration/cli", "main") == (tmp_path / "digest").read_text()
    assert json.loads((tmp_path / "tools").read_text())["name"] == "interlock-bar-image"
