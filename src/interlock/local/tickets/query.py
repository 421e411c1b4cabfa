"""Encoded queries to SQL: ``field=value^field!=value^fieldINa,b^ORDERBYfield`` ("Encoded query strings").

The real platform drops conditions on unknown fields and so answers with every record; here they are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from interlock.local.tickets.problem import invalid
from interlock.local.tickets.schema import TABLES, Table

_TERM = re.compile(r"(?:[^^]|\^\^)+")
_CONDITION = re.compile(r"([a-z_]+)(?:\.([a-z_]+))?(!=|>=|<=|=|IN)(.*)", re.DOTALL)
_ORDER = re.compile(r"ORDERBY(DESC)?([a-z_]+)")
_OPERATORS = {"=": "=", "!=": "!=", ">=": ">=", "<=": "<="}
_ME = "javascript:gs.getUserID()"


@dataclass(frozen=True, slots=True)
class Sql:
    """A condition and an order with placeholders: values never become part of the text."""

    where: str
    order: str
    values: tuple[str, ...]


def compile_query(text: str, table: Table, *, me: str) -> Sql:
    """``me`` is the caller's sys_id. Raises `Problem` 400."""
    where: list[str] = []
    order: list[str] = []
    values: list[str] = []
    for term in _TERM.findall(text):
        if match := _ORDER.fullmatch(term):
            order.append(_column(match[2], table) + (" DESC" if match[1] else ""))
            continue
        match = _CONDITION.fullmatch(term)
        if match is None:
            raise invalid(f"cannot read the condition {term[:80]!r}")
        name, walked, operator, value = match.groups()
        value = value.replace("^^", "^")
        if value.startswith("javascript:") and value != _ME:
            raise invalid("no script is evaluated but gs.getUserID()")
        wanted = value.split(",") if operator == "IN" else [me if value == _ME else value]
        condition = _condition(_OPERATORS.get(operator, "IN"), len(wanted))
        if walked is None:
            where.append(f"{_column(name, table)} COLLATE NOCASE {condition}")
        else:
            other = TABLES.get(table.references.get(name, ""))
            if other is None:
                raise invalid(f"{name} of {table.name} does not refer to a table")
            column = _column(walked, other)
            found = f"SELECT sys_id FROM {other.name} WHERE {column} COLLATE NOCASE {condition}"  # noqa: S608 - names from the schema, values as parameters
            where.append(f"{name} IN ({found})")
        values.extend(wanted)
    return Sql(" AND ".join(where) or "1", ", ".join([*order, "rowid"]), tuple(values))


def _condition(operator: str, count: int) -> str:
    return f"IN ({', '.join('?' * count)})" if operator == "IN" else f"{operator} ?"


def _column(name: str, table: Table) -> str:
    if name not in table.fields:
        raise invalid(f"{name} is not a field of {table.name}")
    return f"CAST({name} AS INTEGER)" if name in table.numeric else name
