"""The golden path ``ace-flow``: reproducible, sound by our own checks, the seed's Application everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interlock.errors import ConflictError, InputError, NotFoundError
from interlock.formats import ace, helm, yaml
from interlock.platform import catalog, goldenpaths
from interlock.platform.domain.ids import Digest
from interlock.platform.domain.workload import image_of
from interlock.platform.estate import Service, layout
from interlock.platform.estate.library import Library
from interlock.platform.estate.model import parse

from .. import acme

EXAMPLES = Path(__file__).parents[3] / "examples"
SEED = Path(__file__).parents[4] / "shared/seed/application-payments-prod.yaml"
CHART = Library.of(catalog.chart())


PLATFORM = acme.platform()
PATH = goldenpaths.path("ace-flow")


def environment(name: str) -> dict[str, bytes]:
    return goldenpaths.expected(PLATFORM, acme.service(), acme.environment(name), CHART)


def app(name: str = "payments") -> dict[str, bytes]:
    return PATH.app(acme.service(name), PLATFORM)


def imported(workspace: dict[str, bytes]) -> dict[str, bytes]:
    return PATH.import_workspace(acme.service(), PLATFORM, workspace)


def objects(files: dict[str, bytes], name: str) -> list[Any]:
    rendered = helm.render(
        files,
        "apps/payments",
        value_files=[f"values.{name}.yaml"],
        release_name=f"payments-{name}",
        namespace="payments",
    )
    return [item.object for item in rendered]


def kinds(files: dict[str, bytes], name: str) -> set[str]:
    return {item["kind"] for item in objects(files, name)}


class TestApp:
    def test_the_example_is_what_the_path_generates(self) -> None:
        folder = EXAMPLES / "payments"
        found = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        assert found == app()

    @pytest.mark.parametrize("name", ["payments", "ledger-events", "x1", "a" * 63])
    def test_the_application_has_no_issue_and_packs(self, name: str) -> None:
        files = app(name)
        workspace = ace.read_workspace(files)
        overrides = ace.parse_overrides(files["overrides.properties"].decode(), file="overrides.properties")
        assert ace.check(workspace, overrides=overrides) == []
        bar = ace.read_bar(ace.apply_overrides(ace.pack(workspace).data, overrides))
        assert [item.kind for item in bar.projects] == [
            ace.Kind.APPLICATION,
            ace.Kind.SHARED_LIBRARY,
            ace.Kind.POLICY,
        ]

    def test_a_real_flow_with_subflow_and_both_error_paths_wired(self) -> None:
        workspace = ace.read_workspace(app())
        (flow,) = ace.read_bar(ace.pack(workspace).data).project("Payments").flows()
        assert {node.type for node in flow.nodes} == {"ComIbmWSInput", "ComIbmCompute", "subflow", "ComIbmWSReply"}
        wired = {item.source_terminal for item in flow.connections if item.source == flow.nodes[0].id}
        assert wired == {"OutTerminal.out", "OutTerminal.catch", "OutTerminal.failure"}

    def test_service_yaml_is_what_the_platform_registers(self) -> None:
        data = app()["service.yaml"]
        found = parse(Service, data, file="service.yaml")
        assert found == acme.service()
        assert (found.image, found.owner) == ("registry.acme.test/integration/payments", "sam")

    def test_the_pipeline_is_named_and_not_copied(self) -> None:
        run = yaml.load(app()[".tekton/push.yaml"], file="push.yaml").value
        assert run["spec"]["pipelineRef"] == {"name": "build-ace-flow"}
        assert {item["name"]: item["value"] for item in run["spec"]["params"]} == {
            "git-url": "{{ repo_url }}",
            "git-revision": "{{ revision }}",
            "image": "{{ image }}",
        }
        annotations = run["metadata"]["annotations"]
        assert annotations["pipelinesascode.tekton.dev/on-target-branch"] == "[main]"

    def test_nothing_differs_by_environment(self) -> None:
        for path, data in app().items():
            assert b"prod-cluster" not in data, path
        assert not any("values." in path for path in app())


class TestImport:
    def workspace(self) -> dict[str, bytes]:
        head = 'xmlns="http://com.ibm.etools.mft.descriptor.base"'
        descriptor = f'<n:appDescriptor {head} xmlns:n="http://com.ibm.etools.mft.descriptor.app"/>'.encode()
        return {"Orders/application.descriptor": descriptor, "README.md": b"ours"}

    def test_its_files_are_kept_and_the_platforms_are_added(self) -> None:
        workspace = self.workspace()
        merged = imported(workspace)
        assert {path: merged[path] for path in workspace} == workspace
        assert set(merged) - set(workspace) == {"service.yaml", "catalog-info.yaml", ".tekton/push.yaml"}

    def test_importing_twice_changes_nothing(self) -> None:
        once = imported(self.workspace())
        assert imported(once) == once

    def test_what_is_no_workspace_is_refused(self) -> None:
        with pytest.raises(NotFoundError) as caught:
            imported({"pom.xml": b"<project/>"})
        assert caught.value.code == "ace-workspace-empty"

    def test_a_library_alone_is_refused(self) -> None:
        library = b'<n:libDescriptor xmlns="http://com.ibm.etools.mft.descriptor.base" xmlns:n="x"/>'
        with pytest.raises(InputError) as caught:
            imported({"Lib/library.descriptor": library})
        assert caught.value.code == "ace-workspace-no-application"

    def test_a_platform_file_with_other_content_is_not_overwritten(self) -> None:
        with pytest.raises(ConflictError) as caught:
            imported({**self.workspace(), "service.yaml": b"name: other\n"})
        assert caught.value.code == "workspace-conflict"

    def test_a_path_outside_the_repository_is_refused(self) -> None:
        with pytest.raises(InputError) as caught:
            imported({**self.workspace(), "../evil": b""})
        assert caught.value.code == "path-outside"


class TestEnvironment:
    def test_the_layout_of_an_env_repo(self) -> None:
        own = [path for path in environment("test") if not path.startswith("charts/")]
        assert own == [
            "apps/payments/Chart.yaml",
            "apps/payments/templates/service.yaml",
            "apps/payments/values.test.yaml",
            "apps/payments/values.yaml",
            "argocd/payments.yaml",
        ]
        assert {path: data for path, data in environment("test").items() if path.startswith("charts/")} == {
            f"charts/service/{CHART.version}/{path}": data for path, data in CHART.files.items()
        }

    def test_generating_twice_gives_the_same_bytes(self) -> None:
        assert environment("prod") == environment("prod")

    def test_prod_is_the_seeds_application_under_the_seal(self) -> None:
        if not SEED.is_file():
            pytest.skip(f"seed absent: {SEED}")
        expected = yaml.load(SEED.read_bytes(), file=SEED.name).value
        found = yaml.load(environment("prod")["argocd/payments.yaml"], file="payments.yaml").value
        expected["spec"]["project"] = "prod"
        expected["spec"]["source"]["targetRevision"] = "refs/heads/sealed"
        del found["metadata"]["labels"]
        assert found == expected

    @pytest.mark.parametrize(
        ("name", "branch", "prune"), [("dev", "main", True), ("test", "sealed", True), ("prod", "sealed", False)]
    )
    def test_what_differs_between_environments(self, name: str, branch: str, prune: bool) -> None:
        spec = yaml.load(environment(name)["argocd/payments.yaml"], file="a").value["spec"]
        assert spec["source"]["targetRevision"] == f"refs/heads/{branch}"
        assert spec["source"]["repoURL"] == f"https://git/acme/env-{name}"
        assert spec["destination"] == {"server": f"https://{name}-cluster", "namespace": "payments"}
        assert spec["syncPolicy"]["automated"] == {"selfHeal": True, "prune": prune}
        assert "PrunePropagationPolicy=foreground" in spec["syncPolicy"]["syncOptions"]

    def test_the_chart_of_the_repository_is_the_dependency(self) -> None:
        chart = yaml.load(environment("dev")["apps/payments/Chart.yaml"], file="a").value
        assert chart["dependencies"] == [
            {"name": "service", "version": "1.2.0", "repository": "file://../../charts/service/1.2.0"}
        ]

    def test_nothing_runs_until_an_image_is_delivered(self) -> None:
        files = environment("dev")
        assert kinds(files, "dev") == {"ServiceAccount"}
        path = layout.values("payments", "dev")
        assert layout.image_in(files[path], file=path).digest == ""
        digest = Digest("sha256:" + "a" * 64)
        delivered = layout.set_image(files[path], "main-0123456789ab", digest, file=path)
        assert {"Deployment", "Service"} <= kinds({**files, path: delivered}, "dev")

    def test_what_runs_is_what_its_registration_says(self) -> None:
        path, (runs,) = layout.values("payments", "dev"), acme.service().workloads
        files = environment("dev")
        digest = Digest("sha256:" + "a" * 64)
        files[path] = layout.set_image(files[path], "main-0123456789ab", digest, file=path)
        (found,) = [item for item in objects(files, "dev") if item["kind"] == runs.kind]
        assert found["metadata"]["name"] == runs.name
        assert image_of(found, runs.container) == f"{runs.image}:main-0123456789ab@{digest}"


@pytest.mark.parametrize("name", ["", "-a", "A", "a_b", "../x", "a" * 64, "on", "null", "a\n", "1a"])
def test_names_that_are_no_dns_label(name: str) -> None:
    with pytest.raises(InputError) as caught:
        acme.service(name)
    assert caught.value.code == "name-invalid"
