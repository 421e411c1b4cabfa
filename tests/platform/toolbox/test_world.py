"""Names and credentials of a step."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from interlock.errors import InputError
from interlock.platform.toolbox import world as worlds


def world(**names: str) -> worlds.World:
    return worlds.World(home=Path("/nonexistent"), names={key.replace("_", "."): value for key, value in names.items()})


@pytest.mark.parametrize(
    ("address", "real"),
    [
        ("https://git/acme/env-dev", "http://127.0.0.1:1/acme/env-dev"),
        ("https://git", "http://127.0.0.1:1"),
        ("https://github/acme", "https://github/acme"),
        ("registry.test/team/app:main", "127.0.0.1:2/team/app:main"),
        ("registry.test/special/app", "127.0.0.1:3/x/app"),
        ("registry.test.evil/app", "registry.test.evil/app"),
    ],
)
def test_the_longest_prefix_wins(address: str, real: str) -> None:
    names = {
        "https://git": "http://127.0.0.1:1/",
        "registry.test": "127.0.0.1:2",
        "registry.test/special": "127.0.0.1:3/x",
    }
    assert worlds.World(home=Path("/"), names=names).resolve(address) == real


def test_names_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "names").write_text(json.dumps({"a": "b"}))
    found = worlds.from_environment({"INTERLOCK_NAMES": str(tmp_path / "names"), "HOME": str(tmp_path), "PATH": "/bin"})
    assert (found.names, found.home, found.path) == ({"a": "b"}, tmp_path, "/bin")


@pytest.mark.parametrize("text", ["[]", "{", '{"a": 1}'])
def test_a_map_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "names").write_text(text)
    with pytest.raises(InputError) as caught:
        worlds.from_environment({"INTERLOCK_NAMES": str(tmp_path / "names")})
    assert caught.value.code == "names-invalid"


def test_the_registry_login_is_found_by_stable_or_real_host(docker_login: Callable[[str, str, str], Path]) -> None:
    found = worlds.World(home=Path("/"), docker_config=docker_login("127.0.0.1:5000", "ci", "s:e:c"))
    assert worlds.registry_login(found, "registry.test", "127.0.0.1:5000") == ("ci", "s:e:c")
    assert worlds.registry_login(found, "elsewhere") is None


def test_a_token_service_may_have_the_login_that_is_written_down_for_its_host_too(tmp_path: Path) -> None:
    own, other = {"auth": base64.b64encode(b"ci:s").decode()}, {"username": "ci", "password": "t"}
    entries = {"r.test:5000": own, "https://tokens.test/v1/": own, "elsewhere.test": other, "helper.test": {}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": entries}))
    found = worlds.World(home=tmp_path, docker_config=tmp_path)
    assert worlds.registry_login(found, "elsewhere.test") == ("ci", "t")
    assert worlds.registry_login(found, "helper.test") is None
    assert worlds.token_realms(found, ("ci", "s")) == {"r.test", "tokens.test"}


def test_the_cas_of_a_pod_are_trusted() -> None:
    assert worlds.from_environment({"SSL_CERT_FILE": "/etc/ca.pem"}).ca == Path("/etc/ca.pem")
    assert worlds.from_environment({}).ca is None


def test_a_broken_docker_configuration_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"auths": {"r": {"auth": "!!secret!!"')
    with pytest.raises(InputError) as caught:
        worlds.registry_login(worlds.World(home=tmp_path, docker_config=tmp_path), "r")
    assert "secret" not in str(caught.value.lines())


def test_tools_are_reported_to_the_engine(tmp_path: Path) -> None:
    found = worlds.World(home=tmp_path, tools=tmp_path / "tools")
    found.ran("interlock-osv 0.1.0")
    found.ran("buildah 1.33")
    assert [json.loads(line) for line in (tmp_path / "tools").read_text().splitlines()] == [
        {"name": "interlock-osv", "version": "0.1.0"},
        {"name": "buildah", "version": "1.33"},
    ]
