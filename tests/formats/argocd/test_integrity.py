"""Source integrity over small commit graphs. The graphs' git twins are in `test_seals_against_git`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from interlock.errors import InputError, UnsupportedError
from interlock.formats.argocd import integrity, project
from interlock.formats.argocd.integrity import Outcome, Result, Signature

GOOD = "AAAAAAAAAAAAAAAA"
RING = "BBBBBBBBBBBBBBBB"
REPO = "https://git/acme/env-prod"


@dataclass
class Graph:
    """``add`` commits oldest first. ``key``: signed by that key; None: unsigned."""

    commits: dict[str, tuple[tuple[str, ...], Signature, str]] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    def add(
        self, name: str, *parents: str, key: str | None = GOOD, result: Result = "signed", message: str = "Change"
    ) -> str:
        found = Signature(name, result if key else "unsigned", key or "", "Dana <dana@acme.test>")
        self.commits[name] = (parents, found, message)
        return name

    def seal(self, name: str, *parents: str, key: str | None = GOOD, result: Result = "signed") -> str:
        return self.add(name, *parents, key=key, result=result, message="Seal\n\nArgocd-gpg-seal: entry-1")

    def is_annotated_tag(self, revision: str) -> bool:
        return revision in self.tags

    def signature(self, commit: str) -> Signature:
        return self.commits[commit][1]

    def message(self, commit: str) -> str:
        return self.commits[commit][2]

    def parents(self, commit: str) -> Sequence[str]:
        return self.commits[commit][0]

    def history(self, commit: str) -> Sequence[str]:
        seen: set[str] = set()

        def reach(name: str) -> None:
            if name not in seen:
                seen.add(name)
                for parent in self.parents(name):
                    reach(parent)

        reach(commit)
        # Commits are added after their parents, so the reverse of that order is topological.
        return [name for name in reversed(self.commits) if name in seen]


def policy(mode: str, *keys: str, urls: Sequence[str] = ("*",)) -> project.SourceIntegrity:
    gpg = {"mode": mode, "keys": list(keys or (GOOD,))}
    return project.SourceIntegrity.model_validate(
        {"git": {"policies": [{"repos": [{"url": url} for url in urls], "gpg": gpg}]}}
    )


def check(graph: Graph, commit: str, mode: str = "strict", *keys: str) -> Outcome:
    return integrity.verify(policy(mode, *keys), REPO, graph, "main", commit)


@pytest.fixture
def graph() -> Graph:
    return Graph()


def test_head_looks_at_the_tip_alone(graph: Graph) -> None:
    graph.add("a", key=None)
    graph.add("b", "a")
    assert check(graph, "b", "head") == Outcome(checked=True)
    assert check(graph, "a", "head").message == (
        "GIT/GPG: Failed verifying revision a by 'Dana <dana@acme.test>': unsigned (key_id=)"
    )


def test_strict_looks_at_the_whole_history(graph: Graph) -> None:
    graph.add("a", key=None)
    graph.add("b", "a")
    graph.add("c", "b")
    assert [problem for problem in check(graph, "c").problems if "revision a" in problem]


def test_a_seal_at_the_tip_is_checked_alone(graph: Graph) -> None:
    graph.add("a", key=None)
    graph.seal("s", "a")
    assert integrity.strict_commits(graph, "s") == ["s"]
    assert check(graph, "s").problems == ()


def test_strict_goes_back_to_the_seal_and_includes_it(graph: Graph) -> None:
    graph.add("a", key=None)
    graph.seal("s", "a")
    graph.add("b", "s")
    assert integrity.strict_commits(graph, "b") == ["b", "s"]
    assert check(graph, "b").problems == ()


def test_the_way_around_a_seal_is_checked_too(graph: Graph) -> None:
    graph.add("root", key=None)
    graph.seal("s", "root")
    graph.add("side", "root", key=None)
    graph.add("merge", "s", "side")
    # `root` lies behind the seal, but `side` reaches it without passing the seal: git lists it as a boundary.
    assert integrity.strict_commits(graph, "merge") == ["merge", "side", "s", "root"]
    assert len(check(graph, "merge").problems) == 2


@pytest.mark.parametrize(
    ("key", "result"), [(None, "signed"), (RING, "bad signature"), (RING, "signed with key not in keyring")]
)
def test_an_unproven_seal_stops_nothing(graph: Graph, key: str | None, result: Result) -> None:
    graph.add("a", key=None)
    graph.seal("s", "a", key=key, result=result)
    graph.add("b", "s")
    assert integrity.strict_commits(graph, "b") == ["b", "s", "a"]


def test_a_seal_by_any_key_of_the_keyring_stops_the_walk_but_is_checked_itself(graph: Graph) -> None:
    graph.add("a", key=None)
    graph.seal("s", "a", key=RING)
    graph.add("b", "s")
    (problem,) = check(graph, "b").problems
    assert (
        problem == f"Failed verifying revision s by 'Dana <dana@acme.test>': signed with unallowed key (key_id={RING})"
    )


@pytest.mark.parametrize(
    ("message", "sealed"),
    [
        ("Seal\n\nArgocd-gpg-seal: x", True),
        ("Seal\n\nARGOCD-GPG-SEAL: x", True),
        ("Merge: says Argocd-gpg-seal: in its title", True),
        ("Seal\n\nArgocd-gpg-seal x", False),
    ],
)
def test_seals_are_found_by_a_search_through_the_message(graph: Graph, message: str, sealed: bool) -> None:
    graph.add("a", message=message)
    assert integrity.is_seal(graph, "a") is sealed


def test_each_key_is_reported_once_each_unsigned_commit_always_and_ten_at_most(graph: Graph) -> None:
    parent: tuple[str, ...] = ()
    for number in range(30):
        name = graph.add(f"c{number}", *parent, key=None if number % 2 else RING)
        parent = (name,)
    problems = check(graph, "c29").problems
    assert len(problems) == 10
    assert sum(RING in problem for problem in problems) == 1
    assert "revision c29 " in problems[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, GOOD),
        ("0" * 24 + GOOD, GOOD),
        (GOOD[:8], None),
        ("0" * 48 + GOOD, None),
        ("x" * 16, None),
    ],
)
def test_key_ids(text: str, expected: str | None) -> None:
    assert integrity.key_id(text) == expected


def test_a_policy_may_name_the_whole_fingerprint(graph: Graph) -> None:
    graph.add("a")
    assert check(graph, "a", "head", "1" * 24 + GOOD).problems == ()
    assert check(graph, "a", "head", "no key id").problems


def test_without_a_policy_for_the_repository_nothing_is_checked(graph: Graph) -> None:
    graph.add("a", key=None)
    for rules in (None, project.SourceIntegrity(), policy("none"), policy("strict", urls=["https://git/other/*"])):
        assert integrity.verify(rules, REPO, graph, "main", "a") == Outcome(checked=False)
    spared = policy("strict", urls=["https://git/*", f"!{REPO}"])
    assert integrity.verify(spared, REPO, graph, "main", "a") == Outcome(checked=False)


def test_two_policies_for_one_repository_are_an_error(graph: Graph) -> None:
    graph.add("a")
    git = policy("strict").git
    assert git is not None
    double = project.SourceIntegrity(git=project.GitIntegrity(policies=git.policies * 2))
    with pytest.raises(InputError) as caught:
        integrity.verify(double, REPO, graph, "main", "a")
    assert caught.value.code == "integrity-ambiguous"


def test_annotated_tags_are_refused_by_name(graph: Graph) -> None:
    graph.add("a")
    graph.tags = ("v1",)
    with pytest.raises(UnsupportedError):
        integrity.verify(policy("head"), REPO, graph, "v1", "a")


def test_signature_keys_are_head_for_every_repository() -> None:
    parsed = project.parse(
        {"metadata": {"name": "prod"}, "spec": {"signatureKeys": [{"keyID": GOOD}]}},
    )
    found = integrity.policy_for(parsed.integrity, REPO)
    assert found is not None
    assert (found.mode, found.keys) == ("head", (GOOD,))


def test_beside_source_integrity_signature_keys_are_ignored() -> None:
    modern = {"git": {"policies": [{"repos": [{"url": "*"}], "gpg": {"mode": "strict", "keys": [RING]}}]}}
    parsed = project.parse(
        {"metadata": {"name": "prod"}, "spec": {"signatureKeys": [{"keyID": GOOD}], "sourceIntegrity": modern}},
    )
    found = integrity.policy_for(parsed.integrity, REPO)
    assert found is not None
    assert (found.mode, found.keys) == ("strict", (RING,))
