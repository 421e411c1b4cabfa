"""The context file: every address, trust root and credential reference, and nothing else.

Files of an estate use stable names (``https://git/acme/env-dev``, ``registry.acme.test/acme/payments``,
``https://prod-cluster``); the context file maps them to where they answer, seen from this machine (``outside``)
and from a build step or pod (``inside``). Users who outgrow a machine change this file, not theirs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from interlock.clients import files
from interlock.errors import NotFoundError
from interlock.formats import addresses

View = Literal["outside", "inside"]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Endpoint(_Model):
    """One address. ``name`` is what files write: a URL prefix, or a registry host."""

    name: str
    outside: str
    inside: str
    ca: Path | None = None
    """PEM file of the CA that signs its certificate; None for plain HTTP on loopback or a public CA."""
    token_realms: tuple[str, ...] = ()
    """A registry's: hosts of token services, other than its own host, that may have its credentials."""


class Identity(_Model):
    """A person or service account, with references to its credentials (paths, never values)."""

    forge: Path | None = None
    """File that holds the forge token."""
    tickets: Path | None = None
    """File that holds the ticket system's token."""
    registry: Path | None = None
    """File that holds the registry's token."""
    ssh: Path | None = None
    """OpenSSH private key that signs this identity's commits; ``<path>.pub`` is beside it."""
    email: str = ""


class Keys(_Model):
    """Trust roots (public) and, where this machine holds them, the private halves."""

    seal: Path
    """OpenPGP certificate of the seal key."""
    seal_secret: Path | None = None
    release: Path
    """PEM of the image-signature key."""
    release_secret: Path | None = None
    attest: Path
    """PEM of the statements' key."""
    attest_secret: Path | None = None
    record: Path | None = None
    """PEM of the Tekton engine's key: with it, what a TaskRun says about its execution counts only with its record."""


class Stores(_Model):
    """Where the controller keeps what it alone writes."""

    evidence: Path
    ledger: Path
    index: Path


class Context(_Model):
    """See the module. Relative paths are relative to the file's folder."""

    apiVersion: Literal["interlock.dev/v1alpha1"] = "interlock.dev/v1alpha1"  # noqa: N815
    kind: Literal["Context"] = "Context"
    name: Name
    organisation: Name
    """The forge organisation that owns the estate's repositories."""
    forge: Endpoint
    registry: Endpoint
    tickets: Endpoint
    clusters: dict[str, Endpoint]
    """By name; ``hub`` runs Tekton and Argo CD, the others are one per environment."""
    kubeconfig: Path
    """Contexts are named ``<identity>@<cluster>``."""
    bootstrap_kubeconfig: Path | None = None
    """The administrator's, used once by `platform init`; absent where somebody else installs Argo CD and Tekton."""
    identities: dict[str, Identity] = Field(default_factory=dict)
    keys: Keys
    stores: Stores
    webhook: Endpoint
    """Where the controller listens for the forge's webhooks."""
    argocd_webhook: Endpoint | None = None
    """Argo CD's own (``/api/webhook`` of argocd-server)."""
    webhook_secret: Path | None = None
    """File with the secret that both check deliveries against."""

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (self.forge, self.registry, self.tickets, *self.clusters.values())

    def resolve(self, address: str, *, view: View = "outside") -> str:
        """``address`` as files write it -> where it answers. An address with no mapping is returned as it is."""
        names = {item.name: item.outside if view == "outside" else item.inside for item in self.endpoints()}
        return addresses.resolve(address, names) or address

    def repository(self, name: str) -> str:
        """The stable URL of one of the estate's repositories."""
        return f"{self.forge.name.rstrip('/')}/{self.organisation}/{name}"

    def identity(self, name: str) -> Identity:
        try:
            return self.identities[name]
        except KeyError:
            known = ", ".join(sorted(self.identities))
            raise NotFoundError("identity-unknown", f"no identity {name!r}", expected=f"one of: {known}") from None

    def secret(self, path: Path | None, *, what: str) -> str:
        """The text of a credential file. Raises NotFoundError ``credential-missing``."""
        if path is None or not path.is_file():
            raise NotFoundError(
                "credential-missing",
                f"no credential for {what}",
                where=str(path or "context file"),
                todo="see context.yaml",
            )
        return path.read_text().strip()


def load_context(path: Path) -> Context:
    """Read a context file. Raises as `files.read_model` does."""
    todo = "run `interlock local up`, or name one with --context"
    return files.read_config(path, Context, what="context file", todo=todo)
