"""A container's environment as the kubelet makes it: ``$(VAR)`` in env values, command and args."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def expand(text: str, values: Mapping[str, str]) -> str:
    """Kubernetes' own expansion (third_party/forked/golang/expansion): ``$$`` is ``$``, an unknown ``$(X)`` stays."""
    parts: list[str] = []
    position = 0
    while (at := text.find("$", position)) >= 0 and at + 1 < len(text):
        parts.append(text[position:at])
        following = text[at + 1]
        if following == "$":
            parts.append("$")
            position = at + 2
        elif following == "(" and (end := text.find(")", at)) >= 0:
            name = text[at + 2 : end]
            parts.append(values.get(name, text[at : end + 1]))
            position = end + 1
        else:
            parts.append("$")
            position = at + 1
    parts.append(text[position:])
    return "".join(parts)


def ordered(variables: Sequence[tuple[str, str]], base: Mapping[str, str]) -> dict[str, str]:
    """The variables in their order over ``base``, each seeing those before it."""
    values = dict(base)
    for name, text in variables:
        values[name] = expand(text, values)
    return values
