"""Params of the git resolver (pkg/resolution/resolver/git/resolver.go, docs/git-resolver.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from interlock.formats.tekton.task import Param
from interlock.tekton.spec.resolution import failure, texts
from interlock.tekton.spec.resolution.request import go_quoted
from interlock.tekton.spec.resolution.source import RefSource

_URL = re.compile(r"^([^@]+@[^:]+|(git|ssh|ftps?|https?)://)")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class SecretKey:
    """Where a token is: a Secret of ``namespace`` ("" is the request's) and its key."""

    name: str
    key: str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class GitRequest:
    """One file of one revision: of a clone (``url``), or through the forge's API (``org`` and ``repo``)."""

    revision: str
    path: str
    url: str = ""
    org: str = ""
    repo: str = ""
    token: SecretKey | None = None
    server_url: str = ""
    scm_type: str = ""
    foreign_server: bool = False
    """``serverURL`` is not the configured one: the configured token may not be sent there."""

    @property
    def immutable(self) -> bool:
        """Whether the revision is a full commit id."""
        return _COMMIT.fullmatch(self.revision) is not None


def read(params: Sequence[Param], config: Mapping[str, str]) -> GitRequest:
    """Raises InputError ``resolution-failed`` in upstream's words. ``config`` is the ConfigMap git-resolver-config."""
    given = texts.of(params)
    conf = _section(config, given)
    missing = []
    revision = given.get("revision", conf.get("default-revision", ""))
    if not revision and "revision" not in given:
        missing.append("revision")
    if "pathInRepo" not in given:
        missing.append("pathInRepo")
    url, repo, org = given.get("url", ""), given.get("repo", ""), given.get("org", "")
    if url and repo:
        raise failure.invalid("cannot specify both 'url' and 'repo'")
    if not url and not repo:
        url = conf.get("default-url", "")
        if not url:
            raise failure.invalid("must specify one of 'url' or 'repo'")
    if repo and "org" not in given:
        org = conf.get("default-org", "")
        if not org:
            raise failure.invalid("'org' is required when 'repo' is specified")
    if missing:
        raise texts.missing("git", missing)
    if revision.startswith("-"):
        raise failure.invalid(f"invalid revision {go_quoted(revision)}: must not begin with '-'")
    if not repo and not org and not _URL.match(url):
        raise failure.invalid(
            f"invalid git repository url: {url}",
            todo="name the repository by its address; a mirror of the resolvers' configuration says where it is",
        )
    path = given["pathInRepo"].lstrip("/")
    if ".." in path.split("/"):
        raise failure.invalid(f"invalid path {go_quoted(path)}: must not contain '..' components")
    if url:
        return GitRequest(revision, path, url=url, token=_secret(given, "gitToken", "gitTokenKey"))
    server = given.get("serverURL", "") or conf.get("server-url", "")
    return GitRequest(
        revision,
        path,
        org=org,
        repo=repo,
        token=_secret(given, "token", "tokenKey"),
        server_url=server,
        scm_type=given.get("scmType", "") or conf.get("scm-type", ""),
        foreign_server=bool(given.get("serverURL")) and server != conf.get("server-url", ""),
    )


def api_token(request: GitRequest, params: Sequence[Param], config: Mapping[str, str]) -> SecretKey:
    """Where the API's token is: the request's Secret, else the configured one, which stays with its own server."""
    if request.token is not None:
        return request.token
    if request.foreign_server:
        raise failure.invalid(
            f"custom serverURL {go_quoted(request.server_url)} requires a token parameter; "
            "the system token cannot be sent to a non-default server URL"
        )
    conf = _section(config, texts.of(params))
    for key in ("api-token-secret-name", "api-token-secret-key"):
        if not conf.get(key):
            raise failure.invalid(
                f"cannot get API token, required when specifying 'repo' param, '{key}' not specified in config"
            )
    return SecretKey(
        conf["api-token-secret-name"], conf["api-token-secret-key"], conf.get("api-token-secret-namespace", "")
    )


def source(url: str, commit: str, path: str) -> RefSource:
    return RefSource(f"git+{url}", {"sha1": commit}, path)


def _secret(given: Mapping[str, str], name: str, key: str) -> SecretKey | None:
    return SecretKey(given[name], given.get(key) or "token") if given.get(name) else None


def _section(config: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The keys of one configuration: ``<configKey>.<key>`` for a named one, plain keys else (git/config.go)."""
    for key in config:
        if key.count(".") > 1:
            raise failure.invalid(f"key {key} passed in git resolver configmap is invalid")
    if (wanted := given.get("configKey")) is None:
        wanted = "default"
    found = {
        name.rpartition(".")[2]: value
        for name, value in config.items()
        if (name.rpartition(".")[0] or "default") == wanted
    }
    if not found and "configKey" in given:
        raise failure.invalid(f"no git resolver configuration found for configKey {wanted}")
    return found
