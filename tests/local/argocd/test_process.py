"""The engine as a process: it says when it is ready, ends when told, and survives being killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from interlock.errors import InputError, NotFoundError
from interlock.formats import yaml
from interlock.local.argocd.config import load_config

if TYPE_CHECKING:
    from .conftest import World


def write_config(world: World, folder: Path) -> Path:
    path = folder / "argocd.yaml"
    settings = world.config().model_dump(mode="json", exclude_none=True)
    settings["hub"]["token"] = os.path.relpath(settings["hub"]["token"], folder)
    path.write_text(yaml.dump(settings))
    return path


def start(path: Path) -> subprocess.Popen[bytes]:
    """The process, once it has said that it is ready."""
    name = str(path.with_suffix(".sock"))
    Path(name).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(name)
        channel.settimeout(30)
        process = subprocess.Popen(
            [sys.executable, "-m", "interlock.local.argocd", "--config", str(path)],
            env={**os.environ, "NOTIFY_SOCKET": name},
            stderr=subprocess.DEVNULL,
        )
        try:
            assert channel.recv(100) == b"READY=1"
        except BaseException:
            process.kill()
            process.wait()
            raise
    return process


def test_killed_and_started_again_it_finishes_what_it_began(world: World) -> None:
    first = world.repo.commit({"app/settings.yaml": world.config_map("settings", "one")})
    path = write_config(world, world.folder)
    world.application()
    process = start(path)
    try:
        world.wait(lambda found: found.get("operationState"), "operation")
        process.kill()
        process.wait()
        process = start(path)
        status = world.synced(first)
        assert [row["revision"] for row in status["history"]] == [first]
        process.send_signal(signal.SIGTERM)
        assert process.wait(3) == 0
    finally:
        process.kill()
        process.wait()


def test_a_configuration_that_is_not_right_is_refused_by_place(world: World, tmp_path: Path) -> None:
    path = write_config(world, tmp_path)
    assert load_config(path).hub.token.is_file()
    path.write_text(path.read_text() + "colour: blue\n")
    with pytest.raises(InputError) as caught:
        load_config(path)
    assert caught.value.code == "argocd-config-invalid"
    assert str(path) in str(caught.value.where)
    with pytest.raises(NotFoundError):
        load_config(tmp_path / "absent.yaml")


def test_names_are_mapped_by_the_longest_prefix(world: World) -> None:
    names = {"https://git": "http://one/", "https://git/acme/env-prod": "http://two/x"}
    config = world.config(names=names)
    assert config.resolve("https://git/acme/env-dev") == "http://one/acme/env-dev"
    assert config.resolve("https://git/acme/env-prod") == "http://two/x"
    assert config.resolve("https://gitlab/acme") == "https://gitlab/acme"
