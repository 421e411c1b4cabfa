"""Severity from a CVSS vector: base scores of CVSS 3.0/3.1 and CVSS-B, -BT, -BE, -BTE of CVSS 4.0.

Sources: specification documents of first.org, cvss/v3.1 section 7.1 and appendix A, cvss/v4.0
section 8 (the table of MacroVector scores is data of that specification, by FIRST.Org and Red Hat).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from itertools import product
from typing import Final


class Severity(StrEnum):
    """The qualitative scale of CVSS; ``unknown`` where an advisory states none that can be read."""

    NONE = "NONE"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"
    UNKNOWN = "UNKNOWN"


def rating(score: float) -> Severity:
    """The qualitative rating of a score from 0.0 to 10.0 (v3.1 section 5, v4.0 section 6)."""
    for floor, severity in (
        (9.0, Severity.CRITICAL),
        (7.0, Severity.HIGH),
        (4.0, Severity.MEDIUM),
        (0.1, Severity.LOW),
    ):
        if score >= floor:
            return severity
    return Severity.NONE


def score(vector: str) -> float | None:
    """The score of a vector, None when it is not a complete and valid one."""
    version, _, rest = vector.strip().partition("/")
    metrics: dict[str, str] = {}
    for part in rest.split("/"):
        name, colon, value = part.partition(":")
        if not colon or name in metrics:
            return None
        metrics[name] = value
    if version in ("CVSS:3.0", "CVSS:3.1"):
        return _score3(metrics)
    if version == "CVSS:4.0":
        return _score4(metrics)
    return None


# -- version 3 -------------------------------------------------------------------------------------------------------

_WEIGHTS3: Final[Mapping[str, Mapping[str, float]]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_PRIVILEGES3: Final = {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}


def _score3(metrics: Mapping[str, str]) -> float | None:
    try:
        changed = {"U": False, "C": True}[metrics["S"]]
        weight = {name: weights[metrics[name]] for name, weights in _WEIGHTS3.items()}
        privileges = _PRIVILEGES3[metrics["S"]][metrics["PR"]]
    except KeyError:
        return None
    base = 1 - (1 - weight["C"]) * (1 - weight["I"]) * (1 - weight["A"])
    impact = 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15 if changed else 6.42 * base
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * weight["AV"] * weight["AC"] * privileges * weight["UI"]
    return _round_up(min((1.08 if changed else 1.0) * (impact + exploitability), 10.0))


def _round_up(value: float) -> float:
    # Appendix A of v3.1: rounding up over integers, so that 4.02 in binary does not become 4.1.
    whole = round(value * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10


# -- version 4 -------------------------------------------------------------------------------------------------------

_LEVELS4: Final = {
    "AV": "NALP",
    "PR": "NLH",
    "UI": "NPA",
    "AC": "LH",
    "AT": "NP",
    "VC": "HLN",
    "VI": "HLN",
    "VA": "HLN",
    "SC": "HLN",
    "SI": "SHLN",
    "SA": "SHLN",
    "CR": "HML",
    "IR": "HML",
    "AR": "HML",
    "E": "APU",
}
"""Values of each metric from the most severe to the least: the distance of two is the difference of their places."""
_BASE4: Final = ("AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA")
_MODIFIABLE4: Final = frozenset(_BASE4)

# The most severe vectors of each equivalence class, and how many steps the class is deep.
_HIGHEST4: Final[tuple[Mapping[str, tuple[str, ...]], ...]] = (
    {
        "0": ("AV:N/PR:N/UI:N",),
        "1": ("AV:A/PR:N/UI:N", "AV:N/PR:L/UI:N", "AV:N/PR:N/UI:P"),
        "2": ("AV:P/PR:N/UI:N", "AV:A/PR:L/UI:P"),
    },
    {"0": ("AC:L/AT:N",), "1": ("AC:H/AT:N", "AC:L/AT:P")},
    {
        "00": ("VC:H/VI:H/VA:H/CR:H/IR:H/AR:H",),
        "01": ("VC:H/VI:H/VA:L/CR:M/IR:M/AR:H", "VC:H/VI:H/VA:H/CR:M/IR:M/AR:M"),
        "10": ("VC:L/VI:H/VA:H/CR:H/IR:H/AR:H", "VC:H/VI:L/VA:H/CR:H/IR:H/AR:H"),
        "11": (
            "VC:L/VI:H/VA:L/CR:H/IR:M/AR:H",
            "VC:L/VI:H/VA:H/CR:H/IR:M/AR:M",
            "VC:H/VI:L/VA:H/CR:M/IR:H/AR:M",
            "VC:H/VI:L/VA:L/CR:M/IR:H/AR:H",
            "VC:L/VI:L/VA:H/CR:H/IR:H/AR:M",
        ),
        "21": ("VC:L/VI:L/VA:L/CR:H/IR:H/AR:H",),
    },
    {"0": ("SC:H/SI:S/SA:S",), "1": ("SC:H/SI:H/SA:H",), "2": ("SC:L/SI:L/SA:L",)},
)
_DEPTH4: Final[tuple[Mapping[str, int], ...]] = (
    {"0": 1, "1": 4, "2": 5},
    {"0": 1, "1": 2},
    {"00": 7, "01": 6, "10": 8, "11": 8, "21": 10},
    {"0": 6, "1": 5, "2": 4},
)

# EQ1-EQ4, then the scores (in tenths) for EQ5 and EQ6 = 00 01 10 11 20 21.
_TABLE4: Final = """
    0000 100 99 98 95 95 92; 0001 100 96 93 87 91 81; 0002 93 90 89 80 81 68; 0010 98 95 95 92 90 84
    0011 93 92 89 81 81 65; 0012 88 80 78 70 69 48; 0020 - 92 - 82 - 72; 0021 - 79 - 69 - 50; 0022 - 69 - 55 - 27
    0100 99 97 95 92 92 85; 0101 95 91 90 83 84 71; 0102 92 81 82 71 72 53; 0110 95 93 92 85 85 73
    0111 92 82 80 72 70 59; 0112 84 70 71 52 50 30; 0120 - 86 - 75 - 52; 0121 - 71 - 52 - 29; 0122 - 63 - 29 - 17
    1000 98 95 94 87 91 81; 1001 94 89 86 74 77 64; 1002 87 75 74 63 63 49; 1010 94 89 88 77 76 67
    1011 86 76 74 58 59 50; 1012 72 57 57 52 52 25; 1020 - 83 - 70 - 54; 1021 - 65 - 58 - 26; 1022 - 53 - 21 - 13
    1100 95 90 88 76 76 70; 1101 90 77 75 62 61 53; 1102 77 66 68 59 52 30; 1110 89 78 76 67 62 58
    1111 74 59 57 57 47 23; 1112 61 52 57 29 24 16; 1120 - 71 - 59 - 30; 1121 - 58 - 26 - 15; 1122 - 23 - 13 - 6
    2000 93 87 86 72 75 58; 2001 86 74 74 61 56 34; 2002 70 54 52 40 40 22; 2010 85 75 74 55 62 51
    2011 72 57 55 41 46 19; 2012 53 36 34 19 19 8; 2020 - 64 - 51 - 20; 2021 - 47 - 21 - 11; 2022 - 24 - 9 - 4
    2100 88 75 73 53 60 50; 2101 73 55 59 40 41 20; 2102 54 43 45 22 20 11; 2110 75 55 58 45 40 21
    2111 61 51 48 18 20 9; 2112 46 18 17 7 8 2; 2120 - 53 - 24 - 14; 2121 - 24 - 12 - 5; 2122 - 10 - 3 - 1
"""
_SCORES4: Final[Mapping[str, int]] = {
    prefix + suffix: int(value)
    for row in _TABLE4.replace("\n", ";").split(";")
    if row.strip()
    for prefix, *values in [row.split()]
    for suffix, value in zip(("00", "01", "10", "11", "20", "21"), values, strict=True)
    if value != "-"
}


def _score4(metrics: Mapping[str, str]) -> float | None:
    value = {name: _effective4(name, metrics) for name in _LEVELS4}
    if any(metrics.get(name) is None for name in _BASE4):
        return None
    if any(chosen not in _LEVELS4[name] or not chosen for name, chosen in value.items()):
        return None
    if all(value[name] == "N" for name in ("VC", "VI", "VA", "SC", "SI", "SA")):
        return 0.0
    eq = _macro_vector4(value)
    top = _SCORES4["".join(eq)]
    classes = (eq[0], eq[1], eq[2] + eq[5], eq[3])
    lower = (_lower4(eq, (0,)), _lower4(eq, (1,)), _lower_impact4(eq), _lower4(eq, (3,)), _lower4(eq, (4,)))
    distances = (*_distances4(value, classes), 0)
    depths = (*(table[key] for table, key in zip(_DEPTH4, classes, strict=True)), 1)
    parts = [
        (top - below) * distance / depth
        for below, distance, depth in zip(lower, distances, depths, strict=True)
        if below is not None
    ]
    result = top - (sum(parts) / len(parts) if parts else 0.0)
    return int(min(max(result, 0.0), 100.0) + 0.5) / 10


def _effective4(name: str, metrics: Mapping[str, str]) -> str:
    modified = metrics.get(f"M{name}", "X") if name in _MODIFIABLE4 else "X"
    chosen = modified if modified != "X" else metrics.get(name, "X")
    if chosen == "X":
        return _LEVELS4[name][0] if name in ("E", "CR", "IR", "AR") else ""
    return chosen


def _macro_vector4(value: Mapping[str, str]) -> tuple[str, str, str, str, str, str]:
    easy = [value["AV"] == "N", value["PR"] == "N", value["UI"] == "N"]
    eq1 = "0" if all(easy) else "1" if any(easy) and value["AV"] != "P" else "2"
    eq2 = "0" if value["AC"] == "L" and value["AT"] == "N" else "1"
    high = {name for name in ("VC", "VI", "VA") if value[name] == "H"}
    eq3 = "0" if {"VC", "VI"} <= high else "1" if high else "2"
    subsequent = {value["SC"], value["SI"], value["SA"]}
    eq4 = "0" if "S" in subsequent else "1" if "H" in subsequent else "2"
    eq5 = str("APU".index(value["E"]))
    eq6 = "0" if any(value[f"{name[1]}R"] == "H" for name in high) else "1"
    return eq1, eq2, eq3, eq4, eq5, eq6


def _lower4(eq: tuple[str, ...], steps: tuple[int, ...]) -> int | None:
    """Score of the MacroVector that is one step lower in these equivalence classes, if there is one."""
    return _SCORES4.get("".join(str(int(part) + (index in steps)) for index, part in enumerate(eq)))


def _lower_impact4(eq: tuple[str, ...]) -> int | None:
    """EQ3 and EQ6 depend on each other: 00 goes to the better of 01 and 10, 01 and 10 to 11, 11 to 21."""
    match eq[2] + eq[5]:
        case "00":
            return max((item for item in (_lower4(eq, (5,)), _lower4(eq, (2,))) if item is not None), default=None)
        case "10":
            return _lower4(eq, (5,))
        case "01" | "11":
            return _lower4(eq, (2,))
        case _:
            return _lower4(eq, (2, 5))


def _distances4(value: Mapping[str, str], classes: tuple[str, ...]) -> tuple[int, ...]:
    """Steps from the first most severe vector that is at least as severe in every metric, per equivalence class."""
    distances: tuple[int, ...] = ()
    for highest in product(*(table[key] for table, key in zip(_HIGHEST4, classes, strict=True))):
        steps = [
            {name: _LEVELS4[name].index(value[name]) - _LEVELS4[name].index(at) for name, _, at in _split(part)}
            for part in highest
        ]
        distances = tuple(sum(part.values()) for part in steps)
        if all(step >= 0 for part in steps for step in part.values()):
            break
    return distances


def _split(vector: str) -> list[tuple[str, str, str]]:
    return [part.partition(":") for part in vector.split("/")]
