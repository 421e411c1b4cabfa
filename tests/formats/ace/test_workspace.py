from __future__ import annotations

from types import SimpleNamespace

import pytest

from interlock.errors import InputError, NotFoundError
from interlock.formats import ace


def test_each_kind_of_project_is_told_by_its_descriptor(make: SimpleNamespace) -> None:
    found = ace.read_workspace(
        {
            "App/application.descriptor": make.application("Lib"),
            "Lib/library.descriptor": make.library(),
            "Old/library.descriptor": make.library(shared=False),
            "Policies/policy.descriptor": make.policy(),
            "AppTest/testproject.descriptor": make.tests_of("App"),
        }
    )
    assert {name: project.kind for name, project in found.projects.items()} == {
        "App": ace.Kind.APPLICATION,
        "AppTest": ace.Kind.TEST,
        "Lib": ace.Kind.SHARED_LIBRARY,
        "Old": ace.Kind.STATIC_LIBRARY,
        "Policies": ace.Kind.POLICY,
    }
    assert found.projects["App"].libraries == ("Lib",)
    assert found.projects["AppTest"].applications == ("App",)


def test_files_of_a_nested_project_are_its_own(make: SimpleNamespace) -> None:
    found = ace.read_workspace(
        {
            "a/App/application.descriptor": make.application(),
            "a/App/inner/library.descriptor": make.library(),
            "a/App/inner/x.esql": b"",
        }
    )
    assert "inner/x.esql" not in found.projects["App"].files
    assert "x.esql" in found.projects["inner"].files


def test_a_folder_without_project_is_no_workspace() -> None:
    with pytest.raises(NotFoundError) as caught:
        ace.read_workspace({"README.md": b"hello"})
    assert caught.value.code == "ace-workspace-empty"


@pytest.mark.parametrize(
    "path", ["../App/application.descriptor", "/etc/application.descriptor", "a//b", "a/./b", "a\\b"]
)
def test_a_path_outside_the_repository_is_refused(path: str, make: SimpleNamespace) -> None:
    with pytest.raises(InputError) as caught:
        ace.read_workspace({path: make.application()})
    assert caught.value.code == "path-outside"


def test_a_descriptor_with_another_root_is_refused(make: SimpleNamespace) -> None:
    with pytest.raises(InputError) as caught:
        ace.read_workspace({"App/application.descriptor": make.library()})
    assert caught.value.code == "ace-descriptor"


def test_a_descriptor_with_entities_is_refused() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY x "xxxxxxxx">]><appDescriptor>&x;</appDescriptor>'
    with pytest.raises(InputError) as caught:
        ace.read_workspace({"App/application.descriptor": bomb})
    assert caught.value.code == "xml-forbidden"


def test_two_projects_of_one_name_are_refused(make: SimpleNamespace) -> None:
    with pytest.raises(InputError) as caught:
        ace.read_workspace(
            {"a/App/application.descriptor": make.application(), "b/App/application.descriptor": make.application()}
        )
    assert caught.value.code == "ace-project-duplicate"
