"""The ticket system: ServiceNow's Table API over stored rows."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from .serving import Answer, Asked, as_json

Row = Mapping[str, Any]
_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda got, want: got.lower() == want.lower(),
    "!=": lambda got, want: got.lower() != want.lower(),
    "IN": lambda got, want: got in want.split(","),
    "STARTSWITH": lambda got, want: got.startswith(want),
}
_AND = re.compile(r"(?<!\^)\^(?!\^)")
_TERM = re.compile(r"([a-z_]+)(!=|=|IN|STARTSWITH)(.*)", re.S)


class Tickets:
    """``tables``: the corpus' tickets.json."""

    def __init__(self, tables: Mapping[str, list[Row]]) -> None:
        self._tables = tables

    def __call__(self, asked: Asked) -> Answer:
        if asked.who is None:
            return _failure(401, "User Not Authenticated")
        match = re.fullmatch(r"/api/now/table/([a-z_]+)(?:/([0-9a-f]+))?", asked.path)
        if match is None or match[1] not in self._tables:
            return _failure(404, "Requested URI does not represent any resource")
        wanted = [name for name in asked.query.get("sysparm_fields", "").split(",") if name]
        rows = self._tables[match[1]]
        if match[2]:
            row = next((row for row in rows if row["sys_id"] == match[2]), None)
            return _failure(404, "No Record found") if row is None else as_json({"result": self._fields(row, wanted)})
        found = _chosen(rows, asked.query.get("sysparm_query", ""))
        start, limit = int(asked.query.get("sysparm_offset") or 0), int(asked.query.get("sysparm_limit") or 10_000)
        result = [self._fields(row, wanted) for row in found[start : start + limit]]
        return as_json({"result": result}, X_Total_Count=str(len(found)))

    def _fields(self, row: Row, wanted: list[str]) -> Row:
        return {name: self._field(row, name) for name in wanted if name.partition(".")[0] in row} if wanted else row

    def _field(self, row: Row, name: str) -> Any:
        """``approver.user_name`` is a field of the row that the reference names."""
        first, _, walked = name.partition(".")
        if not walked:
            return row[first]
        user = next((user for user in self._tables["sys_user"] if user["sys_id"] == row[first]), None)
        if user is not None:
            return user[walked]
        return row[first] if walked == "name" else ""  # configuration items are stored by name


def _chosen(rows: list[Row], query: str) -> list[Row]:
    """An encoded query. A condition that this does not know is a fault of the test and not passed over."""
    found, orders = list(rows), []
    for term in filter(None, _AND.split(query)):
        if order := re.fullmatch(r"ORDERBY(DESC)?([a-z_]+)", term):
            orders.append(order)
            continue
        match = _TERM.fullmatch(term)
        assert match, f"the corpus' ticket system does not know the condition {term!r}"
        name, operator, value = match.groups()
        found = [row for row in found if _OPERATORS[operator](str(row[name]), value.replace("^^", "^"))]
    for order in reversed(orders):
        by = functools.partial(_sortable, name=order[2])
        found.sort(key=by, reverse=bool(order[1]))
    return found


def _sortable(row: Row, *, name: str) -> tuple[int, str]:
    """Whole numbers come as text, and are ordered as numbers."""
    text = str(row[name])
    return int(text) if text.isdigit() else 0, text


def _failure(status: int, message: str) -> Answer:
    return as_json({"error": {"message": message, "detail": ""}, "status": "failure"}, status)
