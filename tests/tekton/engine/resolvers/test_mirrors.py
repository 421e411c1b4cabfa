"""Which addresses are asked, and where."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError, InterlockError, RefusedError
from interlock.tekton.engine.resolvers import ResolverConfig
from interlock.tekton.engine.resolvers.mirrors import Folder, Mirrors

BASE = Path("/srv")
MIRRORS = Mirrors(
    {
        "https://a.test/": BASE / "a",
        "https://a.test/b": "http://127.0.0.1:1/b/",
        "https://a.test/c.git": BASE / "c",
        "git@a.test:": BASE / "ssh",
        "quay.io": "http://127.0.0.1:5",
    }
)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://a.test/x/y.git", Folder(BASE / "a", "x/y.git")),
        ("https://a.test/b/c", "http://127.0.0.1:1/b/c"),
        ("https://a.test/b", "http://127.0.0.1:1/b"),
        ("https://a.test/bc", Folder(BASE / "a", "bc")),
        ("https://a.test/c.git", Folder(BASE / "c", "")),
        ("git@a.test:team/x.git", Folder(BASE / "ssh", "team/x.git")),
        ("quay.io/team/x", "http://127.0.0.1:5/team/x"),
        ("http://127.0.0.1:8/x", "http://127.0.0.1:8/x"),
        ("http://localhost/x", "http://localhost/x"),
        ("http://[::1]:8/x", "http://[::1]:8/x"),
        ("127.0.0.1:5000/team/x", "127.0.0.1:5000/team/x"),
    ],
)
def test_places(address: str, expected: Folder | str) -> None:
    assert MIRRORS.find(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        "https://a.test.evil/x",
        "https://evil/https://a.test/",
        "http://127.0.0.1@evil/x",
        "http://evil\\@127.0.0.1/x",
        "http://user@127.0.0.1/x",
        "http://127.0.0.1.evil/x",
        "http://[::1/x",
        "http://127.0.0.1:99999999/x",
        "http://127.0.0.1:x/x",
        "quay.io.evil/x",
        "",
    ],
)
def test_everything_else_is_refused(address: str) -> None:
    with pytest.raises(RefusedError) as caught:
        MIRRORS.find(address)
    assert caught.value.code == "resolution-failed" and caught.value.todo is not None


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1/a b", "https://a.test/\0", "git@a.test:x\n", "http://127.0.0.1/\x7f"]
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(InputError, match="not an address"):
        MIRRORS.find(address)


@given(st.text("ab./\\\0~%", max_size=20))
def test_nothing_below_a_folder_is_outside_of_it(rest: str) -> None:
    try:
        found = Folder(Path("/nonexistent/mirror"), rest).file()
    except InputError:
        return
    assert found.is_relative_to("/nonexistent/mirror") and ".." not in found.parts


def test_relative_places_belong_to_the_configurations_folder(tmp_path: Path) -> None:
    from interlock.clients import files

    path = tmp_path / "resolvers.yaml"
    path.write_text("mirrors: {https://a.test/: mirror, quay.io: 'http://127.0.0.1:5'}\nlock: interlock.lock\n")
    found = files.read_config(path, ResolverConfig, what="resolvers' configuration")
    assert found.mirrors == {"https://a.test/": tmp_path / "mirror", "quay.io": "http://127.0.0.1:5"}
    assert found.lock == tmp_path / "interlock.lock"


@pytest.mark.parametrize("text", ["mirror: {}\n", "mirrors: {' ': x}\n", "config_maps: {other: {}}\n"])
def test_a_configuration_that_is_none(tmp_path: Path, text: str) -> None:
    from interlock.clients import files

    path = tmp_path / "resolvers.yaml"
    path.write_text(text)
    with pytest.raises(InterlockError) as caught:
        files.read_config(path, ResolverConfig, what="resolvers' configuration")
    assert caught.value.code == "file-invalid"
