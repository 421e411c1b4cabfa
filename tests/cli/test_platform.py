"""`interlock platform edit`, `person` and `freeze`: what they refuse before anything is asked of anybody."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from interlock import cli
from interlock.errors import InputError, InterlockError, NotFoundError


def refused(*words: str) -> InterlockError:
    found = CliRunner().invoke(cli.app, [*words, "--as", "pat", "--context", "/nowhere/context.yaml"])
    assert isinstance(found.exception, InterlockError), found.output
    return found.exception


@pytest.mark.parametrize("word", ["people.yaml", "people.yaml=nothing.yaml", "nothing/"])
def test_what_is_no_file_is_not_proposed(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.yaml").write_text("kind: People\n")
    error = refused("platform", "edit", word)
    assert isinstance(error, InputError) and error.code == "edit-file"


@pytest.mark.parametrize("word", ["people.yaml=people.yaml", "folder", "checks.yaml="])
def test_files_folders_and_deletions_are_read(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "people.yaml", tmp_path / "folder" / "keys" / "release.pem"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n")
    assert isinstance(refused("platform", "edit", word), NotFoundError), "the context file is what is missing"


@pytest.mark.parametrize("moment", ["tomorrow", "2036-12-20", "2036-12-20T00:00:00"])
def test_a_moment_has_its_offset(moment: str) -> None:
    freeze = ("freeze", "add", "Year end", "--env", "prod", "--from", moment, "--to", "2037-01-05T00:00:00+00:00")
    assert refused(*freeze).code == "moment-invalid"
    assert refused("person", "leave", "dana", "--at", moment).code == "moment-invalid"
