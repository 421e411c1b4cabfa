"""`interlock platform init`: accounts, repositories with their protections, and what the hub needs to start.

The only time that anything is written to a cluster other than through git, with the bootstrap credential: namespaces,
the credentials of builds, the AppProjects, and the root Application, which from then on is Argo CD's own business.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from interlock.clients.connect import PLATFORM, Connections
from interlock.clients.context import Context
from interlock.clients.forge import BranchProtection
from interlock.clients.git import Repository
from interlock.errors import InputError, NotFoundError
from interlock.formats import yaml
from interlock.formats.signatures import Verified, openpgp
from interlock.formats.signatures.sshsig import sign as ssh_sign
from interlock.platform import catalog
from interlock.platform.domain.ids import NO_COMMIT
from interlock.platform.estate import Keys, argocd, estate, protection
from interlock.platform.estate.sample import ENVIRONMENTS, PEOPLE, sample
from interlock.platform.setup import accounts
from interlock.platform.statements import provenance

_EVENTS = ("push", "pull_request", "pull_request_review", "status")


def install(connections: Connections, *, now: Callable[[], datetime], scratch: Path) -> Iterator[str]:
    """Do what is missing; yields a line for each thing that was done. ``scratch`` is an empty folder.

    Raises the clients' errors; run it again to go on from there.
    """
    context = connections.context
    organisation = context.organisation
    yield from accounts.create(connections, organisation=organisation)
    people = [name for name in accounts.with_forge(context.identities) if name not in (PLATFORM, "argocd")]
    teams = {"owner": (PLATFORM,), "write": tuple(people), "read": ("argocd",)}
    accounts.create_organisation(connections, organisation=organisation, teams=teams)
    repositories = _sample(connections)
    loaded = estate.load(repositories["platform"], commit=NO_COMMIT)
    yield from _hooks(connections)
    for name, files in repositories.items():
        if _push_repository(connections, name, files, now=now, scratch=scratch):
            yield f"repository {organisation}/{name}"
    for full_name, rules in protection.required(loaded).items():
        owner, _, name = full_name.partition("/")
        for rule in rules:
            connections.forge().protect(owner, name, branch_protection(rule))
    yield "branch protections"
    yield from _bootstrap_hub(connections, repositories["platform"])


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


def _sample(connections: Connections) -> dict[str, dict[str, bytes]]:
    context = connections.context
    keys = Keys(
        seal=context.keys.seal.read_text(),
        forge=connections.forge().signing_key(),
        release=context.keys.release.read_text(),
        attest=context.keys.attest.read_text(),
    )
    ssh_keys: dict[str, list[str]] = {}
    for person in PEOPLE:
        for login in dict.fromkeys((person.id, *person.forge)):
            identity = context.identities.get(login)
            if identity is not None and identity.ssh is not None:
                ssh_keys.setdefault(person.id, []).append(accounts.public_key(identity.ssh))
    return sample(
        keys=keys,
        seal_key_ids=[_seal_key_id(context)],
        ssh_keys=ssh_keys,
        chart=catalog.chart(),
        catalog=catalog.manifests(max_age=_SAMPLE_ADVISORIES, env_repo=context.repository(f"env-{ENVIRONMENTS[0]}")),
        builder=provenance.BUILDER,
        organisation=context.organisation,
        registry=f"{context.registry.name}/integration",
        advisories_max_age=_SAMPLE_ADVISORIES,
    )


_SAMPLE_ADVISORIES = "3650d"
"""The sample's advisory folder ships with Interlock and is not refreshed: the sample estate says so openly."""


def _seal_key_id(context: Context) -> str:
    """Long id of the subkey that signs, found by signing: a certificate may hold several."""
    probe = b"which key signs?"
    secret = context.secret(context.keys.seal_secret, what="the seal key")
    answer = openpgp.verify(probe, openpgp.sign(secret, probe), [context.keys.seal.read_bytes()])
    if not isinstance(answer, Verified):
        raise InputError("seal-key", "the seal certificate is not of the seal key", where=str(context.keys.seal))
    return openpgp.key_id(answer.signing_key)


def _hooks(connections: Connections) -> Iterator[str]:
    context, forge = connections.context, connections.forge()
    secret = context.secret(context.webhook_secret, what="webhooks")
    existing = {hook.url for hook in forge.hooks(context.organisation)}
    for endpoint in filter(None, (context.webhook, context.argocd_webhook)):
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


def _bootstrap_hub(connections: Connections, files: Mapping[str, bytes]) -> Iterator[str]:
    context = connections.context
    hub = connections.cluster("hub", "bootstrap", kubeconfig=context.bootstrap_kubeconfig)
    for name in (argocd.NAMESPACE, argocd.CI_NAMESPACE, "interlock-system"):
        hub.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, field_manager="interlock")
    for secret in build_credentials(context):
        hub.apply(secret, field_manager="interlock", force=True)
    yield "credentials of builds"
    for path in sorted(files):
        if path.startswith("argocd/") and path.endswith(".yaml"):
            hub.apply(yaml.load(files[path], file=path).value, field_manager="interlock", force=True)
    yield "AppProjects and root Applications"


def build_credentials(context: Context) -> Iterator[dict[str, Any]]:
    """Secrets of namespace ``ci``; each is mounted by the one task that needs it."""
    pipeline = context.identity("interlock-ci")
    registry = context.secret(pipeline.registry, what="builds on the registry")
    auth = base64.b64encode(f"interlock-ci:{registry}".encode()).decode()
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
