"""From a context file to clients: which CA and which credential each of them has, also after a rotation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.clients.connect import Connections
from interlock.clients.context import Context, Endpoint, Identity, Keys, Stores
from interlock.clients.git import Repository
from interlock.errors import InterlockError, NotFoundError, UnreachableError

SYSTEMS: dict[str, Callable[[Connections], object]] = {
    "forge": lambda connections: connections.forge().version(),
    "tickets": lambda connections: connections.tickets().history("a" * 32),
    "registry": lambda connections: connections.registry().tags("a/b"),
    "cluster": lambda connections: connections.cluster("hub").version(),
}


@pytest.fixture(params=SYSTEMS)
def read(request: pytest.FixtureRequest) -> Callable[[Connections], object]:
    return SYSTEMS[request.param]


def everything(script: Any, answer: Any) -> None:
    body = {"version": "1.26.0", "gitVersion": "v1.36.1", "tags": ["v1"], "result": []}
    script.answers["*"] = answer(body=json.dumps(body).encode())


def write_token(folder: Path, token: str) -> None:
    """As a rotation does it: the file is another one from one moment to the next."""
    users = [{"name": "platform", "user": {"token": token}}]
    contexts = [{"name": "interlock@hub", "context": {"user": "platform", "cluster": "hub"}}]
    for name, text in (("token", token + "\n"), ("kubeconfig", json.dumps({"contexts": contexts, "users": users}))):
        (folder / f"{name}.new").write_text(text)
        (folder / f"{name}.new").replace(folder / name)


def connections(folder: Path, url: str, ca: Path | None = None) -> Connections:
    place, token = Endpoint(name="https://x", outside=url, inside=url, ca=ca), folder / "token"
    context = Context(
        name="test",
        organisation="acme",
        forge=place,
        registry=place,
        tickets=place,
        clusters={"hub": place},
        kubeconfig=folder / "kubeconfig",
        identities={"interlock": Identity(forge=token, tickets=token, registry=token)},
        keys=Keys(seal=folder, release=folder, attest=folder),
        stores=Stores(evidence=folder, ledger=folder, index=folder),
        webhook=place,
    )
    return Connections(context, clones=folder / "clones")


def test_the_ca_of_an_address_reaches_its_client(read: Any, secure: Any, answer: Any, ca: Path, tmp_path: Path) -> None:
    everything(secure, answer)
    write_token(tmp_path, "t")
    known, unknown = connections(tmp_path, secure.url, ca), connections(tmp_path, secure.url)
    read(known)
    with pytest.raises(UnreachableError, match="certificate"):
        read(unknown)
    known.close()
    unknown.close()


def test_a_rotated_token_reaches_clients_that_are_there_already(
    read: Any, script: Any, answer: Any, tmp_path: Path
) -> None:
    everything(script, answer)
    made = connections(tmp_path, script.url)
    for token in ("old", "new"):
        write_token(tmp_path, token)
        read(made)
        assert script.asked[-1].headers["Authorization"].split()[1] == token
    made.close()


def test_a_client_outlives_a_token_that_is_missing_for_a_moment(
    read: Any, script: Any, answer: Any, tmp_path: Path
) -> None:
    everything(script, answer)
    made = connections(tmp_path, script.url)
    with pytest.raises(NotFoundError):
        read(made)
    write_token(tmp_path, "t")
    read(made)
    (tmp_path / "token").unlink()
    (tmp_path / "kubeconfig").unlink()
    with pytest.raises(NotFoundError):
        read(made)
    write_token(tmp_path, "t")
    read(made)
    assert len(script.asked) == 2
    made.close()


def test_a_mirror_is_given_as_it_was_left_without_a_word_to_the_forge(tmp_path: Path) -> None:
    write_token(tmp_path, "t")
    left = Repository.init(tmp_path / "clones" / "interlock-env-dev.git")
    found = connections(tmp_path, "http://127.0.0.1:9")
    assert found.mirror("env-dev", fetch=False).path == left.path
    with pytest.raises(InterlockError):
        found.mirror("env-dev")
    with pytest.raises(UnreachableError):
        found.mirror("env-test", fetch=False)  # there is none yet: it is cloned
    found.close()
