"""Trees are read and compared as git does it; those that were made to harm are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.clients import git
from interlock.clients.git import FileChange, TreeEntry, binary, trees
from interlock.errors import InputError

SUBMODULE = "9" * 40
PARTS = st.sampled_from(["a", "a-b", "a.b", "a0", "b", "ab", "ü", "A", "a b", '"q', "\udcff"])
"""Names around the slash in byte order, and some that git quotes; one is no UTF-8."""
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
ENTRIES = st.tuples(st.sampled_from(["100644", "100755", "120000", "160000"]), st.sampled_from(["1", "2"]))
FILES = st.dictionaries(PATHS, ENTRIES, max_size=12).map(
    lambda files: {path: item for path, item in files.items() if not any(path.startswith(f"{up}/") for up in files)}
)
Files = dict[str, tuple[str, str]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> git.Repository:
    return git.Repository.init(tmp_path_factory.mktemp("trees") / "store.git")


def write(store: git.Repository, *trees_of_files: Files) -> list[str]:
    """The tree of each of these, by `git fast-import`."""
    lines = b""
    for number, files in enumerate(trees_of_files):
        lines += (
            f"commit refs/heads/t{number}\nmark :{number + 1}\ncommitter D <d@acme.test> 1 +0000\ndata 0\n".encode()
        )
        lines += b"deleteall\n"
        for path, (mode, content) in files.items():
            name = path.encode(errors="surrogateescape")
            name = b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
            if mode == "160000":
                lines += f"M {mode} {content * 40} ".encode() + name + b"\n"
            else:
                lines += f"M {mode} inline ".encode() + name + f"\ndata 1\n{content}\n".encode()
    binary.run(["fast-import", "--quiet", "--force"], folder=store.path, stdin=lines + b"done\n")
    return [store.tree(f"t{number}") for number in range(len(trees_of_files))]


def listed(store: git.Repository, *words: str) -> list[TreeEntry]:
    out = binary.run(["ls-tree", "-z", "--full-tree", *words], folder=store.path).stdout
    entries = []
    for line in out.decode(errors="surrogateescape").split("\0")[:-1]:
        meta, path = line.split("\t", 1)
        entries.append(TreeEntry(path, *meta.split(" ")))
    return entries


def changed(store: git.Repository, old: str, new: str) -> list[FileChange]:
    flags = ["-r", "-z", "--raw", "--no-renames", "--no-abbrev"]
    out = binary.run(["diff-tree", *flags, old, new], folder=store.path).stdout
    words = out.decode(errors="surrogateescape").split("\0")
    changes = []
    for meta, path in zip(words[0:-1:2], words[1::2], strict=True):
        old_mode, new_mode, old_id, new_id, status = meta.lstrip(":").split(" ")
        before, after = (None if mode == "000000" else item for mode, item in ((old_mode, old_id), (new_mode, new_id)))
        changes.append(FileChange(path, status, before, after, old_mode, new_mode))
    return changes


@settings(max_examples=25, deadline=None)
@given(files=FILES)
def test_listings_are_gits(store: git.Repository, files: Files) -> None:
    [tree] = write(store, files)
    assert store.ls_tree(tree) == listed(store, "-r", tree)
    assert store.ls_tree(tree, recursive=False) == listed(store, tree)
    everything = listed(store, "-r", "-t", tree)
    assert store.object_ids(tree, [item.path for item in everything]) == {item.path: item.id for item in everything}
    for folder in [item.path for item in everything if item.type == "tree"][:2]:
        assert store.ls_tree(tree, folder) == listed(store, "-r", tree, f"{folder}/")
        assert store.entry(tree, f"{folder}/none") is None


@settings(max_examples=40, deadline=None)
@given(old=FILES, new=FILES, same=FILES)
def test_differences_are_gits(store: git.Repository, old: Files, new: Files, same: Files) -> None:
    below = {f"same/{path}": item for path, item in same.items()}
    one, other = write(store, old | below, new | below)
    assert store.diff(one, other) == changed(store, one, other)
    assert store.diff(one, one) == []


@settings(deadline=None)
@given(data=st.binary(max_size=80) | st.tuples(st.binary(max_size=8), st.binary(max_size=30)).map(b"\0".join))
def test_any_bytes_are_a_tree_or_refused(data: bytes) -> None:
    try:
        entries = trees.parse("1" * 40, data)
    except InputError as error:
        assert error.code == "git-tree-malformed"
    else:
        assert all("/" not in item.path and item.path not in ("", ".", "..") for item in entries)


@pytest.mark.parametrize(
    "data",
    [
        b"100644 ..\0" + b"1" * 20,
        b"100644 a/b\0" + b"1" * 20,
        b"100644 \0" + b"1" * 20,
        b"100644 a\0" + b"1" * 19,
        b"100888 a\0" + b"1" * 20,
        b"100644 a",
        b"a\0" + b"1" * 20,
    ],
)
def test_malformed_trees(data: bytes) -> None:
    with pytest.raises(InputError, match="git-tree-malformed"):
        trees.parse("1" * 40, data)


def test_old_modes_are_shown_as_git_shows_them(store: git.Repository) -> None:
    blob = bytes.fromhex(store.object_ids(write(store, {"a": ("100644", "1")})[0], ["a"])["a"] or "")
    data = b"".join(mode + b" " + mode + b"\0" + blob for mode in (b"100664", b"100775"))
    words = ["hash-object", "-t", "tree", "-w", "--stdin", "--literally"]
    tree = binary.run(words, folder=store.path, stdin=data).stdout.decode().strip()
    assert store.ls_tree(tree) == listed(store, "-r", tree)


class TestBombs:
    """A few small objects that unfold to more than any machine holds."""

    @pytest.fixture
    def bomb(self, store: git.Repository) -> str:
        tree = write(store, {"a": ("100644", "1")})[0]
        for _ in range(12):
            data = b"".join(b"40000 %c\0" % (97 + item) + bytes.fromhex(tree) for item in range(16))
            words = ["hash-object", "-t", "tree", "-w", "--stdin"]
            tree = binary.run(words, folder=store.path, stdin=data).stdout.decode().strip()
        return tree

    def test_wide(self, store: git.Repository, bomb: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(trees, "MAX_ENTRIES", 5000)
        for walk in (lambda: store.ls_tree(bomb), lambda: store.diff(bomb, store.write_tree({}))):
            with pytest.raises(InputError, match="git-tree-too-large"):
                walk()
        assert len(store.ls_tree(bomb, recursive=False)) == 16

    def test_deep(self) -> None:
        tree = b"40000 a\0" + b"1" * 20
        with pytest.raises(InputError, match="git-tree-too-large"):
            trees.below(lambda ids: [tree] * len(ids), "1" * 40, recursive=True)


def test_a_folder_of_another_repository_is_none(tmp_path: Path, store: git.Repository) -> None:
    """A submodule has an id, and nothing below it."""
    [tree] = write(store, {"sub": ("160000", "9")})
    assert store.object_ids(tree, ["sub"]) == {"sub": SUBMODULE}
    assert store.ls_tree(tree, "sub") == []
    assert store.entry(tree, "sub/a") is None
    with pytest.raises(InputError, match="git-not-a-file"):
        store.read(tree, "sub")


@settings(max_examples=30, deadline=None)
@given(FILES, st.sets(PARTS, max_size=3))
def test_a_tree_without_some_entries_has_the_id_that_git_gives_it(
    store: git.Repository, files: Files, left_out: set[str]
) -> None:
    whole, rest = write(
        store, files, {path: item for path, item in files.items() if path.split("/")[0] not in left_out}
    )
    expected = rest if listed(store, rest) else None
    assert store.without(whole, left_out) == expected
