"""Kind configuration: which keys, to which values, with which effect, and never a secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from interlock.formats import helm, yaml
from interlock.platform import catalog
from interlock.platform.domain.change import Change, FileChange
from interlock.platform.domain.difference import Difference
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CommitId, ObjectId, ReasonCode, ServiceName
from interlock.platform.domain.image import ImageReference
from interlock.platform.domain.verdict import Finding, Verdict
from interlock.platform.estate import values
from interlock.platform.facts import Facts, case, change, configuration, image, rendering
from interlock.platform.facts.facts import Reader
from interlock.platform.facts.rendering import Rendering
from interlock.platform.kinds.configuration import NAME, Configuration
from interlock.platform.kinds.configuration.checks import REASONS
from interlock.platform.kinds.kind import Position

from .conftest import DIGEST, IMAGE, TAG, Known

PATH, SHARED = "apps/payments/values.prod.yaml", "apps/payments/values.yaml"
BASE = f"""\
image:
  repository: {IMAGE}
  tag: "{TAG}"
  digest: "{DIGEST}"
replicas: 2
config:
  LOG_LEVEL: info
"""
OWN = "owner: payments\nshape: ace-flow\n"
CHART = """\
apiVersion: v2
name: payments
version: 0.1.0
dependencies:
  - {name: service, version: 1.2.0, repository: "file://../../charts/service"}
"""
COMMIT = CommitId("a" * 40)


def objects(own: str, shared: str) -> tuple[Any, ...]:
    files = {f"charts/service/{path}": data for path, data in catalog.chart().items()}
    files |= {
        "apps/payments/Chart.yaml": CHART.encode(),
        "apps/payments/templates/service.yaml": b'{{ include "service.all" . }}\n',
        SHARED: shared.encode(),
        PATH: own.encode(),
    }
    made = helm.render(
        files, "apps/payments", value_files=["values.prod.yaml"], release_name="payments-prod", namespace="payments"
    )
    return tuple(item.object for item in made)


Judge = Callable[..., dict[str, Finding]]


@pytest.fixture
def facts(good: Known) -> Callable[..., Facts]:
    """Of a delivery that makes ``after`` of `BASE`, rendered by the chart of the package."""

    def make(
        after: str, *, before: str = BASE, shared: str = OWN, schema: bytes | None = None, rendered: Any = None
    ) -> Facts:
        paths = tuple(
            FileChange(path, "modified") for path, moved in ((PATH, after != before), (SHARED, shared != OWN)) if moved
        )
        found = Change(
            COMMIT, COMMIT, COMMIT, ObjectId("f" * 40), paths, paths,
            {PATH: before.encode(), SHARED: OWN.encode()}, {PATH: after.encode(), SHARED: shared.encode()},
        )  # fmt: skip
        stated = catalog.chart()["values.schema.json"] if schema is None else schema
        given = {
            **good.given(),
            case.read: case.Case(NAME, ServiceName("payments")),
            change.read: found,
            image.held: ImageReference(IMAGE, TAG, DIGEST),
        }
        instead: dict[Reader[Any], Reader[Any]] = {
            rendering.read: lambda _: rendered or Rendering(objects(before, OWN), objects(after, shared)),
            configuration.keys: lambda _: values.keys(stated or None, file="charts/service/values.schema.json"),
            configuration.merged: lambda _: {
                **values.read(shared.encode(), file=SHARED), **values.read(after.encode(), file=PATH)
            },
        }  # fmt: skip
        return Facts({key: value for key, value in given.items() if key not in instead}, instead)

    return make


@pytest.fixture
def judged(facts: Callable[..., Facts], good: Known) -> Judge:
    def judge(after: str, **options: Any) -> dict[str, Finding]:
        known = facts(after, **options)
        return {check.id: check.examine(known) for check in Configuration().checks(Position(good.environment))}

    return judge


def wrong(findings: dict[str, Finding]) -> dict[str, str]:
    return {item.id: item.reason for item in findings.values() if item.verdict is not Verdict.VALID}


def test_what_the_schema_names_may_change_and_the_gate_tells_what_is_rendered(judged: Judge) -> None:
    found = judged(BASE.replace("replicas: 2", "replicas: 3").replace("info", "debug"))
    assert wrong(found) == {}
    assert found["configuration-keys"].detail == "config.LOG_LEVEL, replicas"
    told = found["configuration-rendered"].detail
    assert 'ConfigMap payments: data.LOG_LEVEL "info" -> "debug"' in told and "spec.replicas 2 -> 3" in told


@pytest.mark.parametrize(
    "more",
    [
        "resources: {requests: {cpu: 200m, memory: 1Gi}, limits: {memory: 2Gi}}\n",
        "podDisruptionBudget: {minAvailable: 1}\n",
        "probes: {liveness: {tcpSocket: {port: admin}, periodSeconds: 20}}\n",
        "terminationGracePeriodSeconds: 90\nrevisionHistoryLimit: 3\nprogressDeadlineSeconds: 300\n",
        "# a remark\n",
    ],
)
def test_so_may_these(judged: Judge, more: str) -> None:
    assert wrong(judged(BASE + more)) == {}


def test_the_first_and_the_last_key_of_config_bring_and_take_its_object(judged: Judge) -> None:
    without = BASE.replace("config:\n  LOG_LEVEL: info\n", "config: {}\n")
    assert wrong(judged(without)) == {} == wrong(judged(BASE, before=without))


@pytest.mark.parametrize(
    ("after", "place"),
    [
        (BASE + "ports: [{name: debug, containerPort: 5005}]\n", "ports[0]"),
        (BASE + "command: [sh]\n", "command[0]"),
        (BASE + "global: {x: 1}\n", "global.x"),
        (BASE.replace("repository: ", "repository: evil/"), "image.repository"),
    ],
)
def test_other_keys_are_refused_by_name(judged: Judge, after: str, place: str) -> None:
    found = judged(after)["configuration-keys"]
    assert found.reason == "configuration-key-refused"
    assert place in found.detail and "configuration is: config.*, " in found.detail


@pytest.mark.parametrize("name", ["LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "JAVA_TOOL_OPTIONS", "NODE_OPTIONS",
                                  "BASH_ENV", "PATH", "_JAVA_OPTIONS", "CLASSPATH", "GIT_SSH_COMMAND"])  # fmt: skip
def test_what_tells_a_loader_which_code_to_run_is_no_configuration(judged: Judge, name: str) -> None:
    assert judged(BASE + f"  {name}: x\n")["configuration-keys"].reason == "configuration-key-loader"
    schema = b'{"x-interlock": "configuration", "properties": {"config": {"x-interlock": "configuration"}}}'
    found = judged(BASE + f"  {name}: x\n", schema=schema)
    assert found["configuration-keys"].reason == "configuration-key-loader", "whatever a schema says"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("replicas: 2", "replicas: -1"),
        ("replicas: 2", "replicas: true"),
        ("replicas: 2", "replicas: 100000"),
        ("LOG_LEVEL: info", "LOG_LEVEL: 3"),
        ("LOG_LEVEL: info", '"LOG LEVEL": info'),
        ("replicas: 2", "replicas: 2\nresources: {requests: {cpu: much}}"),
        ("replicas: 2", "replicas: 2\nresources: {claims: [{name: gpu}]}"),
        ("replicas: 2", "replicas: 2\npodDisruptionBudget: {minAvailable: 1, maxUnavailable: 1}"),
        ("replicas: 2", "replicas: 2\nprobes: {liveness: {exec: {command: [sh, -c, id]}}}"),
        ("replicas: 2", "replicas: 2\nprobes: {liveness: {httpGet: {port: http, host: evil.example}}}"),
        ("replicas: 2", "replicas: 2\nterminationGracePeriodSeconds: 0"),
    ],
)
def test_values_that_nobody_takes_are_refused(judged: Judge, old: str, new: str) -> None:
    rendered = Rendering((), ())
    found = judged(BASE.replace(old, new), rendered=rendered)["configuration-keys"]
    assert found.reason == "configuration-value-refused" and "evil" not in found.detail


def test_what_stood_there_before_is_not_judged_again(judged: Judge) -> None:
    old = BASE.replace("LOG_LEVEL: info", "LOG_LEVEL: info\n  PORT: 8080")
    assert wrong(judged(old.replace("replicas: 2", "replicas: 3"), before=old)) == {}


def test_a_chart_without_a_schema_has_the_built_in_list(judged: Judge) -> None:
    assert wrong(judged(BASE.replace("replicas: 2", "replicas: 3"), schema=b"")) == {}
    found = judged(BASE + "probes: {liveness: {periodSeconds: 3}}\n", schema=b"")["configuration-keys"]
    assert found.reason == "configuration-key-refused"
    assert found.detail.endswith(
        "configuration is: config.*, podDisruptionBudget.*, replicas, resources.*, terminationGracePeriodSeconds"
    )


@pytest.mark.parametrize("schema", [b"[]", b"{", b'{"type": 1}'])
def test_a_schema_that_cannot_be_read_refuses(judged: Judge, schema: bytes) -> None:
    assert judged(BASE + "# x\n", schema=schema)["configuration-keys"].reason == "configuration-schema-invalid"


@pytest.mark.parametrize("text", ["- 1\n", "a: 1\na: 2\n", "a: &x 1\nb: *x\n", "replicas: yes\n", "{"])
def test_what_is_no_strict_yaml_is_refused(judged: Judge, text: str) -> None:
    assert judged(text, rendered=Rendering((), ()))["configuration-keys"].reason == "configuration-file-invalid"


def test_a_source_that_did_not_answer_is_unknown(facts: Callable[..., Facts], good: Known) -> None:
    asked = facts(BASE + "# x\n")
    broken = Unread("git", ReasonCode("git-unreachable"), "no answer")
    known = Facts({**good.given(), case.read: asked.get(case.read), change.read: broken, rendering.read: broken})
    found = [check.examine(known) for check in Configuration().checks(Position(good.environment))[1:]]
    assert {item.verdict for item in found} == {Verdict.UNKNOWN}


# -- what is rendered --------------------------------------------------------------------------------------------------


def altered(kind: str, path: str, value: Any) -> Rendering:
    """What a chart could make of innocent keys: one field of one object."""
    before = objects(BASE, OWN)
    after = yaml.load(yaml.dump(list(before)), file="x").value
    holder: Any = next(item for item in after if item["kind"] == kind)
    *steps, last = path.split("/")
    for step in steps:
        holder = holder[int(step)] if step.isdigit() else holder.setdefault(step, {})
    holder[last.replace("~1", "/")] = value
    return Rendering(before, tuple(after))


POD, CONTAINER = "spec/template/spec", "spec/template/spec/containers/0"


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", f"{CONTAINER}/command", ["sh"]),
        ("Deployment", f"{CONTAINER}/args", ["-c"]),
        ("Deployment", f"{CONTAINER}/lifecycle", {"postStart": {"exec": {"command": ["sh"]}}}),
        ("Deployment", f"{CONTAINER}/livenessProbe/exec", {"command": ["sh"]}),
        ("Deployment", f"{CONTAINER}/securityContext/privileged", True),
        ("Deployment", f"{CONTAINER}/envFrom", [{"secretRef": {"name": "other"}}]),
        ("Deployment", f"{CONTAINER}/env", [{"name": "A", "value": "b"}]),
        ("Deployment", f"{CONTAINER}/volumeMounts", [{"name": "a", "mountPath": "/"}]),
        ("Deployment", f"{POD}/hostNetwork", True),
        ("Deployment", f"{POD}/serviceAccountName", "admin"),
        ("Deployment", f"{POD}/volumes", [{"name": "a", "hostPath": {"path": "/"}}]),
        ("Deployment", f"{POD}/nodeName", "x"),
        ("Deployment", "spec/selector/matchLabels/a", "b"),
        ("Deployment", "spec/template/metadata/annotations/sidecar.istio.io~1inject", "false"),
        ("Deployment", "metadata/namespace", "other"),
        ("Service", "spec/type", "LoadBalancer"),
        ("ServiceAccount", "automountServiceAccountToken", True),
        ("ConfigMap", "metadata/annotations/a", "b"),
    ],
)
def test_what_configuration_never_decides_is_refused_by_place(judged: Judge, kind: str, path: str, value: Any) -> None:
    found = judged(BASE + "# x\n", rendered=altered(kind, path, value))["configuration-rendered"]
    assert found.reason == "configuration-rendered-other", found.detail


@pytest.mark.parametrize("path", [f"{CONTAINER}/image", "metadata/labels/app.kubernetes.io~1version"])
def test_image_and_version_stay(judged: Judge, path: str) -> None:
    rendered = altered("Deployment", path, "evil:1")
    assert judged(BASE + "# x\n", rendered=rendered)["configuration-rendered"].reason == "configuration-moves-image"


def test_objects_come_and_go_only_where_values_mean_them(judged: Judge) -> None:
    before = objects(BASE, OWN)
    for kind in ("Secret", "RoleBinding", "Job", "Ingress"):
        new = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}}
        found = judged(BASE + "# x\n", rendered=Rendering(before, (*before, new)))["configuration-rendered"]
        assert (found.reason, found.detail) == ("configuration-rendered-other", f"{kind} x added")
    rest = tuple(item for item in before if item["kind"] != "Deployment")
    found = judged(BASE + "# x\n", rendered=Rendering(before, rest))["configuration-rendered"]
    assert found.detail == "Deployment payments removed"


def test_a_chart_that_does_not_render_and_an_object_that_is_too_large(judged: Judge, good: Known) -> None:
    found = judged(BASE + "nonsense: 1\n")["configuration-rendered"]
    assert found.reason == "render-failed" and "nonsense" in found.detail
    large = judged(BASE + f"  BIG: {'x ' * 600_000}\n")["configuration-rendered"]
    assert large.reason == "configuration-value-refused"


# -- secrets -----------------------------------------------------------------------------------------------------------

SECRETS = [
    ("DB_PASSWORD", "hunter2"),
    ("apiKey", "short"),
    ("SIGNING_KEY", "q8Zr1vX0pLk3mN7bT5yWcE9u"),
    ("URL", "postgres://app:hunter2@db.acme.test/payments"),
    ("A", "AKIA" + "ABCDEFGHIJ012345"),
    ("A", "ghp_" + "a1B2" * 9),
    ("A", "AIza" + "b" * 35),
    ("A", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwYXltZW50cyJ9.c2lnbmF0dXJlLXRoYXQ"),
    ("A", "-----BEGIN RSA PRIVATE KEY-----"),
]


@pytest.mark.parametrize(("name", "value"), SECRETS, ids=[f"{name} {value[:8]}" for name, value in SECRETS])
def test_a_secret_is_refused_by_its_key_and_never_repeated(
    judged: Judge, facts: Callable[..., Facts], name: str, value: str
) -> None:
    after = BASE + f'  {name}: "{value}"\n'
    found = judged(after)
    assert found["no-secret-in-text"].reason == "configuration-secret"
    assert f"config.{name}" in found["no-secret-in-text"].detail
    assert all(value not in item.detail for item in found.values())
    assert Configuration().record(facts(after)) is None, "nor told to a ticket system"


def test_a_secret_behind_escapes_or_in_a_comment_is_found(judged: Judge) -> None:
    escaped = judged(BASE + '  A: "\\x41KIAABCDEFGHIJ012345"\n')["no-secret-in-text"]
    assert escaped.reason == "configuration-secret"
    remark = judged(BASE + "# was ghp_" + "a1B2" * 9 + "\n")["no-secret-in-text"]
    assert (remark.reason, remark.detail) == ("configuration-secret", f"{PATH}:8")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD_FILE", "/etc/secrets/db"),
        ("PASSWORD", "${DB_PASSWORD}"),
        ("TOKEN_URL", "https://idp.acme.test/token"),
        ("SESSION_TOKEN", "vault:svc/payments/prod/session"),
        ("PARTITION_KEY", "customer"),
        ("KEY_SIZE", "4096"),
        ("USE_TOKEN", "true"),
    ],
)
def test_what_only_sounds_like_one_is_let_through(judged: Judge, name: str, value: str) -> None:
    assert wrong(judged(BASE + f'  {name}: "{value}"\n')) == {}


# -- what reviewers are told -------------------------------------------------------------------------------------------


def test_the_record_says_values_rendered_diff_image_and_way_back(facts: Callable[..., Facts]) -> None:
    told = Configuration().record(facts(BASE.replace("replicas: 2", "replicas: 3")))
    assert told is not None
    assert (told.before, told.after) == ("replicas: 2", "replicas: 3")
    assert told.tests[0] == "Rendered before and after: Deployment payments: spec.replicas 2 -> 3"
    assert TAG in told.tests[1] and "interlock revert payments --env prod" in told.back_out
    assert "--- a/Deployment payments" in told.rendered and "\n+  replicas: 3" in told.rendered


def test_a_rendered_diff_is_bounded_and_shows_no_secrets_data() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "data": {"a": "hunter2"}}
    many = tuple({"apiVersion": "v1", "kind": "A", "metadata": {"name": str(i)}, "x": "y" * 90} for i in range(900))
    moved = rendering.moved(Rendering((), (secret, *many)))
    text = rendering.text(moved)
    assert len(text) <= rendering.MAX_TEXT + 60 and text.endswith("characters")
    assert "hunter2" not in text
    assert len(rendering.summary(moved)) <= rendering.MAX_LINE + 20 and rendering.summary(moved).endswith("more")


def test_values_of_another_type_differ() -> None:
    rendered = Rendering(({"kind": "A", "x": 1, "y": []},), ({"kind": "A", "x": True, "y": [1]},))
    (one,) = rendering.moved(rendered)
    assert one.differences == (
        Difference(("x",), "1", "true"), Difference(("y",), "[]", None), Difference(("y", 0), None, "1")
    )  # fmt: skip


def test_every_reason_says_what_to_do() -> None:
    assert all(reason.remedy for reason in REASONS.values())


def test_its_inverse_is_of_its_own_kind(facts: Callable[..., Facts]) -> None:
    found = facts(BASE.replace("replicas: 2", "replicas: 3")).get(change.read)
    back = Change(COMMIT, COMMIT, COMMIT, found.tree, found.effect, found.effect, found.after, found.before)
    assert Configuration.inverse == ""
    assert all(Configuration().claims(item, back, "prod") for item in back.effect)
