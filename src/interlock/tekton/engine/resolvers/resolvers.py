"""`Resolvers`: one answer for a reference, whoever is asked: params checked, lock file and cache before the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from interlock.errors import InputError, InterlockError, NotFoundError, RefusedError, UnreachableError
from interlock.formats.tekton.durations import parse as parse_duration
from interlock.formats.tekton.task import Param
from interlock.tekton.engine.resolvers import secrets
from interlock.tekton.engine.resolvers.bundles import Bundles
from interlock.tekton.engine.resolvers.cache import Cache
from interlock.tekton.engine.resolvers.cluster import Checksum, Cluster
from interlock.tekton.engine.resolvers.config import ResolverConfig
from interlock.tekton.engine.resolvers.git import Git
from interlock.tekton.engine.resolvers.hub import Hub
from interlock.tekton.engine.resolvers.mirrors import Mirrors
from interlock.tekton.engine.resolvers.secrets import Reader
from interlock.tekton.engine.resolvers.web import Web
from interlock.tekton.spec import trusted
from interlock.tekton.spec.resolution import (
    bundles,
    cluster,
    content,
    defaults,
    failure,
    git,
    http,
    hub,
    lock,
    request,
    texts,
)
from interlock.tekton.spec.resolution.lock import Entry, Lock
from interlock.tekton.spec.resolution.source import Fetched, Resolved

_Request = git.GitRequest | http.HttpRequest | cluster.ClusterRequest | hub.HubRequest | bundles.BundleRequest


@dataclass(frozen=True, slots=True)
class _Asked:
    """A reference whose params are checked. ``pin`` is what fixes its content, "" if nothing does."""

    resolver: str
    params: tuple[Param, ...]
    namespace: str
    request: _Request
    pin: str


class Resolvers:
    """The resolvers of one engine. Thread-safe.

    ``client`` reads the cluster's objects and Secrets; ``data`` is a folder of their own; ``names`` are stable
    addresses of this machine's engines, as the engine's configuration has them; ``pinned`` is the lock file's content
    (default: the one that the configuration names).
    """

    def __init__(
        self,
        client: Reader,
        config: ResolverConfig,
        data: Path,
        *,
        checksum: Checksum = trusted.checksum,
        names: Mapping[str, str] | None = None,
        pinned: Lock | None = None,
    ) -> None:
        self._client, self._config = client, config
        self._maps: dict[str, Mapping[str, str]] = dict(config.config_maps.items())
        self._lock = pinned if pinned is not None else _read_lock(config.lock)
        self._cache = Cache(data / "resolved")
        mirrors = Mirrors({**(names or {}), **config.mirrors})
        self._web = Web(mirrors, config.ca_file)
        self._git = Git(client, mirrors, data / "git", config.ca_file)
        self._hub = Hub(self._web)
        self._bundles = Bundles(client, mirrors, config.ca_file)
        self._cluster = Cluster(client, checksum)

    def resolve(
        self, resolver: str, params: Sequence[Param], *, namespace: str, kind: str, owner: str = "", url: str = ""
    ) -> Resolved:
        """The object of ``kind`` (``Task``, ``Pipeline``, ``StepAction``) that the reference means, as v1.

        ``namespace`` and ``owner`` are the run's (they name the ResolutionRequest in messages); ``url`` is the ref's
        name in concise syntax, which no resolver of upstream's reads yet. Raises InterlockError ``resolution-failed``
        with upstream's message; RefusedError ``lock-missing``, IntegrityError ``lock-mismatch``; UnreachableError
        ``kubernetes-*`` where the cluster itself does not answer, and then only.
        """
        try:
            fetched = self.fetch(resolver, params, namespace=namespace, owner=owner, url=url)
        except UnreachableError as error:
            if error.code != failure.CODE:
                raise
            # Upstream's ResolutionRequest has failed for good: the run ends, nobody tries again.
            raise InputError(error.code, error.message, got=error.got, where=error.where, todo=error.todo) from error
        return content.resolved(fetched, kind, where=fetched.source.uri if fetched.source else resolver)

    def fetch(
        self, resolver: str, params: Sequence[Param], *, namespace: str, owner: str = "", url: str = ""
    ) -> Fetched:
        """The bytes that the reference means, and where they came from. Errors: see `resolve`."""
        return self._answer(resolver, params, namespace, owner, url, self._looked_up)

    def entry(self, resolver: str, params: Sequence[Param], *, namespace: str, at: str) -> tuple[Entry, Fetched]:
        """What the lock file should say of a reference now. Errors: see `resolve`."""
        fetched = self._answer(resolver, params, namespace, "lock", "", self._kept)
        return lock.entry(lock.key(resolver, params), fetched, at=at), fetched

    # -- inside ------------------------------------------------------------------------------------------------------

    def _answer(
        self,
        resolver: str,
        params: Sequence[Param],
        namespace: str,
        owner: str,
        url: str,
        how: Callable[[_Asked], Fetched],
    ) -> Fetched:
        if resolver not in defaults.CONFIG_MAPS:
            raise failure.unknown(resolver)
        name = f"{namespace}/{request.name(resolver, namespace, owner, params, url)}"
        try:
            asked = self._checked(resolver, params, namespace)
        except InterlockError as error:
            raise failure.invalid_request(name, error) from error
        try:
            return how(asked)
        except InterlockError as error:
            if isinstance(error, UnreachableError) and error.code.startswith("kubernetes-"):
                raise
            raise failure.failed(resolver, name, error) from error

    def _checked(self, resolver: str, params: Sequence[Param], namespace: str) -> _Asked:
        given, config = texts.of(params), self._conf(resolver)
        texts.check_cache(given)
        if not defaults.enabled(resolver, self._maps):
            raise texts.disabled(resolver)
        found: _Request
        pin = ""
        if resolver == "git":
            found = git.read(params, config)
            pin = found.revision if found.immutable else ""
        elif resolver == "http":
            found = http.read(params)
            pin = found.digest or ""
        elif resolver == "cluster":
            found = cluster.read(params, config)
        elif resolver == "hub":
            found = hub.read(params, config)
        else:
            found = bundles.read(params, config)
            pin = found.reference.digest or ""
        return _Asked(resolver, tuple(params), namespace, found, pin)

    def _looked_up(self, asked: _Asked) -> Fetched:
        key, scope = lock.key(asked.resolver, asked.params), _scope(asked)
        if self._lock is not None and asked.resolver in lock.LOCKED:
            pinned = self._lock.pinned(key)
            fetched = self._cache.get(key, pinned.revision or pinned.digest, scope)
            if fetched is None or lock.digest(fetched.data) != pinned.digest:
                fetched = self._fresh(_pinned(asked, pinned))
                lock.check(pinned, fetched)
                self._cache.put(key, fetched, scope)
            return fetched
        use = texts.of(asked.params).get("cache") or self._conf(asked.resolver).get("default-cache-mode", "auto")
        if asked.pin and use != "never" and (held := self._cache.get(key, asked.pin, scope)) is not None:
            return held
        fetched = self._fresh(asked)
        if asked.pin == fetched.revision and asked.pin:
            self._cache.put(key, fetched, scope)
        return fetched

    def _kept(self, asked: _Asked) -> Fetched:
        """Resolved now, and kept: a run with the lock file that names it needs no network."""
        fetched = self._fresh(asked)
        self._cache.put(lock.key(asked.resolver, asked.params), fetched, _scope(asked))
        return fetched

    def _fresh(self, asked: _Asked) -> Fetched:
        config, found = self._conf(asked.resolver), asked.request
        if isinstance(found, cluster.ClusterRequest):
            return self._cluster.fetch(found)
        if self._config.offline:
            raise RefusedError(
                failure.CODE,
                "the resolvers are offline and this reference was not resolved here before",
                got=lock.key(asked.resolver, asked.params),
                todo="resolve it once with the network: interlock pipeline lock FILE",
            )
        if isinstance(found, git.GitRequest):
            return self._git.fetch(found, asked.params, config, asked.namespace)
        if isinstance(found, hub.HubRequest):
            return self._hub.fetch(found, config)
        if isinstance(found, bundles.BundleRequest):
            return self._bundles.fetch(found, asked.namespace)
        return self._http(found, asked.namespace, config)

    def _http(self, found: http.HttpRequest, namespace: str, config: Mapping[str, str]) -> Fetched:
        auth = (found.username, secrets.read(self._client, found.password, namespace)) if found.password else None
        seconds = parse_duration(config.get("fetch-timeout") or "1m").total_seconds()
        data = self._web.get(found.url, limit=http.MAX_BYTES, auth=auth, seconds=seconds)
        if data is None:
            raise failure.invalid(f"requested URL '{found.url}' is not found")
        if found.digest is not None:
            http.check_digest(found.digest, data)
        return Fetched(data, http.source(found.url, data), found.digest or "")

    def _conf(self, resolver: str) -> dict[str, str]:
        return defaults.config(resolver, self._maps)


def _pinned(asked: _Asked, pinned: Entry) -> _Asked:
    """The same reference, at the revision that the lock file names."""
    found = asked.request
    if isinstance(found, git.GitRequest) and pinned.revision:
        found = replace(found, revision=pinned.revision)
    elif isinstance(found, hub.HubRequest) and pinned.revision:
        found = replace(found, version=pinned.revision)
    elif isinstance(found, bundles.BundleRequest) and pinned.revision:
        found = replace(found, bundle=str(found.reference.pinned(pinned.revision)))
    return replace(asked, request=found)


def _scope(asked: _Asked) -> str:
    """Whose credentials a reference needs: the namespace and the Secret; "" for none."""
    given = texts.of(asked.params)
    named = [given[name] for name in sorted(texts.NOT_CONTENT & given.keys()) if name != "cache" and given[name]]
    private = bool(named) or (isinstance(asked.request, git.GitRequest) and not asked.request.url)
    return "\n".join((asked.namespace, *named)) if private else ""


def _read_lock(path: Path | None) -> Lock | None:
    if path is None:
        return None
    if not path.is_file():
        todo = "run: interlock pipeline lock FILE --lock PATH"
        raise NotFoundError("file-missing", "the lock file that is configured is not there", where=str(path), todo=todo)
    return lock.parse(path.read_bytes(), file=str(path))
