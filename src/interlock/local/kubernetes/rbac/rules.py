"""Policy rules as values: does a rule allow a request, does it cover another rule (component-helpers/auth/rbac)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.local.kubernetes.request import RequestInfo


@dataclass(frozen=True, slots=True)
class Rule:
    """One PolicyRule. ``*`` stands for all; ``resources`` may name ``kind/subresource`` and ``*/subresource``."""

    verbs: frozenset[str]
    groups: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    """Empty: every object."""
    urls: frozenset[str] = frozenset()

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Rule:
        return cls(
            *(
                frozenset(document.get(field) or ())
                for field in ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
            )
        )

    def allows(self, info: RequestInfo) -> bool:
        if not _matches(self.verbs, info.verb):
            return False
        if not info.resource:
            return any(
                url == "*" or url == info.path or (url.endswith("*") and info.path.startswith(url[:-1]))
                for url in self.urls
            )
        return (
            _matches(self.groups, info.group)
            and self._has_resource(info.resource, info.subresource)
            and (not self.names or info.name in self.names)
        )

    def _has_resource(self, resource: str, subresource: str) -> bool:
        if not subresource:
            return _matches(self.resources, resource)
        return bool(self.resources & {"*", f"{resource}/{subresource}", f"*/{subresource}"})

    def parts(self) -> Iterator[Rule]:
        """The rule cut into rules of one verb, group, resource and name each."""
        for verb in self.verbs:
            for url in self.urls:
                yield Rule(frozenset({verb}), urls=frozenset({url}))
            for group in self.groups:
                for resource in self.resources:
                    for name in self.names or {""}:
                        names = frozenset({name}) if name else frozenset()
                        yield Rule(frozenset({verb}), frozenset({group}), frozenset({resource}), names)

    def covers(self, part: Rule) -> bool:
        """Whether everything that ``part`` (of `parts`) allows is allowed by this rule."""
        if not (part.verbs <= self.verbs or "*" in self.verbs):
            return False
        if part.urls:
            (url,) = part.urls
            return any(own in (url, "*") or (own.endswith("*") and url.startswith(own[:-1])) for own in self.urls)
        (resource,) = part.resources
        _, slash, subresource = resource.partition("/")
        return (
            (part.groups <= self.groups or "*" in self.groups)
            and bool(self.resources & {"*", resource, *({f"*/{subresource}"} if slash else ())})
            and (not self.names or (bool(part.names) and part.names <= self.names))
        )


def _matches(allowed: frozenset[str], wanted: str) -> bool:
    return wanted in allowed or "*" in allowed


def uncovered(wanted: Iterable[Rule], held: Iterable[Rule]) -> list[Rule]:
    """The parts of ``wanted`` that no rule of ``held`` covers."""
    own = list(held)
    return [part for rule in wanted for part in rule.parts() if not any(rule.covers(part) for rule in own)]


def describe(rule: Rule) -> str:
    fields = (
        ("APIGroups", rule.groups),
        ("Resources", rule.resources),
        ("ResourceNames", rule.names),
        ("NonResourceURLs", rule.urls),
        ("Verbs", rule.verbs),
    )
    shown = (f"{name}:[{' '.join(f'{item!r}' for item in sorted(values))}]" for name, values in fields if values)
    return "{" + ", ".join(shown).replace("'", '"') + "}"
