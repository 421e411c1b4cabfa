"""Golden paths are found by folder: a second shape is a folder, and nothing else knows of it."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest

from interlock.errors import InputError, InterlockError
from interlock.formats import helm, yaml
from interlock.platform import catalog, goldenpaths
from interlock.platform.domain.ids import Digest
from interlock.platform.domain.workload import image_of
from interlock.platform.estate import Platform, Service, layout
from interlock.platform.estate.library import Library
from interlock.platform.estate.model import parse
from interlock.platform.estate.platform import GoldenPath
from interlock.platform.setup import onboarding

from .. import acme

ROOT = Path(__file__).parent / "paths"
IMAGE = "registry.acme.test/integration/quotes"
TAG, DIGEST = "main-0123456789ab", Digest("sha256:" + "a" * 64)


ACE, HTTP = (
    GoldenPath(shape="ace-flow", pipeline="build-ace-flow"),
    GoldenPath(shape="http-api", pipeline="build-http-api"),
)


def allowing(*paths: GoldenPath) -> Platform:
    """The sample's settings with these golden paths."""
    return acme.platform().model_copy(update={"golden_paths": paths})


@pytest.fixture
def platform() -> Platform:
    return allowing(ACE, HTTP)


@pytest.fixture
def quotes(platform: Platform) -> Service:
    path = goldenpaths.path("http-api", ROOT)
    return path.registration(platform, name="quotes", team="ledger", owner="rita", parameters={"context": "/quotes"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the folder of paths, to break."""
    return Path(shutil.copytree(ROOT, tmp_path / "paths"))


def onboarded(platform: Platform, service: Service, name: str = "prod") -> dict[str, bytes]:
    return goldenpaths.expected(platform, service, acme.environment(name), None, root=ROOT)


def rendered(files: dict[str, bytes], service: str, environment: str = "prod") -> list[Any]:
    """Everything of a service whose image is delivered."""
    path = layout.values(service, environment)
    files = {**files, path: layout.set_image(files[path], TAG, DIGEST, file=path)}
    made = helm.render(
        files,
        f"apps/{service}",
        value_files=[f"values.{environment}.yaml"],
        release_name=f"{service}-{environment}",
        namespace=service,
    )
    return [item.object for item in made]


class TestASecondShape:
    def test_is_found(self) -> None:
        assert goldenpaths.shapes(ROOT) == ("http-api",)
        assert goldenpaths.shapes() == ("ace-flow",)

    def test_its_files_are_its_own(self, platform: Platform, quotes: Service) -> None:
        files = onboarded(platform, quotes)
        own = {path: data for path, data in files.items() if not path.startswith("charts/")}
        assert b"shape: http-api" in own["apps/quotes/values.yaml"]
        assert not any(b"ace-flow" in data or b"App Connect" in data for data in own.values())
        assert (
            goldenpaths.path("http-api", ROOT).application(quotes, acme.environment("prod"), platform)
            == (own["argocd/quotes.yaml"])
        )

    def test_the_chart_renders_it_unchanged(self, platform: Platform, quotes: Service) -> None:
        objects = {item["kind"]: item for item in rendered(onboarded(platform, quotes), "quotes")}
        assert set(objects) == {"ServiceAccount", "Service", "Deployment"}
        assert objects["Service"]["spec"]["ports"] == [
            {"name": "http", "port": 8080, "targetPort": "http", "protocol": "TCP"}
        ]
        (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
        assert container["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
        assert container["readinessProbe"] == {"httpGet": {"port": "http", "path": "/quotes/ready"}}
        assert "livenessProbe" not in container and "startupProbe" not in container

    def test_what_runs_is_what_its_registration_says(self, platform: Platform, quotes: Service) -> None:
        (runs,) = quotes.workloads
        (found,) = [item for item in rendered(onboarded(platform, quotes), "quotes") if item["kind"] == runs.kind]
        assert found["metadata"]["name"] == runs.name == "quotes"
        assert (image_of(found, runs.container), runs.image) == (f"{IMAGE}:{TAG}@{DIGEST}", IMAGE)

    def test_a_sidecar_is_registered(self, root: Path, platform: Platform) -> None:
        file = root / "http-api" / "path.yaml"
        proxy = "registry.acme.test/integration/proxy"
        file.write_text(f"{file.read_text()}  - {{ kind: Deployment, container: proxy, image: {proxy} }}\n")
        service = goldenpaths.path("http-api", root).registration(
            platform, name="quotes", team="ledger", owner="rita", parameters={"context": "/quotes"}
        )
        assert [(item.container, item.image) for item in service.workloads] == [
            ("quotes", IMAGE),
            ("proxy", proxy),
        ]
        assert parse(Service, service.file(), file="services/quotes.yaml").workloads == service.workloads

    def test_its_app_repo_and_its_pipeline(self, platform: Platform, quotes: Service) -> None:
        app = goldenpaths.path("http-api", ROOT).app(quotes, platform)
        assert list(app) == [".tekton/push.yaml", "README.md", "service.yaml"]
        assert app["service.yaml"] == quotes.file() and b"build-http-api" in app[".tekton/push.yaml"]
        ((path, data),) = goldenpaths.pipelines(allowing(HTTP), root=ROOT).items()
        assert path == "catalog/pipelines/build-http-api.yaml"
        assert yaml.load(data, file=path).value["spec"]["params"][0]["default"] == "https://git/acme/env-dev"

    def test_a_service_of_it_is_registered_and_onboarded(self, platform: Platform, quotes: Service) -> None:
        estate = dataclasses.replace(acme.founded().estate, platform=platform)
        request = onboarding.Request("quotes", "http-api", "ledger", "rita", "rita", None, {"context": "/quotes"})
        charts = {item.name: Library.of(catalog.chart()) for item in platform.environments}
        plan = onboarding.plan(estate, request, charts, root=ROOT)
        (registry, registration), *deliveries = plan.proposals
        assert (registry.name, registration) == ("platform", {"services/quotes.yaml": quotes.file()})
        assert [item.name for item, _ in deliveries] == ["dev", "test", "prod"]
        # What the gate compares with: it reads the service as it is registered.
        assert deliveries[-1][1] == onboarded(platform, quotes)


class TestParameters:
    def register(self, platform: Platform, **given: str) -> Service:
        path = goldenpaths.path("http-api", ROOT)
        return path.registration(platform, name="quotes", team="ledger", owner="rita", parameters=given)

    def test_they_are_part_of_the_registration(self, platform: Platform) -> None:
        service = self.register(platform, context="/quotes", port="9090")
        stated = yaml.load(service.file(), file="services/quotes.yaml").value
        assert stated["parameters"] == {"context": "/quotes", "port": "9090"}
        assert b"containerPort: 9090" in onboarded(platform, service)["apps/quotes/values.yaml"]

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ({}, "parameter-missing"),
            ({"context": "/q", "colour": "red"}, "parameter-unknown"),
            ({"context": "/q", "port": "80"}, "parameter-invalid"),
            ({"context": "q"}, "parameter-invalid"),
            ({"context": "/q\nreplicas: 9"}, "estate-invalid"),
        ],
    )
    def test_what_the_path_does_not_take(self, platform: Platform, given: dict[str, str], code: str) -> None:
        with pytest.raises(InterlockError) as caught:
            self.register(platform, **given)
        assert caught.value.code == code

    def test_the_gate_does_not_generate_from_what_was_registered_past_the_path(
        self, platform: Platform, quotes: Service
    ) -> None:
        with pytest.raises(InputError) as caught:
            onboarded(platform, quotes.model_copy(update={"parameters": {"context": "no path"}}))
        assert caught.value.code == "parameter-invalid"


class TestRefused:
    def code(self, root: Path, shape: str = "http-api") -> InterlockError:
        with pytest.raises(InterlockError) as caught:
            goldenpaths.path(shape, root)
        return caught.value

    def test_an_unknown_shape_names_the_known_ones(self) -> None:
        error = self.code(ROOT, "batch")
        assert (error.code, error.expected) == ("shape-unknown", "http-api")
        # No folder is looked into that is none of the names.
        assert self.code(ROOT, "../paths/http-api").code == "shape-unknown"

    def test_a_folder_that_is_not_named_after_its_shape(self, root: Path) -> None:
        (root / "http-api").rename(root / "rest-api")
        assert self.code(root, "rest-api").code == "shape-unknown"

    @pytest.mark.parametrize(
        ("old", "new", "where"),
        [
            ("pipeline: build", "pipelines: build", "path.yaml:6:12"),
            ("chart: 1.1.0", "chart: newest", "path.yaml:7:8"),
            ('pattern: "/[a-z-]+"', 'pattern: "("', "path.yaml:15:14"),
        ],
    )
    def test_a_fault_in_path_yaml_is_told_with_its_place(self, root: Path, old: str, new: str, where: str) -> None:
        file = root / "http-api" / "path.yaml"
        file.write_text(file.read_text().replace(old, new))
        assert str(self.code(root).where) == f"http-api/{where}"

    def test_a_placeholder_without_a_value(self, root: Path, platform: Platform, quotes: Service) -> None:
        (root / "http-api" / "app" / "README.md").write_text("@{colour}\n")
        with pytest.raises(InputError) as caught:
            goldenpaths.path("http-api", root).app(quotes, platform)
        assert (caught.value.code, caught.value.got) == ("template-placeholder", "@{colour}")

    def test_a_shape_that_imports_nothing(self, platform: Platform, quotes: Service) -> None:
        with pytest.raises(InterlockError) as caught:
            goldenpaths.path("http-api", ROOT).import_workspace(quotes, platform, {"README.md": b""})
        assert caught.value.code == "workspace-unsupported"

    def test_an_estate_that_names_another_pipeline(self) -> None:
        with pytest.raises(InputError) as caught:
            goldenpaths.pipelines(allowing(GoldenPath(shape="ace-flow", pipeline="build-my-own")))
        assert (caught.value.code, caught.value.expected) == ("pipeline-unknown", "build-ace-flow")
