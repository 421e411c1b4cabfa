"""Bad input at the edges of a running estate: webhooks that nobody signed, tokens of others, statuses that lie."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from pathlib import Path

import httpx
import pytest

from interlock.clients.forge import ForgeClient
from interlock.clients.kubernetes import KubernetesClient
from interlock.clients.tickets import TicketsClient
from interlock.errors import RefusedError

from .story_world.deliveries import GATE, Proposal
from .story_world.estate import ORGANISATION, Estate
from .story_world.waiting import eventually


def entries(estate: Estate) -> list[tuple[str, str]]:
    """Kind and subject of everything in the ledger."""
    return [(item["kind"], item["subject"]) for item in estate.run("ledger", "list", "--json").json]


# -- webhooks ----------------------------------------------------------------------------------------------------------


def deliver_hook(
    estate: Estate, url: str, *, signature: str | None = None, secret: str | None = None
) -> httpx.Response:
    body = json.dumps({"ref": "refs/heads/main", "repository": {"full_name": "acme/env-prod"}}).encode()
    headers = {"X-Gitea-Event": "push", "X-Gitea-Delivery": str(uuid.uuid4())}
    if secret is not None:
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if signature is not None:
        headers["X-Gitea-Signature"] = signature
    return httpx.post(url, content=body, headers=headers)


def test_the_controller_believes_no_unsigned_webhook(estate: Estate) -> None:
    url = estate.context.webhook.outside
    before = entries(estate)

    for wrong in (None, ""):
        answer = deliver_hook(estate, url, signature=wrong)
        assert (answer.status_code, answer.json()["code"]) == (401, "webhook-unsigned")
    for wrong in ("0" * 64, "sha256=" + "0" * 64, "not hexadecimal"):
        answer = deliver_hook(estate, url, signature=wrong)
        assert (answer.status_code, answer.json()["code"]) == (401, "webhook-signature")
    assert deliver_hook(estate, url, secret="").status_code == 401
    assert deliver_hook(estate, url, secret="guessed").status_code == 401

    assert entries(estate) == before
    assert deliver_hook(estate, url, secret=secret(estate)).status_code == 204


def test_argo_cd_believes_no_unsigned_webhook(estate: Estate) -> None:
    assert estate.context.argocd_webhook is not None
    url = estate.context.argocd_webhook.outside

    for wrong in (None, "", "0" * 64):
        assert deliver_hook(estate, url, signature=wrong).status_code == 401
    assert deliver_hook(estate, url, secret="").status_code == 401
    assert deliver_hook(estate, url, secret=secret(estate)).status_code == 200


def test_a_webhook_of_any_size_is_cut_off(estate: Estate) -> None:
    answer = httpx.post(estate.context.webhook.outside, content=b"0" * (2 * 1024 * 1024))

    assert (answer.status_code, answer.json()["code"]) == (413, "webhook-size")


def secret(estate: Estate) -> str:
    return estate.context.secret(estate.context.webhook_secret, what="webhooks")


# -- tokens ------------------------------------------------------------------------------------------------------------


def token(path: Path | None) -> str:
    assert path is not None
    return path.read_text().strip()


def test_a_token_opens_only_what_it_was_made_for(estate: Estate) -> None:
    """Of another system, of another cluster, or made up: everywhere the same answer, and no more than that."""
    context = estate.context
    carol = token(context.identity("carol").tickets)
    of_dev = token(estate.home.credential("kubernetes", "dana@dev"))
    prod = context.clusters["prod"]
    for wrong in (carol, "made-up", ""):
        with ForgeClient(context.forge.outside, wrong or None) as forge, pytest.raises(RefusedError):
            forge.pulls(ORGANISATION, "env-prod")
    for wrong in (of_dev, carol, "made-up"):
        client = KubernetesClient(prod.outside, token=wrong, ca_file=prod.ca)
        with client, pytest.raises(RefusedError) as refused:
            client.list("apps/v1", "Deployment", namespace="payments")
        assert refused.value.code == "kubernetes-unauthenticated"
    for wrong in (token(context.identity("dana").forge), "made-up"):
        with TicketsClient(context.tickets.outside, wrong) as tickets, pytest.raises(RefusedError) as refused:
            tickets.get(estate.first["record"])
        assert refused.value.code == "tickets-unauthenticated"


def test_people_do_not_change_protections(estate: Estate) -> None:
    for identity in ("dana", "pat", "interlock-ci"):
        forge = estate.forge(identity)
        with pytest.raises(RefusedError):
            forge.protect(ORGANISATION, "env-prod", estate.forge().protection(ORGANISATION, "env-prod", "main"))


def test_a_gate_status_that_somebody_else_sets_merges_nothing(estate: Estate, promotion: Proposal) -> None:
    """Gitea lets every writer set a status: only the platform may merge, and it asks its own gate."""
    promotion.says(record_approved="record-not-approved")
    head = promotion.pull.head_sha
    estate.forge("dana").set_status(
        ORGANISATION, "env-prod", head, context=GATE, state="success", description="trust me"
    )
    for person in ("sam", "rita"):
        promotion.approve(person)

    def latest() -> str:
        found = estate.forge().statuses(ORGANISATION, "env-prod", head)
        return next(item.creator for item in found if item.context == GATE)

    eventually(lambda: latest() == "interlock", what="the gate has said again what it says")
    gate = promotion.stands("record-approved", "record-state", "record-unchanged")
    assert gate.state == "failure"
    assert not promotion.pull.merged
