"""The engine signs what each TaskRun says about its execution, with its own key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.errors import IntegrityError, NotFoundError
from interlock.formats.sigstore import PrivateKey
from interlock.formats.tekton import record
from interlock.tekton.engine.config import Config
from interlock.tekton.engine.engine import Engine

SPEC = """
results: [{name: digest}]
steps: [{name: s, image: test/shell, script: "printf sha256:1 > $(results.digest.path)"}]
"""


@pytest.fixture
def key(tmp_path: Path) -> PrivateKey:
    secret = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
    (tmp_path / "record.pem").write_bytes(secret.pem)
    return secret


def test_a_finished_task_run_carries_the_engines_record(idle_rig: Any, key: PrivateKey, tmp_path: Path) -> None:
    idle_rig.start(record_key=tmp_path / "record.pem")
    done = idle_rig.run_task(SPEC)
    said = record.verify(done, key.public)
    assert said is not None and said["isolation"] == idle_rig.engine.services.isolation.level
    done["status"]["results"][0]["value"] = "sha256:2"
    with pytest.raises(IntegrityError, match="record-mismatch"):
        record.verify(done, key.public)


def test_a_failed_and_retried_task_run_too(idle_rig: Any, key: PrivateKey, tmp_path: Path) -> None:
    idle_rig.start(record_key=tmp_path / "record.pem")
    done = idle_rig.script("exit 3", retries=1)
    assert done["status"]["conditions"][0]["status"] == "False" and done["status"]["retriesStatus"]
    assert record.verify(done, key.public) is not None


def test_a_task_run_that_nothing_executed_has_a_record_that_says_so(
    idle_rig: Any, key: PrivateKey, tmp_path: Path
) -> None:
    idle_rig.start(record_key=tmp_path / "record.pem")
    idle_rig.create("TaskRun", "run", {"taskRef": {"name": "absent"}})
    done = idle_rig.finished("TaskRun", "run")
    assert record.verify(done, key.public) is None


def test_without_a_key_nothing_is_signed(idle_rig: Any) -> None:
    idle_rig.start()
    assert "interlock.dev/record" not in idle_rig.run_task(SPEC)["metadata"]["annotations"]


def test_a_key_that_is_not_there_stops_the_engine_before_it_starts(idle_rig: Any, tmp_path: Path) -> None:
    config = Config(server="http://unused", data=tmp_path / "data", record_key=tmp_path / "absent.pem")
    with pytest.raises(NotFoundError, match="key-missing"):
        Engine(config, idle_rig.client)
