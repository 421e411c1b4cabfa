"""Params that a run hands down without a declaration (validateInlineParameters, createParamSpecFromParam)."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.tekton.spec.admission.context import Object, text
from interlock.tekton.spec.admission.defaults import value_type
from interlock.tekton.spec.admission.faults import Faults, missing


class Known:
    """The params that a text in a run may name: a declaration each, made from values where there is none."""

    def __init__(self) -> None:
        self._by_name: dict[str, Object] = {}

    def list(self) -> list[Object]:
        return list(self._by_name.values())

    def given(self, params: Sequence[Object]) -> None:
        """Values that the run gives."""
        for param in params:
            self._by_name[text(param, "name")] = _from_value(param)

    def passed(self, params: Sequence[Object]) -> None:
        """Values that a pipeline task gives (appendPipelineTaskParams)."""
        for param in params:
            name, value = text(param, "name"), param.get("value")
            known = self._by_name.get(name)
            if known is None:
                self._by_name[name] = _from_value(param)
            elif isinstance(value, dict):
                default = known.get("default")
                merged = {**(default if isinstance(default, dict) else {}), **value}
                properties = {**(known.get("properties") or {}), **_strings(value)}
                self._by_name[name] = {**known, "default": merged, "properties": properties}

    def declared(self, params: Sequence[Object]) -> Faults:
        """Declarations (combineParamSpec)."""
        for param in params:
            name = text(param, "name")
            known = self._by_name.get(name)
            if known is None:
                self._by_name[name] = param
                continue
            if isinstance(param.get("default"), dict) and param.get("properties") is None:
                yield missing("param-properties", f"{name}.properties")
                continue
            if known.get("type") == "object":
                if param.get("properties") is None:
                    yield missing("param-properties", f"{name}.properties")
                    continue
                self._by_name[name] = {**known, "properties": param["properties"]}


def _from_value(param: Object) -> Object:
    value = param.get("value", "")
    made: Object = {"name": text(param, "name"), "default": value, "type": value_type(value)}
    if isinstance(value, dict):
        made["properties"] = _strings(value)
    return made


def _strings(value: Object) -> Object:
    return {name: {"type": "string"} for name in value}
