"""Altering or deleting any single piece of evidence of a real delivery turns the links that cite it, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.clients.forge import ForgeClient
from interlock.clients.git import Repository
from interlock.formats.signatures import openpgp

from .story_world.copies import DAMAGES, Copy, copied
from .story_world.estate import ORGANISATION, Estate


@pytest.fixture(scope="module")
def copy(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    with copied(estate, tmp_path_factory.mktemp("copy")) as made:
        yield made


@pytest.fixture(scope="module")
def cited(copy: Copy) -> dict[str, set[str]]:
    """Digest -> the links that cite it, while everything is whole."""
    trace = copy.trace()
    assert trace["overall"] == "valid"
    found: dict[str, set[str]] = {}
    for link in trace["links"]:
        for item in link["evidence"]:
            if "digest" in item:
                found.setdefault(item["digest"], set()).add(link["id"])
    return found


def test_everything_that_is_cited_is_one_of_the_pieces(copy: Copy, cited: dict[str, set[str]]) -> None:
    assert cited.keys() <= copy.pieces().keys()
    # Everything but what is asked of a cluster or of git rests on something that was kept.
    assert set().union(*cited.values()) == {
        *("sync", "seal", "merge", "approvals", "change-record", "image-digest"),
        *("signature", "provenance", "sbom", "scan", "pipeline-run"),
    }


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_piece_turns_the_links_that_cite_it_and_no_others(
    copy: Copy, cited: dict[str, set[str]], damage: str
) -> None:
    pieces, wrong = copy.pieces(), {}
    for digest, links in cited.items():
        with pieces[digest](damage):
            if (turned := copy.turned()) != links:
                wrong[digest] = (sorted(links), sorted(turned))

    assert wrong == {}
    assert copy.turned() == set()


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_no_link_cites_turns_none(copy: Copy, cited: dict[str, set[str]], damage: str) -> None:
    """Of other deliveries, and of dev and test: a sample, since each costs a trace."""
    pieces = copy.pieces()
    others = sorted(pieces.keys() - cited.keys())

    for digest in others[:: max(1, len(others) // 8)]:
        with pieces[digest](damage):
            assert copy.turned() == set(), digest


def test_the_command_line_says_which_link_and_ends_with_1(
    estate: Estate, copy: Copy, cited: dict[str, set[str]]
) -> None:
    digest = next(digest for digest, links in cited.items() if links == {"pipeline-run"})
    with copy.pieces()[digest]("alter"):
        told = estate.run("trace", "prod/payments", "--context", str(copy.context), expect=1).out

    assert "✗ pipeline-run" in told or "? pipeline-run" in told
    assert told.count("✓") == 12


def test_a_damaged_ledger_is_said_to_be_damaged(estate: Estate, copy: Copy) -> None:
    entry = copy.entries()[3]
    for damage in DAMAGES:
        with copy.pieces()[entry](damage):
            told = estate.run("ledger", "verify", "--context", str(copy.context), expect=1).said
            assert "entry 4 [" in told
            for what in ("prod/payments", estate.first["record"]):
                said = estate.run("trace", what, "--context", str(copy.context), expect=1).out
                assert "ledger: NOT WHOLE at 4" in said
                assert "✗" not in said, "each link holds for itself"

    assert "whole" in estate.run("ledger", "verify", "--context", str(copy.context)).out


def test_where_only_what_was_executed_is_accepted_the_answer_is_no(estate: Estate, tmp_path: Path) -> None:
    """The same delivery in an estate whose production accepts nothing that was simulated or checked statically."""
    with copied(estate, tmp_path / "copy") as copy:
        accept_only_executed(estate, copy, tmp_path / "platform.git")

        done = estate.run("trace", "prod/payments", "--json", "--context", str(copy.context), expect=1)
        text = estate.run("trace", "prod/payments", "--context", str(copy.context), expect=1).out

    found = done.json
    assert (found["overall"], found["acceptedBases"]) == ("unknown", ["executed"])
    refused = {link["id"] for link in found["links"] if not link["accepted"]}
    assert refused == {"running-object", "pipeline-run"}
    assert {link["verdict"] for link in found["links"]} == {"valid"}
    assert "! running-object" in text


def accept_only_executed(estate: Estate, copy: Copy, clone: Path) -> None:
    """What an operator's own setup would have written, in the copy: rules and their seal, by who holds the keys."""
    context = copy.session.context
    token = context.secret(context.identity("interlock").forge, what="the platform on the forge")
    git = Repository.clone_mirror(f"{context.forge.outside}/{ORGANISATION}/platform.git", clone, lambda: token)
    with ForgeClient(
        context.forge.outside, (estate.home.credential("forge", "root-admin")).read_text().strip()
    ) as forge:
        rule = forge.protection(ORGANISATION, "platform", "main")
        forge.protect(ORGANISATION, "platform", type(rule)(rule_name="main", enable_push=True))
    main, sealed = git.resolve("refs/heads/main"), git.resolve("refs/heads/sealed")
    before = (git.read(main, "platform.yaml") or b"").decode()
    place = before.index("name: prod")
    after = before[:place] + before[place:].replace("bases: [executed, simulated, static]", "bases: [executed]", 1)
    assert after != before
    author, now = ("Interlock", "interlock@acme.test"), git.commit(sealed).committer.when
    rules = git.commit_tree(
        git.write_tree({"platform.yaml": after.encode()}, base=main),
        [main],
        "Accept executed only\n",
        author=author,
        date=now,
        sign=None,
    )
    seal_key = context.secret(context.keys.seal_secret, what="the seal key")
    seal = git.commit_tree(
        git.tree(rules),
        [sealed, rules],
        "Seal platform\n\nArgocd-gpg-seal: by-hand\n",
        author=author,
        date=now,
        sign=lambda payload: openpgp.sign(seal_key, payload),
    )
    git.push(f"{rules}:refs/heads/main", expected_old=main)
    git.push(f"{seal}:refs/heads/sealed", expected_old=sealed)
