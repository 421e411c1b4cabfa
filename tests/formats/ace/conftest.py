"""Small ACE workspaces, made here so that each test shows what it changes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
BASE = 'xmlns="http://com.ibm.etools.mft.descriptor.base"'
SHARED = "com.ibm.etools.msgbroker.tooling.sharedLibraryNature"


def application(*libraries: str) -> bytes:
    references = "".join(
        f"<sharedLibraryReference><libraryName>{name}</libraryName></sharedLibraryReference>" for name in libraries
    )
    return (
        f'{HEAD}<ns2:appDescriptor {BASE} xmlns:ns2="http://com.ibm.etools.mft.descriptor.app">'
        f"<references>{references}</references></ns2:appDescriptor>"
    ).encode()


def library(*, shared: bool = True) -> bytes:
    kind = f' type="{SHARED}"' if shared else ""
    return (
        f'{HEAD}<ns2:libDescriptor {BASE} xmlns:ns2="http://com.ibm.etools.mft.descriptor.lib"{kind}>'
        "<references/></ns2:libDescriptor>"
    ).encode()


def policy() -> bytes:
    return (
        f'{HEAD}<ns2:policyProjectDescriptor {BASE} xmlns:ns2="http://com.ibm.etools.mft.descriptor.policyProject">'
        "<references/></ns2:policyProjectDescriptor>"
    ).encode()


def tests_of(*applications: str) -> bytes:
    references = "".join(
        f"<applicationReference><applicationName>{name}</applicationName></applicationReference>"
        for name in applications
    )
    return (
        f'{HEAD}<ns2:testprojectDescriptor {BASE} xmlns:ns2="http://com.ibm.etools.mft.descriptor.testproject">'
        f"<references>{references}</references></ns2:testprojectDescriptor>"
    ).encode()


REPLY = '<nodes xmi:type="ComIbmWSReply.msgnode:FCMComposite_1" xmi:id="r"><translation string="HTTP Reply"/></nodes>'
INPUT = (
    '<nodes xmi:type="ComIbmWSInput.msgnode:FCMComposite_1" xmi:id="i" URLSpecifier="/p">'
    '<translation string="HTTP Input"/></nodes>'
)


def compute(module: str, *, xmi_id: str = "c", label: str = "Work", schema: str = "") -> str:
    return (
        f'<nodes xmi:type="ComIbmCompute.msgnode:FCMComposite_1" xmi:id="{xmi_id}"'
        f' computeExpression="esql://routine/{schema}#{module}.Main"><translation string="{label}"/></nodes>'
    )


def wire(source: str, target: str, out: str = "out", into: str = "in", xmi_id: str = "") -> str:
    return (
        f'<connections xmi:id="{xmi_id or f"{source}.{out}-{target}"}" sourceNode="{source}" targetNode="{target}"'
        f' sourceTerminalName="OutTerminal.{out}" targetTerminalName="InTerminal.{into}"/>'
    )


def flow(*parts: str, name: str = "Flow", spaces: str = "") -> bytes:
    """A flow of these nodes and connections, one a line; the first part is on line 4."""
    body = "\n".join(parts)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ecore:EPackage xmlns:xmi="http://www.omg.org/XMI" xmlns:ecore="http://www.eclipse.org/emf/2002/Ecore"'
        ' xmlns:ComIbmCompute.msgnode="ComIbmCompute.msgnode" xmlns:ComIbmWSInput.msgnode="ComIbmWSInput.msgnode"'
        ' xmlns:ComIbmWSReply.msgnode="ComIbmWSReply.msgnode" xmlns:ComIbmMQInput.msgnode="ComIbmMQInput.msgnode"'
        f' xmlns:ComIbmMQOutput.msgnode="ComIbmMQOutput.msgnode" {spaces} nsURI="{name}.msgflow">\n'
        f'<eClassifiers xmi:type="eflow:FCMComposite" name="FCMComposite_1"><composition>\n{body}\n'
        "</composition></eClassifiers></ecore:EPackage>"
    ).encode()


def esql(module: str, schema: str = "") -> bytes:
    header = f"BROKER SCHEMA {schema}\n" if schema else ""
    return (
        f"{header}CREATE COMPUTE MODULE {module}\n\tCREATE FUNCTION Main() RETURNS BOOLEAN\n\tBEGIN\n"
        "\t\tSET OutputRoot = InputRoot;\n\t\tRETURN TRUE;\n\tEND;\nEND MODULE;\n"
    ).encode()


@pytest.fixture
def workspace() -> dict[str, bytes]:
    """An application with a wired flow, and nothing wrong."""
    return {
        "App/application.descriptor": application(),
        "App/Flow.msgflow": flow(
            INPUT,
            compute("Work"),
            REPLY,
            wire("i", "c"),
            wire("i", "r", "catch"),
            wire("c", "r"),
        ),
        "App/Work.esql": esql("Work"),
    }


@pytest.fixture
def make() -> SimpleNamespace:
    """The makers above, for test modules."""
    return SimpleNamespace(
        application=application,
        library=library,
        policy=policy,
        tests_of=tests_of,
        compute=compute,
        wire=wire,
        flow=flow,
        esql=esql,
        INPUT=INPUT,
        REPLY=REPLY,
    )
