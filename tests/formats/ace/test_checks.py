"""The static rules, each with a workspace that breaks it and one that does not."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from interlock.formats import ace

Files = dict[str, bytes]


def issues(files: Files, overrides: str = "") -> list[tuple[str, str, int]]:
    found = ace.check(ace.read_workspace(files), overrides=ace.parse_overrides(overrides, file="o"))
    return [(issue.rule, issue.file, issue.line) for issue in found]


def rules(files: Files) -> set[str]:
    return {rule for rule, _, _ in issues(files)}


def test_a_sound_workspace_has_no_issue(workspace: Files) -> None:
    assert issues(workspace) == []


def test_a_flow_that_is_not_xml_is_named_with_its_line(workspace: Files) -> None:
    workspace["App/Flow.msgflow"] = b"<?xml version='1.0'?>\n<a>\n<b></a>"
    assert issues(workspace) == [("xml-malformed", "App/Flow.msgflow", 3)]


def test_an_xml_file_that_is_no_flow_is_named(workspace: Files) -> None:
    workspace["App/Flow.msgflow"] = b"<html/>"
    assert rules(workspace) == {"ace-flow"}


def test_duplicate_ids_and_labels(workspace: Files, make: SimpleNamespace) -> None:
    workspace["App/Flow.msgflow"] = make.flow(
        make.INPUT,
        make.compute("Work"),
        make.compute("Work"),
        make.REPLY,
        make.wire("i", "c"),
        make.wire("i", "r", "catch"),
        make.wire("c", "r"),
    )
    assert issues(workspace) == [
        ("node-id-duplicate", "App/Flow.msgflow", 6),
        ("node-label-duplicate", "App/Flow.msgflow", 6),
    ]


def test_a_connection_to_an_unknown_node_or_terminal(workspace: Files, make: SimpleNamespace) -> None:
    workspace["App/Flow.msgflow"] = make.flow(
        make.INPUT,
        make.REPLY,
        make.wire("i", "r"),
        make.wire("i", "r", "catch"),
        make.wire("i", "gone"),
        make.wire("i", "r", "out7"),
    )
    assert issues(workspace) == [
        ("connection-node-unknown", "App/Flow.msgflow", 8),
        ("connection-terminal-unknown", "App/Flow.msgflow", 9),
    ]


def test_unresolved_references(workspace: Files, make: SimpleNamespace) -> None:
    workspace["App/application.descriptor"] = make.application("Gone")
    workspace["App/Flow.msgflow"] = make.flow(
        make.INPUT,
        '<nodes xmi:type="s.subflow:FCMComposite_1" xmi:id="s"><translation string="S"/></nodes>',
        make.compute("Missing", xmi_id="m", label="M"),
        '<nodes xmi:type="ComIbmMQOutput.msgnode:FCMComposite_1" xmi:id="q" policyUrl="{P}:Q">'
        '<translation string="Q"/></nodes>',
        make.REPLY,
        make.wire("i", "s"),
        make.wire("s", "m"),
        make.wire("m", "q"),
        make.wire("q", "r"),
        make.wire("i", "r", "catch"),
        spaces='xmlns:s.subflow="s.subflow"',
    )
    assert issues(workspace) == [
        ("subflow-unresolved", "App/Flow.msgflow", 5),
        ("esql-module-unresolved", "App/Flow.msgflow", 6),
        ("policy-unresolved", "App/Flow.msgflow", 7),
        ("library-unresolved", "App/application.descriptor", 0),
    ]


def test_references_resolve_into_shared_libraries(workspace: Files, make: SimpleNamespace) -> None:
    workspace["App/application.descriptor"] = make.application("Lib")
    workspace["App/Flow.msgflow"] = make.flow(
        make.INPUT,
        make.compute("Helper", schema="lib"),
        make.REPLY,
        make.wire("i", "c"),
        make.wire("c", "r"),
        make.wire("i", "r", "failure"),
    )
    workspace["Lib/library.descriptor"] = make.library()
    workspace["Lib/lib/Helper.esql"] = make.esql("Helper", "lib")
    assert issues(workspace) == []


def test_esql_schema_and_modules(workspace: Files, make: SimpleNamespace) -> None:
    workspace["App/a/b/Wrong.esql"] = make.esql("Wrong", "a.c")
    workspace["App/Again.esql"] = b"-- CREATE COMPUTE MODULE Work\n" + make.esql("Work")
    assert issues(workspace) == [
        ("esql-module-duplicate", "App/Work.esql", 1),
        ("esql-schema-folder", "App/a/b/Wrong.esql", 1),
    ]


def test_an_input_without_reply(workspace: Files, make: SimpleNamespace) -> None:
    workspace["App/Flow.msgflow"] = make.flow(
        make.INPUT, make.compute("Work"), make.wire("i", "c"), make.wire("i", "c", "catch")
    )
    assert issues(workspace) == [("http-reply-unreachable", "App/Flow.msgflow", 4)]


def test_an_unguarded_input_is_a_warning(workspace: Files, make: SimpleNamespace) -> None:
    workspace["App/Flow.msgflow"] = make.flow(make.INPUT, make.REPLY, make.wire("i", "r"))
    (found,) = ace.check(ace.read_workspace(workspace))
    assert (found.rule, found.severity) == ("input-unguarded", ace.Severity.WARNING)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("App/P.policyxml", b"<policies><policy><password>hunter2</password></policy></policies>"),
        ("App/x.properties", b"db.password=hunter2"),
        ("App/Cred.esql", b"SET Environment.password = 'hunter2';"),
    ],
)
def test_literal_credentials_are_found_and_not_printed(workspace: Files, path: str, content: bytes) -> None:
    workspace[path] = content
    (found,) = ace.check(ace.read_workspace(workspace))
    assert (found.rule, found.file, found.line) == ("credential-literal", path, 1)
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("value", ["[password]", "value.set.in.policy", "${DB_PASSWORD}", ""])
def test_placeholders_are_no_credentials(workspace: Files, value: str) -> None:
    workspace["App/P.policyxml"] = f"<policies><password>{value}</password></policies>".encode()
    assert issues(workspace) == []


def test_overrides_must_match_and_name_policies_that_exist(workspace: Files, make: SimpleNamespace) -> None:
    assert [rule for rule, _, _ in issues(workspace, "Flow#nothing=1")] == ["override-unmatched"]
    assert [rule for rule, _, _ in issues(workspace, "Flow#wlmPolicy={P}:Q")] == ["policy-unresolved"]
    workspace["P/policy.descriptor"] = make.policy()
    workspace["P/Q.policyxml"] = b"<policies/>"
    assert issues(workspace, "Flow#wlmPolicy={P}:Q") == []


JAVA = """
// new SpyObjectReference().application("Commented").messageFlow("Out")
class T {
  Object a = new SpyObjectReference().application("App").messageFlow("Flow").node("%s");
  String mxml = "%s";
}
"""


def test_test_projects_point_at_what_exists(workspace: Files, make: SimpleNamespace) -> None:
    workspace["AppTest/testproject.descriptor"] = make.tests_of("App")
    workspace["AppTest/src/main/java/T.java"] = (JAVA % ("Work", "in.mxml")).encode()
    workspace["AppTest/src/main/resources/in.mxml"] = b"<message/>"
    assert issues(workspace) == []


def test_test_projects_that_point_nowhere(workspace: Files, make: SimpleNamespace) -> None:
    workspace["AppTest/testproject.descriptor"] = make.tests_of("Other")
    workspace["AppTest/src/main/java/T.java"] = (JAVA % ("Gone", "gone.mxml")).encode()
    workspace["AppTest/src/main/resources/broken.mxml"] = b"<message>"
    assert issues(workspace) == [
        ("test-node-missing", "AppTest/src/main/java/T.java", 4),
        ("test-message-missing", "AppTest/src/main/java/T.java", 5),
        ("test-message-malformed", "AppTest/src/main/resources/broken.mxml", 1),
        ("test-application-missing", "AppTest/testproject.descriptor", 0),
    ]
