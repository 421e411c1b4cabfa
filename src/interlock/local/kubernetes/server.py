"""The HTTP side: Starlette routes everything to `Api`, streams watches, starts and stops the controllers."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from interlock.local import serving
from interlock.local.kubernetes import admission, bodies, bootstrap, definitions
from interlock.local.kubernetes.answers import ApiError
from interlock.local.kubernetes.api import Answer, Api, Request
from interlock.local.kubernetes.audit import AuditLog
from interlock.local.kubernetes.authentication import Authenticator
from interlock.local.kubernetes.cluster import Cluster, system_clock
from interlock.local.kubernetes.config import Config
from interlock.local.kubernetes.controllers import Controllers
from interlock.local.kubernetes.kubelet_proxy import KubeletProxy
from interlock.local.kubernetes.service_accounts import ServiceAccounts
from interlock.local.kubernetes.store import Change, Store
from interlock.local.kubernetes.tokens import TokenFile, read_tokens
from interlock.local.kubernetes.watching import Watcher, failed

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def create_app(config: Config, *, now: Callable[[], datetime] = system_clock) -> Starlette:
    """The server of one cluster, over the data of ``config.data``; the app's ``state.api`` is its `Api`.

    Raises InputError for a token file, a bootstrap manifest or an admission module that cannot be read.
    """
    config.data.mkdir(parents=True, exist_ok=True)
    config.data.chmod(0o700)
    static = read_tokens(config.tokens) if config.tokens else TokenFile(())
    manifests = bootstrap.read_manifests(config)
    with ExitStack() as opened:
        store = Store(config.data / "store.db")
        opened.callback(store.close)
        cluster = Cluster(config, store, admission.load(config.admission), now=now)
        definitions.load(cluster)
        accounts = ServiceAccounts(config.data / "service-accounts.key", issuer=config.issuer, store=store, now=now)
        audit = AuditLog(config.audit_log, store, new_id=cluster.new_uid)
        opened.callback(audit.close)
        api = Api(cluster, Authenticator(static, accounts), accounts, audit)
        server = _Server(api)
        store.listen(server.changed)
        bootstrap.install(api, manifests)
        files = opened.pop_all()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with files:
            async with Controllers(api).running():
                yield
            server.close_watches()
            await server.close()

    app = Starlette(routes=[Route("/{path:path}", server.endpoint, methods=_METHODS)], lifespan=lifespan)
    app.state.api = api
    app.state.before_stop = server.close_watches
    return app


def listen(config: Config) -> tuple[serving.Server, socket.socket]:
    """The server of one cluster over TLS, and its bound socket. Raises as `serving.server` does."""
    tls = {"ssl_certfile": config.tls.cert, "ssl_keyfile": config.tls.key}
    return serving.server(config, create_app, timeout_keep_alive=60, **tls)


class _Server:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._watchers: set[Watcher] = set()
        self._kubelets = KubeletProxy()

    def changed(self, change: Change) -> None:
        if change.resource == definitions.RESOURCE:
            definitions.load(self._api.cluster)

    def close_watches(self) -> None:
        """End the running watches and logs: a graceful stop does not wait for their clients."""
        for watcher in list(self._watchers):
            watcher.close()
        self._kubelets.stop()

    async def close(self) -> None:
        await self._kubelets.close()

    async def endpoint(self, http: HttpRequest) -> Response:
        body = b""
        async for chunk in http.stream():
            body += chunk
            if len(body) > bodies.LIMIT:
                return _json(413, ApiError(413, "RequestEntityTooLarge", "the request is too large").status)
        uri = http.url.path + (f"?{http.url.query}" if http.url.query else "")
        request = Request(
            method=http.method,
            path=http.scope["path"],
            query=dict(http.query_params),
            headers=dict(http.headers),
            body=body,
            address=http.client.host if http.client else "",
            uri=uri,
            impersonated_groups=tuple(http.headers.getlist("impersonate-group")),
        )
        answer = self._api.handle(request)
        if answer.watch is not None:
            return self._stream(answer)
        if answer.log is not None:
            try:
                return await self._kubelets.stream(answer.log)
            except ApiError as error:
                return _json(error.code, error.status)
        return _response(answer)

    def _stream(self, answer: Answer) -> Response:
        assert answer.watch is not None  # noqa: S101 - narrows for the type checker
        watcher = Watcher(self._api.cluster, answer.watch)
        try:
            first = watcher.start()
        except ApiError as error:
            return Response(failed(error.status), media_type="application/json")
        self._watchers.add(watcher)

        async def lines() -> AsyncIterator[bytes]:
            try:
                async for line in watcher.lines(first):
                    yield line
            finally:
                watcher.stop()
                self._watchers.discard(watcher)

        return StreamingResponse(lines(), media_type="application/json")


def _response(answer: Answer) -> Response:
    body = answer.body
    response = _json(answer.code, body) if isinstance(body, dict) else Response(body, answer.code)
    response.headers["content-type"] = answer.content_type
    for text in answer.warnings:
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.append("warning", f'299 - "{quoted}"')
    if answer.code == 401:
        response.headers["www-authenticate"] = "Bearer"
    return response


def _json(code: int, body: dict[str, object]) -> Response:
    content = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return Response(content.encode(), code, media_type="application/json")
