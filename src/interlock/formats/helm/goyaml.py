"""``toYaml`` and ``toJson`` as Helm writes them, so that a checksum over the text is Helm's checksum.

sigs.k8s.io/yaml Marshal: through JSON (sorted keys, integral floats as integers), then goyaml.v2: block style,
sequences not indented under their key, natural key order, lines folded at 80 characters.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from interlock.errors import InputError
from interlock.formats.yaml.load import scalar


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: yaml.CSafeDumper, value: str) -> yaml.ScalarNode:
    if "\n" in value:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|")
    probe = yaml.ScalarNode("", value, yaml.Mark("", 0, 0, 0, None, 0))
    try:
        plain = isinstance(scalar(probe, ""), str)
    except InputError:
        plain = False
    # None leaves the choice between plain and single quotes to the emitter, as goyaml does.
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else '"')


def _mapping(dumper: yaml.CSafeDumper, value: dict[str, Any]) -> yaml.MappingNode:
    ordered = {key: value[key] for key in sorted(value, key=_natural)}
    return dumper.represent_mapping("tag:yaml.org,2002:map", ordered.items())


def _natural(key: str) -> list[tuple[int, int, str]]:
    """goyaml.v2 sorter.go: runs of digits compare as numbers, letters after other characters."""
    parts = re.findall(r"[0-9]+|[^\W0-9_]|[\W_]", key)
    return [_number(part) if "0" <= part[0] <= "9" else (2 if part.isalpha() else 0, 0, part) for part in parts]


def _number(digits: str) -> tuple[int, int, str]:
    """In the order of the numbers, however many digits they have."""
    shown = digits.lstrip("0")
    return 1, len(shown), f"{shown} {digits}"


_Dumper.add_representer(str, _string)
_Dumper.add_representer(dict, _mapping)


def plain(value: Any) -> Any:
    """The value with integral floats as ints: what JSON makes of Go numbers."""
    match value:
        case bool():
            return value
        case float() if value.is_integer() and abs(value) < 1e21:
            return int(value)
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _:
            return value


def to_yaml(value: Any) -> str:
    """The text without its last line end."""
    written = yaml.dump(
        plain(value), Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=80
    )
    return written.removesuffix("\n...\n").removesuffix("\n")


def to_json(value: Any) -> str:
    """encoding/json: sorted keys, no spaces, <, > and & escaped."""
    written = json.dumps(plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda match: f"\\u{ord(match.group()):04x}", written)
