"""First use of a data folder: keys, tokens, certificates, the engines' configuration, the context file.

What is there is kept, so that `local up` after a kill finds its keys again. Nothing secret leaves the folder; every
secret file is 0600 and every process is told paths, never values.
"""

from __future__ import annotations

import json
import secrets
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec

from interlock.clients import files
from interlock.clients.context import Context, Endpoint, Identity, Keys, Stores
from interlock.clients.git import keys
from interlock.formats import yaml
from interlock.formats.sigstore import keys as sigstore
from interlock.formats.tekton.names import NODE
from interlock.local import engines
from interlock.local.home import CLUSTERS, Home
from interlock.local.kubernetes import kubeconfig, tls, tokens
from interlock.local.registry import identities
from interlock.local.tickets import accounts

PEOPLE = ("dana", "sam", "rita", "pat", "carol", "nils", "mara")
SERVICES = ("interlock", "interlock-ci", "argocd")
SECOND_ACCOUNTS = ("dana-alt",)
TICKETS = ("interlock", "carol", "dana", "pat")
"""Who has an account in the ticket system; only the change manager may approve there."""
REGISTRY = ("interlock", "interlock-ci")
"""Who may push images or statements."""

_KUBERNETES_USERS = {
    "interlock": "system:serviceaccount:interlock-system:interlock-controller",
    "argocd": "system:serviceaccount:argocd:argocd-application-controller",
    "tekton": "system:serviceaccount:tekton-pipelines:tekton-pipelines-controller",
}


def provision(home: Home) -> Home:
    """Make what is missing below ``home.folder``; returns ``home`` with the port base that the folder has."""
    home.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.folder.chmod(0o700)
    home = _remembered(home)
    for folder in (home.run, home.logs, home.configs, home.keys, home.tls, home.controller):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _keys(home)
    for identity in (*SERVICES, *PEOPLE, *SECOND_ACCOUNTS):
        _ssh_key(home.credential("ssh", identity), comment=f"{identity}@acme.test")
    for system, names in (("tickets", TICKETS), ("registry", REGISTRY)):
        for name in names:
            _token(home.credential(system, name))
    _token(home.credential("webhook", "secret"))
    _token(home.credential("kubelet", NODE))
    _registry_accounts(home)
    _ticket_accounts(home)
    _advisories(home)
    ca, _ = _certificates(home)
    _clusters(home, ca)
    files.write_durably(home.context, _context_text(_context(home)))
    engines.write_configs(home)
    return home


def _remembered(home: Home) -> Home:
    """A folder keeps the ports that it was made with: its context file and clones name them."""
    path = home.folder / "ports.json"
    if path.is_file():
        return replace(home, port_base=int(json.loads(path.read_text())["base"]))
    files.write_durably(path, json.dumps({"base": home.port_base}))
    return home


def _keys(home: Home) -> None:
    seal = home.keys / "seal.secret.asc"
    if not seal.exists():
        armored, certificate = keys.generate_openpgp("Interlock <interlock@acme.test>")
        files.write_durably(home.keys / "seal.asc", certificate)
        files.write_durably(seal, armored, mode=0o600)
    for role in ("release", "attest", "record"):
        secret = home.keys / f"{role}.secret.pem"
        if not secret.exists():
            key = sigstore.PrivateKey(ec.generate_private_key(ec.SECP256R1()))
            files.write_durably(home.keys / f"{role}.pem", key.public.pem)
            files.write_durably(secret, key.pem, mode=0o600)


def _ssh_key(path: Path, *, comment: str) -> None:
    if path.exists():
        return
    private, public = keys.generate_ssh(comment)
    files.write_durably(path.with_name(path.name + ".pub"), public)
    files.write_durably(path, private, mode=0o600)


def _token(path: Path) -> None:
    if not path.exists():
        files.write_durably(path, secrets.token_urlsafe(32) + "\n", mode=0o600)


def _registry_accounts(home: Home) -> None:
    """Builds push images; the platform pushes statements about them; everybody on this machine pulls."""
    accounts = [
        identities.Identity(name=name, token=home.credential("registry", name).read_text().strip(), push=("*",))
        for name in REGISTRY
    ]
    identities.write_identities(home.configs / "registry-accounts.yaml", accounts)


def _ticket_accounts(home: Home) -> None:
    """The platform opens and closes records; only the change manager may approve one."""
    roles: dict[str, tuple[Literal["itil", "approver_user"], ...]] = {
        "interlock": ("itil",),
        "carol": ("itil", "approver_user"),
        "pat": ("itil",),
    }
    users = [
        accounts.User(
            name=name,
            token=home.credential("tickets", name).read_text().strip(),
            roles=roles.get(name, ()),
            email=f"{name}@acme.test",
        )
        for name in TICKETS
    ]
    accounts.write_users(home.configs / "tickets-accounts.yaml", users)


def _advisories(home: Home) -> None:
    """The sample that ships with Interlock, in place before it can be seen half copied."""
    if home.advisories.exists():
        return
    home.advisories.parent.mkdir(parents=True, exist_ok=True)
    scratch = home.advisories.with_name(".advisories.new")
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(Path(__file__).with_name("advisories"), scratch)
    scratch.rename(home.advisories)


def _certificates(home: Home) -> tuple[Path, Path]:
    now = datetime.now(UTC)
    ca, ca_key = tls.write_ca(home.tls, name="interlock.local", now=now)
    for cluster in CLUSTERS:
        names = [f"{cluster}-cluster"]
        tls.write_server_certificate(home.tls, ca_cert=ca, ca_key=ca_key, names=names, now=now, stem=cluster)
    return ca, ca_key


def _clusters(home: Home, ca: Path) -> None:
    """Token files of the API servers, and two kubeconfigs: everybody's, and the bootstrap administrator's."""
    everybody: dict[tuple[str, str], str] = {}
    administrator: dict[tuple[str, str], str] = {}
    for cluster in CLUSTERS:
        users = []
        for name, user in {**_KUBERNETES_USERS, **{person: person for person in PEOPLE}}.items():
            token = _kept_token(home, f"{name}@{cluster}")
            groups = ["interlock:people"] if name in PEOPLE else ["system:serviceaccounts", *_namespace_group(user)]
            users.append(tokens.User(name=user, token=token, groups=tuple(groups)))
            if name not in ("argocd", "tekton"):
                everybody[(name, cluster)] = token
        token = _kept_token(home, f"bootstrap@{cluster}")
        users.append(tokens.User(name="bootstrap", token=token, groups=("system:masters",)))
        administrator[("bootstrap", cluster)] = token
        tokens.write_tokens(home.configs / f"tokens-{cluster}.yaml", users)
    clusters = {
        name: kubeconfig.Cluster(server=f"https://127.0.0.1:{home.port(f'kubernetes-{name}')}", ca=ca)
        for name in CLUSTERS
    }
    kubeconfig.write_kubeconfig(home.kubeconfig, clusters, everybody, current="dana@hub")
    kubeconfig.write_kubeconfig(home.bootstrap_kubeconfig, clusters, administrator)


def _namespace_group(user: str) -> list[str]:
    return [f"system:serviceaccounts:{user.split(':')[2]}"]


def _kept_token(home: Home, name: str) -> str:
    path = home.credential("kubernetes", name)
    _token(path)
    return path.read_text().strip()


def _context(home: Home) -> Context:
    def endpoint(name: str, port: str, *, scheme: str = "http://", ca: Path | None = None) -> Endpoint:
        address = f"{scheme}127.0.0.1:{home.port(port)}"
        return Endpoint(name=name, outside=address, inside=address, ca=ca)

    webhook = f"http://127.0.0.1:{home.port('webhook')}/webhook"
    argocd = f"http://127.0.0.1:{home.port('argocd')}/api/webhook"
    return Context(
        name="local",
        organisation="acme",
        forge=endpoint("https://git", "forge"),
        registry=endpoint("registry.acme.test", "registry"),
        tickets=endpoint("https://tickets", "tickets"),
        clusters={
            name: endpoint(f"https://{name}-cluster", f"kubernetes-{name}", scheme="https://", ca=home.tls / "ca.crt")
            for name in CLUSTERS
        },
        kubeconfig=home.kubeconfig,
        bootstrap_kubeconfig=home.bootstrap_kubeconfig,
        identities={name: _identity(home, name) for name in (*SERVICES, *PEOPLE, *SECOND_ACCOUNTS)}
        | {"root-admin": Identity(forge=home.credential("forge", "root-admin"), email="root-admin@acme.test")},
        keys=Keys(
            seal=home.keys / "seal.asc",
            seal_secret=home.keys / "seal.secret.asc",
            release=home.keys / "release.pem",
            release_secret=home.keys / "release.secret.pem",
            attest=home.keys / "attest.pem",
            attest_secret=home.keys / "attest.secret.pem",
            record=home.keys / "record.pem",
        ),
        stores=Stores(
            evidence=home.controller / "evidence",
            ledger=home.controller / "ledger" / "ledger.jsonl",
            index=home.controller / "index.db",
        ),
        webhook=Endpoint(name="controller", outside=webhook, inside=webhook),
        argocd_webhook=Endpoint(name="argocd", outside=argocd, inside=argocd),
        webhook_secret=home.credential("webhook", "secret"),
    )


def _identity(home: Home, name: str) -> Identity:
    return Identity(
        # The change manager has no account on the forge: approving the record counts.
        forge=None if name == "carol" else home.credential("forge", name),
        tickets=home.credential("tickets", name) if name in TICKETS else None,
        registry=home.credential("registry", name) if name in REGISTRY else None,
        ssh=home.credential("ssh", name),
        email=f"{name}@acme.test",
    )


def _context_text(context: Context) -> str:
    return "# Written by `interlock local up`.\n" + yaml.dump(context.model_dump(mode="json", exclude_none=True))
