"""What every request handler needs: the store, the rules, and who is asking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request

from interlock.errors import InputError
from interlock.formats.oci.digest import parse_digest
from interlock.formats.oci.reference import parse_repository
from interlock.local.registry.config import Config
from interlock.local.registry.identities import Identities, Identity, Right, anonymous
from interlock.local.registry.problem import Problem, digest_invalid
from interlock.local.registry.store import Store

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="interlock registry"'}


@dataclass(frozen=True)
class Service:
    """One registry."""

    config: Config
    store: Store
    identities: Identities | None
    now: Callable[[], datetime]
    busy: set[str] = field(default_factory=set)
    """Uploads that a request is writing to at this moment."""

    def greet(self, request: Request) -> None:
        """Whether ``GET /v2/`` is answered. Where tokens exist it asks for credentials even when pulling needs none:
        clients of the go-containerregistry family decide by this answer whether they ever send any.
        """
        if self.identities is not None:
            self._identity(request, required=True)

    def repository(self, request: Request, right: Right) -> str:
        """The repository that the path names, when this client may do that there. Raises `Problem`."""
        name = str(request.path_params["name"])
        try:
            parse_repository(name)
        except InputError as error:
            raise Problem(400, "NAME_INVALID", error.message) from None
        self.authorise(request, right, name)
        return name

    def authorise(self, request: Request, right: Right, repository: str) -> None:
        if self.identities is None:
            return
        open_to_all = right == "pull" and self.config.anonymous_pull
        identity = self._identity(request, required=not open_to_all)
        if not open_to_all and (identity is None or not identity.may(right, repository)):
            raise Problem(403, "DENIED", f"{identity and identity.name} may not {right} {repository}")

    def _identity(self, request: Request, *, required: bool) -> Identity | None:
        authorization = request.headers.get("Authorization", "")
        if anonymous(authorization):
            if required:
                raise Problem(401, "UNAUTHORIZED", "credentials are needed", _CHALLENGE)
            return None
        assert self.identities is not None  # noqa: S101 - both callers looked
        found = self.identities.authenticate(authorization)
        if found is None:
            raise Problem(401, "UNAUTHORIZED", "these credentials are not known here", _CHALLENGE)
        return found


def digest(text: str) -> str:
    """Raises `Problem` 400 DIGEST_INVALID."""
    try:
        return parse_digest(text)
    except InputError as error:
        raise digest_invalid(str(error)) from None
