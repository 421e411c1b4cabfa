"""Everything that is served and is no resource: health, version, discovery, OpenAPI, the token keys."""

from __future__ import annotations

from typing import Any

from interlock.local.kubernetes import answers, discovery, openapi
from interlock.local.kubernetes.kinds import Kinds
from interlock.local.kubernetes.service_accounts import ServiceAccounts

Served = tuple[dict[str, Any] | str, str]
_JSON = "application/json"


def serve(path: str, accept: str, kinds: Kinds, accounts: ServiceAccounts, address: str) -> Served:
    """The body of ``path`` and its type. Raises ApiError 404, 406.

    Not served: ``/openapi/v2`` (clients since 1.27 read v3), metrics, logs, proxies.
    """
    aggregated = "as=APIGroupDiscoveryList" in accept and "v=v2;" in accept.replace(" ", "") + ";"
    match path.strip("/").split("/"):
        case ["healthz" | "livez" | "readyz", *_]:
            return "ok", "text/plain"
        case ["version"]:
            return discovery.version(), _JSON
        case [""]:
            names = ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v3", "/openid/v1/jwks", "/readyz"]
            names += [f"/apis/{group}" for group in discovery.groups(kinds)]
            return {"paths": sorted([*names, "/version"])}, _JSON
        case ["api"]:
            if aggregated:
                return discovery.aggregated(kinds, core=True), discovery.AGGREGATED
            return discovery.api_versions(address), _JSON
        case ["apis"]:
            if aggregated:
                return discovery.aggregated(kinds, core=False), discovery.AGGREGATED
            return discovery.group_list(kinds), _JSON
        case ["api", version]:
            found = discovery.resource_list(kinds, "", version)
        case ["apis", group]:
            found = discovery.group(kinds, group)
        case ["apis", group, version]:
            found = discovery.resource_list(kinds, group, version)
        case ["openapi", "v3"]:
            return openapi.index(kinds), _JSON
        case ["openapi", "v3", "api", version]:
            found = openapi.document(kinds, "", version)
        case ["openapi", "v3", "apis", group, version]:
            found = openapi.document(kinds, group, version)
        case ["openid", "v1", "jwks"]:
            return accounts.jwks(), "application/jwk-set+json"
        case [".well-known", "openid-configuration"]:
            return _oidc(accounts, address), _JSON
        case _:
            found = None
    if found is None:
        raise answers.no_such_path()
    return found, _JSON


def _oidc(accounts: ServiceAccounts, address: str) -> dict[str, Any]:
    return {
        "issuer": accounts.issuer,
        "jwks_uri": f"https://{address}/openid/v1/jwks",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
