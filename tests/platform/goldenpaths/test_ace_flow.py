"""The golden path ``ace-flow``: reproducible, sound by our own checks, the seed's Application everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.errors import ConflictError, InputError, NotFoundError
from interlock.formats import ace, helm, yaml
from interlock.platform import catalog, goldenpaths
from interlock.platform.domain.ids import Digest
from interlock.platform.estate import layout
from interlock.platform.estate import service as registered
from interlock.platform.estate.model import parse

EXAMPLES = Path(__file__).parents[3] / "examples"
SEED = Path(__file__).parents[4] / "shared/seed/application-payments-prod.yaml"
CHART = catalog.chart()


def service(name: str = "payments") -> goldenpaths.Service:
    return goldenpaths.Service(name, "payments", "sam", "acme", "registry.acme.test/integration")


def environment(name: str) -> dict[str, bytes]:
    return goldenpaths.generate_environment(service(), goldenpaths.environment(name), CHART)


def kinds(files: dict[str, bytes], name: str) -> set[str]:
    rendered = helm.render(
        files,
        "apps/payments",
        value_files=[f"values.{name}.yaml"],
        release_name=f"payments-{name}",
        namespace="payments",
    )
    return {item.object["kind"] for item in rendered}


class TestApp:
    def test_the_example_is_what_the_path_generates(self) -> None:
        folder = EXAMPLES / "payments"
        found = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        assert found == goldenpaths.generate_app(service())

    @pytest.mark.parametrize("name", ["payments", "ledger-events", "x1", "a" * 63])
    def test_the_application_has_no_issue_and_packs(self, name: str) -> None:
        files = goldenpaths.generate_app(service(name))
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
        workspace = ace.read_workspace(goldenpaths.generate_app(service()))
        (flow,) = ace.read_bar(ace.pack(workspace).data).project("Payments").flows()
        assert {node.type for node in flow.nodes} == {"ComIbmWSInput", "ComIbmCompute", "subflow", "ComIbmWSReply"}
        wired = {item.source_terminal for item in flow.connections if item.source == flow.nodes[0].id}
        assert wired == {"OutTerminal.out", "OutTerminal.catch", "OutTerminal.failure"}

    def test_service_yaml_is_what_the_platform_registers(self) -> None:
        data = goldenpaths.generate_app(service())["service.yaml"]
        found = parse(registered.Service, data, file="service.yaml")
        assert found == goldenpaths.registration(service())
        assert (found.image, found.owner) == ("registry.acme.test/integration/payments", "sam")

    def test_the_pipeline_is_named_and_not_copied(self) -> None:
        run = yaml.load(goldenpaths.generate_app(service())[".tekton/push.yaml"], file="push.yaml").value
        assert run["spec"]["pipelineRef"] == {"name": "build-ace-flow"}
        assert {item["name"]: item["value"] for item in run["spec"]["params"]} == {
            "git-url": "{{ repo_url }}",
            "git-revision": "{{ revision }}",
            "image": "{{ image }}",
        }
        annotations = run["metadata"]["annotations"]
        assert annotations["pipelinesascode.tekton.dev/on-target-branch"] == "[main]"

    def test_nothing_differs_by_environment(self) -> None:
        for path, data in goldenpaths.generate_app(service()).items():
            assert b"prod-cluster" not in data, path
        assert not any("values." in path for path in goldenpaths.generate_app(service()))


class TestImport:
    def workspace(self) -> dict[str, bytes]:
        head = 'xmlns="http://com.ibm.etools.mft.descriptor.base"'
        descriptor = f'<n:appDescriptor {head} xmlns:n="http://com.ibm.etools.mft.descriptor.app"/>'.encode()
        return {"Orders/application.descriptor": descriptor, "README.md": b"ours"}

    def test_its_files_are_kept_and_the_platforms_are_added(self) -> None:
        workspace = self.workspace()
        merged = goldenpaths.import_workspace(service(), workspace)
        assert {path: merged[path] for path in workspace} == workspace
        assert set(merged) - set(workspace) == {"service.yaml", "catalog-info.yaml", ".tekton/push.yaml"}

    def test_importing_twice_changes_nothing(self) -> None:
        once = goldenpaths.import_workspace(service(), self.workspace())
        assert goldenpaths.import_workspace(service(), once) == once

    def test_what_is_no_workspace_is_refused(self) -> None:
        with pytest.raises(NotFoundError) as caught:
            goldenpaths.import_workspace(service(), {"pom.xml": b"<project/>"})
        assert caught.value.code == "ace-workspace-empty"

    def test_a_library_alone_is_refused(self) -> None:
        library = b'<n:libDescriptor xmlns="http://com.ibm.etools.mft.descriptor.base" xmlns:n="x"/>'
        with pytest.raises(InputError) as caught:
            goldenpaths.import_workspace(service(), {"Lib/library.descriptor": library})
        assert caught.value.code == "ace-workspace-no-application"

    def test_a_platform_file_with_other_content_is_not_overwritten(self) -> None:
        with pytest.raises(ConflictError) as caught:
            goldenpaths.import_workspace(service(), {**self.workspace(), "service.yaml": b"name: other\n"})
        assert caught.value.code == "workspace-conflict"

    def test_a_path_outside_the_repository_is_refused(self) -> None:
        with pytest.raises(InputError) as caught:
            goldenpaths.import_workspace(service(), {**self.workspace(), "../evil": b""})
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
            f"charts/service/{path}": data for path, data in CHART.items()
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
        version = yaml.load(CHART["Chart.yaml"], file="b").value["version"]
        assert chart["dependencies"] == [
            {"name": "service", "version": version, "repository": "file://../../charts/service"}
        ]

    def test_nothing_runs_until_an_image_is_delivered(self) -> None:
        files = environment("dev")
        assert kinds(files, "dev") == {"ServiceAccount"}
        path = layout.values("payments", "dev")
        assert layout.image_in(files[path], file=path).digest == ""
        digest = Digest("sha256:" + "a" * 64)
        delivered = layout.set_image(files[path], "main-0123456789ab", digest, file=path)
        assert {"Deployment", "Service"} <= kinds({**files, path: delivered}, "dev")

    def test_a_chart_without_version(self) -> None:
        with pytest.raises(InputError) as caught:
            goldenpaths.generate_environment(service(), goldenpaths.environment("dev"), {"Chart.yaml": b"name: x\n"})
        assert caught.value.code == "chart-version"


@pytest.mark.parametrize("name", ["", "-a", "A", "a_b", "../x", "a" * 64, "on", "null", "a\n", "1a"])
def test_names_that_are_no_dns_label(name: str) -> None:
    with pytest.raises(InputError) as caught:
        service(name)
    assert caught.value.code == "name-invalid"


def test_a_registry_prefix_needs_a_host_and_a_project() -> None:
    with pytest.raises(InputError) as caught:
        goldenpaths.Service("payments", "payments", "sam", "acme", "https://registry/x")
    assert caught.value.code == "registry-invalid"
