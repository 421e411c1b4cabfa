"""The BAR's layout, its bytes, and reading BARs from strangers."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from interlock.errors import InputError, NotFoundError, UnsupportedError
from interlock.formats import ace
from interlock.formats.ace import archive


def members(data: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        return bundle.namelist()


def member(data: bytes, *path: str) -> bytes:
    for name in path:
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            data = bundle.read(name)
    return data


def stored(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in files.items():
            bundle.writestr(name, data)
    return target.getvalue()


@pytest.fixture
def full(make: SimpleNamespace, workspace: dict[str, bytes]) -> dict[str, bytes]:
    """Every kind of project that ends in a BAR, with files that do not belong there."""
    return {
        **workspace,
        "App/application.descriptor": make.application("Lib", "Old"),
        "App/.project": b"<projectDescription><name>App</name></projectDescription>",
        "App/pom.xml": b"<project/>",
        "App/README.md": b"read me",
        "App/schema/order.xsd": b"<schema/>",
        "App/lib/driver.jar": stored({"A.class": b""}),
        "Lib/library.descriptor": make.library(),
        "Lib/lib/Helper.esql": make.esql("Helper", "lib"),
        "Old/library.descriptor": make.library(shared=False),
        "Old/Old.esql": make.esql("Old"),
        "Policies/policy.descriptor": make.policy(),
        "Policies/Limits.policyxml": b"<policies/>",
        "AppTest/testproject.descriptor": make.tests_of("App"),
    }


def test_members_are_where_ibms_tools_put_them(full: dict[str, bytes]) -> None:
    packed = ace.pack(ace.read_workspace(full))
    assert members(packed.data) == [
        "META-INF/manifest.mf",
        "App.appzip",
        "Lib.shlibzip",
        "Policies/Limits.policyxml",
        "Policies/policy.descriptor",
    ]
    assert members(member(packed.data, "App.appzip")) == [
        "META-INF/manifest.mf",
        "META-INF/broker.xml",
        "Flow.msgflow",
        "Old.libzip",
        "Work.esql",
        "application.descriptor",
        "lib/driver.jar",
        "schema/order.xsd",
    ]
    assert members(member(packed.data, "App.appzip", "Old.libzip")) == [
        "META-INF/manifest.mf",
        "META-INF/broker.xml",
        "Old.esql",
        "library.descriptor",
    ]
    assert member(packed.data, "META-INF/manifest.mf") == b"srcSelected=false;showSrc=true;esql21VersionSelected=false;"


def test_what_is_left_out_is_said(full: dict[str, bytes]) -> None:
    assert ace.pack(ace.read_workspace(full)).left_out == ("App/pom.xml",)


def test_packing_twice_gives_the_same_bytes(full: dict[str, bytes]) -> None:
    shuffled = dict(reversed(list(full.items())))
    assert ace.pack(ace.read_workspace(full)).data == ace.pack(ace.read_workspace(shuffled)).data


def test_broker_xml_lists_properties_in_ibms_order(workspace: dict[str, bytes]) -> None:
    document = member(ace.pack(ace.read_workspace(workspace)).data, "App.appzip", "META-INF/broker.xml").decode()
    assert document.startswith('<?xml version="1.0" encoding="UTF-8"?><Broker>\n<CompiledApplication>\n')
    assert '<ConfigurableProperty uri="startMode"/>' in document
    assert document.index("Flow#additionalInstances") < document.index("Flow#HTTP Input.URLSpecifier")
    assert '<ConfigurableProperty override="/p" uri="Flow#HTTP Input.URLSpecifier"/>' in document
    assert '<ConfigurableProperty uri="Flow#Work.validateMaster"/>' in document


def test_a_bar_reads_back(full: dict[str, bytes]) -> None:
    bar = ace.read_bar(ace.pack(ace.read_workspace(full)).data)
    assert [(item.name, item.kind) for item in bar.projects] == [
        ("App", ace.Kind.APPLICATION),
        ("Lib", ace.Kind.SHARED_LIBRARY),
        ("Policies", ace.Kind.POLICY),
    ]
    assert [flow.name for flow in bar.project("App").flows()] == ["Flow"]


def test_a_missing_library_stops_packing(make: SimpleNamespace, workspace: dict[str, bytes]) -> None:
    workspace["App/application.descriptor"] = make.application("Elsewhere")
    with pytest.raises(NotFoundError) as caught:
        ace.pack(ace.read_workspace(workspace))
    assert caught.value.code == "ace-project-missing"


def test_java_that_was_not_compiled_stops_packing(workspace: dict[str, bytes]) -> None:
    nature = (
        b"<projectDescription><natures><nature>com.ibm.etools.mft.jcn.jcnnature</nature></natures></projectDescription>"
    )
    workspace["Java/.project"] = nature
    workspace["Java/A.java"] = b"class A {}"
    workspace["App/.project"] = b"<projectDescription><projects><project>Java</project></projects></projectDescription>"
    with pytest.raises(UnsupportedError) as caught:
        ace.pack(ace.read_workspace(workspace))
    assert caught.value.code == "ace-java-uncompiled"
    workspace["Java/Java.jar"] = stored({"A.class": b""})
    assert "Java.jar" in members(member(ace.pack(ace.read_workspace(workspace)).data, "App.appzip"))


class TestOverrides:
    def apply(self, workspace: dict[str, bytes], text: str) -> dict[str, str | None]:
        bar = ace.pack(ace.read_workspace(workspace)).data
        changed = ace.apply_overrides(bar, ace.parse_overrides(text, file="o.properties"))
        deployment = ace.read_bar(changed).project("App").deployment
        assert deployment is not None
        return {item.uri: item.override for item in deployment.properties()}

    def test_set_replace_and_remove(self, workspace: dict[str, bytes]) -> None:
        found = self.apply(
            workspace,
            "# comment\nFlow#HTTP Input.timeoutForClient=30\n/p=/other\nFlow#Work.dataSource\nFlow#wlmPolicy={P}:Q\n",
        )
        assert found["Flow#HTTP Input.timeoutForClient"] == "30"
        assert found["Flow#HTTP Input.URLSpecifier"] == "/other"
        assert found["Flow#wlmPolicy"] == "{P}:Q"

    def test_a_key_that_matches_nothing_is_an_error(self, workspace: dict[str, bytes]) -> None:
        with pytest.raises(InputError) as caught:
            self.apply(workspace, "Flow#HTTP Inputt.timeoutForClient=30")
        assert caught.value.code == "ace-override-unmatched"
        assert str(caught.value.where) == "o.properties:1"

    def test_a_line_without_key_is_an_error(self) -> None:
        with pytest.raises(InputError) as caught:
            ace.parse_overrides("=x", file="o.properties")
        assert caught.value.code == "ace-override"


class TestHostileArchives:
    def refused(self, data: bytes, **limits: int) -> str:
        with pytest.raises(InputError) as caught:
            list(archive.walk(data, where="x.bar", limits=archive.Limits(**limits)))
        return caught.value.code

    def test_not_a_zip(self) -> None:
        assert self.refused(b"PK nothing of the sort") == "archive-malformed"

    def test_ratio(self) -> None:
        assert self.refused(stored({"a": bytes(50 * 1024 * 1024)})) == "archive-bomb"

    def test_total_over_the_whole_nest(self) -> None:
        inner = stored({"a": os.urandom(60_000)})
        assert self.refused(stored({"a.jar": inner, "b.jar": inner}), total=200_000) == "archive-bomb"

    def test_members(self) -> None:
        assert self.refused(stored({f"{index}": b"" for index in range(20)}), members=10) == "archive-bomb"

    def test_nesting(self) -> None:
        data = stored({"a.txt": b""})
        for _ in range(6):
            data = stored({"a.jar": data})
        assert self.refused(data) == "archive-bomb"

    @pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../b", "C:/x", "a\\b", "./a"])
    def test_paths_that_leave(self, name: str) -> None:
        assert self.refused(stored({name: b"x"})) == "archive-path"

    def test_links(self) -> None:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as bundle:
            info = zipfile.ZipInfo("link")
            info.create_system = 3
            info.external_attr = 0o120777 << 16
            bundle.writestr(info, "/etc/passwd")
        assert self.refused(target.getvalue()) == "archive-path"

    def test_a_lie_about_the_size_is_found(self) -> None:
        data = stored({"a": bytes(3 * 1024 * 1024)})
        honest = (3 * 1024 * 1024).to_bytes(4, "little")
        assert self.refused(data.replace(honest, (10).to_bytes(4, "little"))) in ("archive-bomb", "archive-malformed")

    @pytest.mark.parametrize(
        ("method", "old", "new"),
        [
            (zipfile.ZIP_STORED, b"\0a.txtPK", b"\0\0.txtPK"),
            (zipfile.ZIP_LZMA, b"\x5d\0\0\x80\0\0", b"\x5d\0\0\x80\0\xcb"),
        ],
        ids=["empty-name", "lzma"],
    )
    def test_broken_headers_and_data(self, method: int, old: bytes, new: bytes) -> None:
        """They lead zipfile to an IndexError and an LZMAError, no BadZipFile."""
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", method) as bundle:
            bundle.writestr("a.txt", b"x" * 50)
        assert old in target.getvalue()
        assert self.refused(target.getvalue().replace(old, new)) == "archive-malformed"

    def test_a_directory_before_the_file_begins(self) -> None:
        data = stored({"a.txt": b"x"})
        assert self.refused(data[:-6] + b"\0\0\xa6\0" + data[-2:]) == "archive-malformed"

    def test_a_zip_that_is_no_bar(self) -> None:
        with pytest.raises(InputError) as caught:
            ace.read_bar(stored({"readme.txt": b""}))
        assert caught.value.code == "ace-bar"


def golden() -> list[Path]:
    """Workspaces with BARs that IBM's tools built, where somebody has them (see research/ace_secrets.md 1.10)."""
    folder = os.environ.get("INTERLOCK_ACE_GOLDEN")
    return sorted(Path(folder).glob("BARfiles/*.bar")) if folder else []


@pytest.mark.parametrize("file", golden(), ids=lambda file: file.stem)
def test_equal_to_a_bar_that_ibms_tools_built(file: Path) -> None:
    root = file.parent.parent
    files = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.parent != file.parent
    }
    theirs = ace.read_bar(file.read_bytes()).projects[0]
    packed = ace.pack(ace.read_workspace(files), applications=[theirs.name], exclude=frozenset())
    ours = ace.read_bar(packed.data).projects[0]
    assert set(ours.files) == set(theirs.files)
    assert ours.deployment is not None
    assert theirs.deployment is not None
    # MQBackend's flow was renamed after its BAR had been built.
    if file.stem != "MQBackend":
        assert set(ours.deployment.properties()) == set(theirs.deployment.properties())
