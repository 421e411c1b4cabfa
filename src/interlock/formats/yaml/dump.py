"""Writing: block style, keys in the given order, and quotes wherever a dialect would read another value."""

from __future__ import annotations

import datetime
from typing import Any

import yaml

from interlock.errors import InputError, Location
from interlock.formats.yaml.load import plain


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    if "\n" in value:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|")
    node = dumper.represent_scalar("tag:yaml.org,2002:str", value)
    try:
        ambiguous = not isinstance(plain(value, Location("")), str)
    except InputError:
        ambiguous = True
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"') if ambiguous else node


def _refuse(dumper: yaml.SafeDumper, value: object) -> yaml.ScalarNode:
    raise TypeError(f"{type(value).__name__} has no one meaning in YAML")


_Dumper.add_representer(str, _string)
_Dumper.add_representer(datetime.date, _refuse)
_Dumper.add_representer(datetime.datetime, _refuse)


def dump(*documents: Any) -> str:
    """The documents as text that `load_all` reads back to the same values."""
    return yaml.dump_all(
        documents,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=2**31,
        explicit_start=len(documents) > 1,
    )
