"""The commits that strict verification lists are those that git lists with upstream's own commands."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlock.formats.argocd import integrity
from interlock.formats.argocd.integrity import Signature

COMMITS = st.lists(
    st.tuples(st.sets(st.integers(0, 30), min_size=0, max_size=2), st.booleans()), min_size=2, max_size=9
)


class GitGraph:
    """A repository of empty commits. A seal counts as well signed: signatures are tested elsewhere."""

    def __init__(self, folder: Path, shape: list[tuple[set[int], bool]]) -> None:
        self.folder = folder
        self.ids: list[str] = []
        self.parents_of: dict[str, list[str]] = {}
        self.sealed: set[str] = set()
        self.git("init", "--quiet", "--bare", ".")
        tree = self.git("hash-object", "-w", "-t", "tree", "--stdin")
        for number, (wanted, seal) in enumerate(shape):
            # Everything but the first commit hangs on something, so that the last one can be the tip.
            above = sorted({index % number for index in wanted} or {number - 1}) if number else []
            flags = [word for index in above for word in ("-p", self.ids[index])]
            text = f"c{number}" + ("\n\nArgocd-gpg-seal: x" if seal else "")
            self.ids.append(self.git("commit-tree", tree, *flags, "-m", text, when=number))
            self.parents_of[self.ids[-1]] = [self.ids[index] for index in above]
            if seal:
                self.sealed.add(self.ids[-1])

    def git(self, *arguments: str, when: int = 0) -> str:
        date = f"{1_700_000_000 + when} +0000"
        names = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **names, **dates},
            input="",
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def listed(self, tip: str) -> set[str]:
        """util/git/client.go listRawSignatures with deep, getSealRevListFilter."""
        found = self.git("rev-list", "--grep=Argocd-gpg-seal:", "--regexp-ignore-case", tip).split()
        if not found:
            return set(self.git("rev-list", tip, "--").split())
        if found[0] == tip:
            return {tip}
        lines = self.git("rev-list", "--boundary", tip, "--not", *found).split()
        return {line.removeprefix("-") for line in lines}

    def is_annotated_tag(self, revision: str) -> bool:
        return False

    def signature(self, commit: str) -> Signature:
        return Signature(commit, "signed", "A" * 16, "x <x>")

    def message(self, commit: str) -> str:
        return "Argocd-gpg-seal: x" if commit in self.sealed else "x"

    def parents(self, commit: str) -> Sequence[str]:
        return self.parents_of[commit]

    def history(self, commit: str) -> Sequence[str]:
        return self.git("rev-list", "--topo-order", commit).split()


@given(COMMITS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_strict_lists_what_git_lists(tmp_path_factory: object, shape: list[tuple[set[int], bool]]) -> None:
    graph = GitGraph(tmp_path_factory.mktemp("graph"), shape)  # type: ignore[attr-defined]
    tip = graph.ids[-1]
    assert set(integrity.strict_commits(graph, tip)) == graph.listed(tip)
