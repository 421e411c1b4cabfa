"""The routes ``/api/now/table/<table>[/<sys_id>]``."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from interlock.local.tickets import rules
from interlock.local.tickets.accounts import APPROVER, User, Users, read_users
from interlock.local.tickets.config import Config
from interlock.local.tickets.present import present
from interlock.local.tickets.problem import Problem, invalid, no_record, refused
from interlock.local.tickets.query import compile_query
from interlock.local.tickets.schema import APPROVAL, CHANGE_REQUEST, TABLES, Table
from interlock.local.tickets.store import Row, Store

MAX_BODY: Final = 1024 * 1024
MAX_ROWS: Final = 10_000
_PARAMETERS: Final = frozenset(
    "sysparm_" + name
    for name in ("query", "fields", "limit", "offset", "display_value", "exclude_reference_link", "no_count")
)
_log = logging.getLogger("interlock.tickets")


@dataclass(frozen=True)
class Service:
    """One ticket system."""

    config: Config
    users: Users
    store: Store
    now: Callable[[], datetime]


def create_app(config: Config, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Starlette:
    """The ticket system as an ASGI application. Opens the store; closes it at shutdown."""
    users = read_users(config.users)
    service = Service(config, users, Store(config.data, users.all), now)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        service.store.close()

    methods = ["GET", "POST", "PATCH", "PUT", "DELETE"]
    return Starlette(
        routes=[
            Route("/api/now/table/{table}", _endpoint(service, {"GET": _list, "POST": _create}), methods=methods),
            Route(
                "/api/now/table/{table}/{sys_id}", _endpoint(service, {"GET": _get, "PATCH": _patch}), methods=methods
            ),
        ],
        lifespan=lifespan,
    )


Handler = Callable[[Service, Request, User, Table], Awaitable[Response]]


def _endpoint(service: Service, handlers: dict[str, Handler]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            user = service.users.authenticate(request.headers.get("Authorization", ""))
            if user is None:
                challenge = {"WWW-Authenticate": 'Basic realm="Service-now"'}
                raise Problem(401, "User Not Authenticated", "Required to provide Auth information", challenge)
            table = TABLES.get(request.path_params["table"])
            if table is None:
                raise Problem(400, f"Invalid table {request.path_params['table']}")
            handler = handlers.get(request.method)
            if handler is None:
                raise Problem(405, "Method not supported", "records are opened, read and changed, never deleted")
            if unknown := sorted(name for name in request.query_params if name not in _PARAMETERS):
                raise invalid(f"unknown parameter {unknown[0]}")
            if request.query_params.get("sysparm_display_value", "false") != "false":
                raise invalid("only sysparm_display_value=false is answered here")
            response = await handler(service, request, user, table)
            if request.method != "GET":
                _log.info("done %s %s by %s: %d", request.method, request.url.path, user.name, response.status_code)
            return response
        except Problem as problem:
            _log.info("refused %s %s: %d %s", request.method, request.url.path, problem.status, problem)
            return problem.response()
        except ClientDisconnect:
            return Response(status_code=400)

    return answer


async def _list(service: Service, request: Request, user: User, table: Table) -> Response:
    parameters = request.query_params
    sql = compile_query(parameters.get("sysparm_query", ""), table, me=user.sys_id)
    limit = min(_number(request, "sysparm_limit", MAX_ROWS), MAX_ROWS)
    rows, total = service.store.select(table, sql, limit=limit, offset=_number(request, "sysparm_offset", 0))
    return _answer([_present(service, request, table, row) for row in rows], headers={"X-Total-Count": str(total)})


async def _get(service: Service, request: Request, user: User, table: Table) -> Response:
    row = service.store.get(table, request.path_params["sys_id"])
    if row is None:
        raise no_record()
    return _answer(_present(service, request, table, row))


async def _create(service: Service, request: Request, user: User, table: Table) -> Response:
    if table is not CHANGE_REQUEST:
        raise refused(f"{table.name} is written by the platform only")
    rules.may_write(user)
    values = table.check(await _body(request))
    if values.get("state", rules.NEW) != rules.NEW:
        raise refused("a record is opened in state New")
    values = {"requested_by": user.sys_id, **values, "opened_by": user.sys_id}
    _check_references(service, table, values)
    rules.check_dates({"start_date": "", "end_date": "", **values})

    def write() -> Row:
        with service.store.transaction():
            sys_id = service.store.open_record(values, user, service.now(), first_number=service.config.first_number)
            return _existing(service, table, sys_id)

    row = await to_thread.run_sync(write)
    location = f"{_base(request)}/api/now/table/{table.name}/{row['sys_id']}"
    return _answer(_present(service, request, table, row), 201, {"Location": location})


async def _patch(service: Service, request: Request, user: User, table: Table) -> Response:
    if table not in (CHANGE_REQUEST, APPROVAL):
        raise refused(f"{table.name} is written by the platform only")
    values = table.check(await _body(request))
    _check_references(service, table, values)
    change = _change_record if table is CHANGE_REQUEST else _change_approval
    row = await to_thread.run_sync(change, service, request.path_params["sys_id"], values, user)
    return _answer(_present(service, request, table, row))


def _change_record(service: Service, sys_id: str, values: dict[str, str], user: User) -> Row:
    rules.may_write(user)
    approvers = {one.sys_id: one.name for one in service.users.all if APPROVER in one.roles}
    with service.store.transaction():
        record = _existing(service, CHANGE_REQUEST, sys_id)
        service.store.apply(record, rules.change(record, values, approvers), user, service.now())
        return _existing(service, CHANGE_REQUEST, sys_id)


def _change_approval(service: Service, sys_id: str, values: dict[str, str], user: User) -> Row:
    with service.store.transaction():
        row = _existing(service, APPROVAL, sys_id)
        record = _existing(service, CHANGE_REQUEST, row["sysapproval"])
        effect = rules.approve(user, row, record, values)
        service.store.update(APPROVAL, row, values, user, service.now())
        service.store.apply(record, effect, user, service.now())
        return _existing(service, APPROVAL, sys_id)


def _existing(service: Service, table: Table, sys_id: str) -> Row:
    row = service.store.get(table, sys_id)
    if row is None:
        raise no_record()
    return row


def _check_references(service: Service, table: Table, values: dict[str, str]) -> None:
    for name, value in values.items():
        other = TABLES.get(table.references.get(name, ""))
        if other is not None and value and service.store.get(other, value) is None:
            raise invalid(f"{name} must be the sys_id of a {other.name}")


async def _body(request: Request) -> dict[str, Any]:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            raise Problem(413, "Request too large", f"at most {MAX_BODY} bytes")
    try:
        value = json.loads(bytes(data))
    except (ValueError, RecursionError):
        raise invalid("the body is not JSON") from None
    if not isinstance(value, dict):
        raise invalid("the body must be a JSON object")
    return value


def _present(service: Service, request: Request, table: Table, row: Row) -> dict[str, Any]:
    plain = request.query_params.get("sysparm_exclude_reference_link") == "true"
    fields = request.query_params.get("sysparm_fields", "")
    return present(row, table, fields=fields, links=None if plain else _base(request), lookup=service.store.get)


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit():
        raise invalid(f"{name} must be a number")
    return int(text[:9])


def _answer(result: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps({"result": result}, ensure_ascii=False).encode()
    return Response(body, status, headers=headers, media_type="application/json;charset=UTF-8")
