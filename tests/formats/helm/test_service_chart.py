"""The platform's library chart: what a service's values become."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.errors import InputError
from interlock.formats import helm, yaml

DIGEST = "sha256:" + "a" * 64
IMAGE = {"repository": "registry.acme.test/integration/payments", "tag": "main-0123456789ab", "digest": DIGEST}


@pytest.fixture
def objects(service_chart: dict[str, bytes]) -> Any:
    """``objects(image=..., config=...)``: the rendered objects of payments by kind."""

    def run(**values: Any) -> dict[str, dict[str, Any]]:
        given = {
            "owner": "payments",
            "shape": "ace-flow",
            "image": {"repository": "", "tag": "", "digest": ""},
            **values,
        }
        files = {
            **service_chart,
            "apps/payments/Chart.yaml": yaml.dump(
                {
                    "apiVersion": "v2",
                    "name": "payments",
                    "version": "0.1.0",
                    "dependencies": [
                        {"name": "service", "version": "1.2.0", "repository": "file://../../charts/service"}
                    ],
                }
            ).encode(),
            "apps/payments/templates/service.yaml": b'{{ include "service.all" . }}\n',
            "apps/payments/values.yaml": yaml.dump(given).encode(),
        }
        made = helm.render(files, "apps/payments", release_name="payments-prod", namespace="payments")
        return {item.object["kind"]: item.object for item in made}

    return run


def test_without_a_digest_nothing_runs(objects: Any) -> None:
    assert set(objects(config={"LOG_LEVEL": "info"})) == {"ServiceAccount", "ConfigMap"}
    assert set(objects(image={"repository": "r", "tag": "t", "digest": ""})) == {"ServiceAccount"}


def test_a_digest_makes_the_workload_run_exactly_that_image(objects: Any) -> None:
    made = objects(image=IMAGE)
    assert set(made) == {"ServiceAccount", "Service", "Deployment"}
    (container,) = made["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"{IMAGE['repository']}:{IMAGE['tag']}@{DIGEST}"


def test_every_object_says_whose_it_is(objects: Any) -> None:
    made = objects(image=IMAGE, config={"A": "1"}, podDisruptionBudget={"minAvailable": 1})
    assert len(made) == 5
    for obj in made.values():
        labels = obj["metadata"]["labels"]
        assert obj["metadata"]["name"] == "payments"
        assert labels["app.kubernetes.io/name"] == labels["interlock.dev/service"] == "payments"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["interlock.dev/shape"] == "ace-flow"
    assert made["Deployment"]["metadata"]["labels"]["app.kubernetes.io/version"] == IMAGE["tag"]


def test_an_image_delivery_changes_the_deployment_alone(objects: Any) -> None:
    old = objects(image=IMAGE, config={"A": "1"})
    new = objects(image={**IMAGE, "tag": "main-ba9876543210", "digest": "sha256:" + "b" * 64}, config={"A": "1"})
    assert [kind for kind in old if old[kind] != new[kind]] == ["Deployment"]
    selector = old["Deployment"]["spec"]["selector"]
    assert selector == new["Deployment"]["spec"]["selector"]
    assert selector["matchLabels"] == old["Service"]["spec"]["selector"]


def test_a_rollout_never_takes_capacity_away_and_runs_without_privileges(objects: Any) -> None:
    spec = objects(image=IMAGE)["Deployment"]["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert (spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (10, 600)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def test_an_integration_server_is_probed_on_its_own_ports(objects: Any) -> None:
    (container,) = objects(image=IMAGE)["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {"admin": 7600, "http": 7800}
    assert container["livenessProbe"]["tcpSocket"] == {"port": "admin"}
    assert container["readinessProbe"]["tcpSocket"] == {"port": "http"}
    changed = objects(image=IMAGE, probes={"readiness": {"httpGet": {"path": "/ready", "port": "http"}}})
    (container,) = changed["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"] == {"httpGet": {"path": "/ready", "port": "http"}}
    assert container["startupProbe"]["failureThreshold"] == 60


def test_configuration_restarts_the_pods_when_it_changes(objects: Any) -> None:
    def checksum(**config: str) -> str:
        template = objects(image=IMAGE, config=config)["Deployment"]["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/config"])

    assert checksum(A="1") != checksum(A="2")
    assert objects(config={"A": 1, "B": True})["ConfigMap"]["data"] == {"A": "1", "B": "true"}


def test_numbers_and_zero_are_kept(objects: Any) -> None:
    spec = objects(image=IMAGE, replicas=0, progressDeadlineSeconds=1200000)["Deployment"]["spec"]
    assert (spec["replicas"], spec["progressDeadlineSeconds"]) == (0, 1200000)
    assert objects(image=IMAGE)["Deployment"]["spec"]["replicas"] == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"replica": 2}, "replica is not a value"),
        ({"image": {**IMAGE, "pullPolicy": "Always"}}, "image.pullPolicy is not a value"),
        ({"owner": ""}, "owner is required"),
        ({"shape": "batch"}, "shape batch is not supported"),
        ({"image": {**IMAGE, "digest": "latest"}}, "image.digest latest is not sha256:"),
        ({"image": {**IMAGE, "tag": ""}}, "image.tag is required"),
        ({"image": {**IMAGE, "repository": ""}}, "image.repository is required"),
    ],
)
def test_values_that_cannot_be_right_are_refused(objects: Any, values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        objects(**values)
    assert caught.value.code in ("helm-fail", "helm-required")
    assert message in caught.value.message
