"""`interlock platform init`: accounts, repositories with their protections, and what the hub needs to start.

The only time that anything is written to a cluster other than through git, with the bootstrap credential: namespaces,
the credentials of builds, the AppProjects, and the root Application, which from then on is Argo CD's own business.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from interlock.clients.connect import PLATFORM, Connections
from interlock.clients.context import Context, Endpoint
from interlock.clients.forge import BranchProtection
from interlock.clients.git import Repository
from interlock.errors import InputError, NotFoundError
from interlock.formats import yaml
from interlock.formats.signatures import Verified, openpgp
from interlock.formats.signatures.sshsig import sign as ssh_sign
from interlock.platform import catalog
from interlock.platform.estate import Accounts, Keys, argocd, protection
from interlock.platform.estate.library import Library
from interlock.platform.estate.model import duration
from interlock.platform.facts import estates
from interlock.platform.setup import accounts
from interlock.platform.setup.accounts import public
from interlock.platform.setup.founding import Founding, read
from interlock.platform.statements import provenance

_EVENTS = ("push", "pull_request", "pull_request_review", "status")


@dataclass(frozen=True)
class Plan:
    """What an estate is to have, in the order in which it is made. Nothing secret is in it."""

    hooks: tuple[Endpoint, ...]
    """Of the organisation: who hears of every push and review."""
    repositories: Mapping[str, Mapping[str, bytes]]
    """Name -> what its first commit holds."""
    protections: tuple[tuple[str, protection.BranchRules], ...]
    """Repository and the rules of one of its branches."""
    objects: tuple[Mapping[str, Any], ...]
    """Argo CD's, applied to the hub: AppProjects, root Applications and the keyring."""


def plan(founding: Founding, context: Context, keys: Keys, *, seal_key_ids: tuple[str, ...]) -> Plan:
    """What there is to make of an estate folder, once the forge has accounts and so a key (``keys``)."""
    platform = founding.estate.platform
    tasks = catalog.manifests(image=platform.toolbox or catalog.TOOLBOX, max_age=duration(platform.advisories.max_age))
    repositories = founding.repositories(
        keys,
        seal_key_ids=seal_key_ids,
        catalog={**tasks, **founding.pipelines},
        chart=Library.of(catalog.chart()).placed,
    )
    own = repositories[platform.platform.repository]
    rules = protection.required(founding.estate)
    return Plan(
        hooks=tuple(filter(None, (context.webhook, context.argocd_webhook))),
        repositories=repositories,
        protections=tuple((name, rule) for name in repositories for rule in rules[f"{platform.organisation}/{name}"]),
        objects=tuple(
            yaml.load(data, file=path).value
            for path, data in own.items()
            if path.startswith("argocd/") and path.endswith(".yaml")
        ),
    )


def install(
    connections: Connections, folder: Traversable, *, now: Callable[[], datetime], scratch: Path
) -> Iterator[str]:
    """Found the estate of ``folder`` (see `founding`): do what is missing; yields a line for each thing that was done.

    One that stands already is mended as it is sealed; the folder then says only what its env repos begin with.
    ``scratch`` is an empty folder. Raises the clients' errors; run it again to go on from there.
    """
    context = connections.context
    founding = _standing(connections, read(folder, _values(context)))
    platform, found = founding.estate.platform, accounts.plan(founding.estate, context)
    yield from accounts.create(connections, found)
    accounts.create_organisation(connections, context.organisation, accounts.teams(platform, found))
    own, forge_key = context.keys, connections.forge().signing_key()
    keys = Keys(own.seal.read_text(), forge_key, own.release.read_text(), own.attest.read_text())
    todo = plan(founding, context, keys, seal_key_ids=(_seal_key_id(context),))
    yield from _hooks(connections, todo.hooks)
    for name, files in todo.repositories.items():
        if _push_repository(connections, name, files, now=now, scratch=scratch):
            yield f"repository {context.organisation}/{name}"
    for name, rule in todo.protections:
        connections.forge().protect(context.organisation, name, branch_protection(rule))
    yield "branch protections"
    yield from _bootstrap_hub(connections, todo, platform.accounts.pipeline)


def branch_protection(rules: protection.BranchRules) -> BranchProtection:
    """The estate's rules in the forge's words (Gitea modules/structs/repo_branch.go)."""
    return BranchProtection(
        rule_name=rules.branch,
        enable_push=True,
        enable_push_whitelist=rules.push is not None,
        push_whitelist_usernames=rules.push or (),
        enable_merge_whitelist=rules.merge is not None,
        merge_whitelist_usernames=rules.merge or (),
        required_approvals=rules.approvals,
        dismiss_stale_approvals=rules.dismiss_stale,
        ignore_stale_approvals=rules.dismiss_stale,
        enable_status_check=bool(rules.statuses),
        status_check_contexts=rules.statuses,
        require_signed_commits=rules.signed_commits,
        block_on_rejected_reviews=True,
        block_admin_merge_override=rules.block_admins,
    )


def _values(context: Context) -> dict[str, str]:
    """What an estate folder may leave to the context file."""
    ssh = {name: item.ssh for name, item in context.identities.items() if item.ssh and public(item.ssh).is_file()}
    return {
        "organisation": context.organisation,
        "registry": context.registry.name,
        "builder": provenance.BUILDER,
        **{f"sshKey.{name}": public(path).read_text().strip() for name, path in ssh.items()},
    }


def _standing(connections: Connections, founding: Founding) -> Founding:
    context, name = connections.context, founding.estate.platform.platform.repository
    token = context.identity(PLATFORM).forge
    try:
        branches = connections.forge().branches(context.organisation, name) if token and token.is_file() else []
    except NotFoundError:
        return founding
    if protection.SEALED not in {branch.name for branch in branches}:
        return founding
    git = connections.mirror(name)
    estate = estates.tip(git, context.keys.seal.read_text())
    files = {item.path: git.blob(item.id) for item in git.ls_tree(estate.commit)}
    return replace(founding, estate=estate, files=files, stands=True)


def _seal_key_id(context: Context) -> str:
    """Long id of the subkey that signs, found by signing: a certificate may hold several."""
    probe = b"which key signs?"
    secret = context.secret(context.keys.seal_secret, what="the seal key")
    answer = openpgp.verify(probe, openpgp.sign(secret, probe), [context.keys.seal.read_bytes()])
    if not isinstance(answer, Verified):
        raise InputError("seal-key", "the seal certificate is not of the seal key", where=str(context.keys.seal))
    return openpgp.key_id(answer.signing_key)


def _hooks(connections: Connections, hooks: tuple[Endpoint, ...]) -> Iterator[str]:
    context, forge = connections.context, connections.forge()
    secret = context.secret(context.webhook_secret, what="webhooks")
    existing = {hook.url for hook in forge.hooks(context.organisation)}
    for endpoint in hooks:
        if endpoint.outside not in existing:
            forge.create_hook(context.organisation, None, url=endpoint.outside, secret=secret, events=_EVENTS)
            yield f"webhook to {endpoint.name}"


def _push_repository(
    connections: Connections, name: str, files: Mapping[str, bytes], *, now: Callable[[], datetime], scratch: Path
) -> bool:
    """Create the repository with its first commit and first seal. False when both branches are there."""
    context, forge = connections.context, connections.forge()
    organisation = context.organisation
    try:
        forge.repository(organisation, name)
    except NotFoundError:
        forge.create_repository(organisation, name)
    present = {branch.name for branch in forge.branches(organisation, name)}
    if present >= {protection.MAIN, protection.SEALED}:
        return False
    url, identity = context.resolve(context.repository(name)) + ".git", context.identity(PLATFORM)
    clone = Repository.clone_mirror(
        url,
        scratch / f"{name}.git",
        lambda: context.secret(identity.forge, what="the platform on the forge"),
        context.forge.ca,
    )
    author = ("Interlock", identity.email)
    if protection.MAIN not in present:
        ssh = context.secret(identity.ssh, what="the platform's commits").encode() + b"\n"
        main = clone.commit_tree(
            clone.write_tree(files),
            [],
            f"Set up {name}\n\nWritten by `interlock platform init`.\n",
            author=author,
            date=now(),
            sign=lambda payload: ssh_sign(ssh, payload),
        )
        clone.push(f"{main}:refs/heads/{protection.MAIN}", expected_old="")
    main = forge.branch(organisation, name, protection.MAIN)
    clone.fetch()
    secret = context.secret(context.keys.seal_secret, what="the seal key")
    first = clone.commit_tree(
        clone.tree(main),
        [main],
        f"Seal {name} {main[:12]}\n\nThe first: what `interlock platform init` wrote.\n\nArgocd-gpg-seal: genesis\n",
        author=author,
        date=now(),
        sign=lambda payload: openpgp.sign(secret, payload),
    )
    clone.push(f"{first}:refs/heads/{protection.SEALED}", expected_old="")
    return True


def _bootstrap_hub(connections: Connections, todo: Plan, pipeline: str) -> Iterator[str]:
    context = connections.context
    hub = connections.cluster("hub", "bootstrap", kubeconfig=context.bootstrap_kubeconfig)
    for name in (argocd.NAMESPACE, argocd.CI_NAMESPACE, "interlock-system"):
        hub.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, field_manager="interlock")
    for secret in build_credentials(context, pipeline):
        hub.apply(secret, field_manager="interlock", force=True)
    yield "credentials of builds"
    for item in todo.objects:
        hub.apply(dict(item), field_manager="interlock", force=True)
    yield "AppProjects and root Applications"


def build_credentials(context: Context, account: str = Accounts().pipeline) -> Iterator[dict[str, Any]]:
    """Secrets of namespace ``ci``; each is mounted by the one task that needs it. ``account``: the builds' own."""
    pipeline = context.identity(account)
    registry = context.secret(pipeline.registry, what="builds on the registry")
    auth = base64.b64encode(f"{account}:{registry}".encode()).decode()
    docker = json.dumps({"auths": {context.registry.name: {"auth": auth}}})
    values = {
        "release-key": ("Opaque", {"cosign.key": context.secret(context.keys.release_secret, what="image signatures")}),
        "forge-ci-token": ("Opaque", {"token": context.secret(pipeline.forge, what="builds on the forge")}),
        "forge-ci-ssh": ("Opaque", {"id_ed25519": context.secret(pipeline.ssh, what="commits of builds") + "\n"}),
        "registry-push": ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": docker}),
    }
    for name, (kind, data) in values.items():
        yield {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": argocd.CI_NAMESPACE},
            "type": kind,
            "stringData": data,
        }
