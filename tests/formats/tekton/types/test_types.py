"""The table of Go structs: sampled against the API's published field lists, and checked as a whole for loose ends."""

from __future__ import annotations

import pytest

from interlock.formats.kubernetes import types as kubernetes
from interlock.formats.tekton import types

STEP = """name displayName image command args workingDir envFrom env computeResources volumeMounts volumeDevices
imagePullPolicy securityContext script timeout workspaces onError stdoutConfig stderrConfig ref params results when"""


def order(package: str, name: str) -> list[str]:
    return [field.name for field in types.struct(package, name)]


def field(package: str, struct: str, name: str) -> types.Field:
    return next(field for field in types.struct(package, struct) if field.name == name)


def test_fields_are_in_the_order_of_the_go_structs() -> None:
    assert order("v1", "Step") == STEP.split()
    assert order("v1", "ParamSpec") == ["name", "type", "description", "properties", "default", "enum"]
    assert order("v1", "Task") == ["kind", "apiVersion", "metadata", "spec"]
    assert order("v1", "Pipeline")[:3] == ["kind", "apiVersion", "metadata"]


def test_a_field_knows_its_type_and_when_go_leaves_it_out() -> None:
    assert field("v1", "Step", "name") == types.Field("name", "string", omit_empty=False)
    assert field("v1", "Step", "env") == types.Field("env", "[]core.EnvVar", omit_empty=True)
    assert field("v1", "Step", "timeout") == types.Field("timeout", "*duration", omit_empty=True)
    assert field("v1", "Param", "value").type == "param-value"
    assert field("core", "ResourceRequirements", "limits").type == "map[string]quantity"
    assert field("meta", "ObjectMeta", "creationTimestamp") == types.Field("creationTimestamp", "time", True, True)


def test_v1beta1_keeps_its_own_names() -> None:
    assert "resources" in order("v1beta1", "Step") and "computeResources" not in order("v1beta1", "Step")
    assert "resources" not in order("v1", "Step")
    assert "bundle" in order("v1beta1", "TaskRef") and "bundle" not in order("v1", "TaskRef")


def test_embedded_structs_are_flattened_in_place() -> None:
    assert order("core", "Volume")[:3] == ["name", "hostPath", "emptyDir"]
    embedded = order("v1", "EmbeddedTask")
    assert embedded[:5] == ["apiVersion", "kind", "spec", "metadata", "params"] and "steps" in embedded


def test_expressions_are_taken_apart() -> None:
    assert types.split("*v1.TaskRef") == ("*", "v1.TaskRef")
    assert types.split("[]core.EnvVar") == ("[]", "core.EnvVar")
    assert types.split("map[string]quantity") == ("map[string]", "quantity")
    assert types.split("v1.Step") == ("", "v1.Step")
    assert types.named("v1.Step") == types.struct("v1", "Step")
    assert types.named("string") is types.named("[]v1.Step") is types.named("*v1.Step") is None


def test_every_type_that_a_field_names_is_in_the_table() -> None:
    plain = {"string", "bool", "int", "quantity", "int-or-string", "duration", "time", "raw", "param-value"}
    seen = set()
    for package in types.packages():
        for name in types.names(package):
            fields = types.struct(package, name)
            assert fields, f"{package}.{name} has no fields"
            assert len({field.name for field in fields}) == len(fields)
            for field in fields:
                expression = field.type
                while (parts := types.split(expression))[0]:
                    expression = parts[1]
                seen.add(expression)
                assert expression in plain or types.named(expression) is not None
    assert plain <= seen


@pytest.mark.parametrize("name", ["Affinity", "EnvVar", "Probe", "Toleration", "Volume", "VolumeMount"])
def test_kubernetes_structs_have_the_fields_of_the_openapi_document(name: str) -> None:
    assert set(order("core", name)) <= set(kubernetes.builtin(name).properties)


def test_an_unknown_struct_is_named() -> None:
    with pytest.raises(KeyError, match=r"v1\.Nothing"):
        types.struct("v1", "Nothing")
