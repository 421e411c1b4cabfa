"""Verb ``git-pr-bump``: a pull request on an env repo that changes an image's tag and digest, and nothing else."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from interlock.clients.forge import ForgeClient, PullRequest
from interlock.clients.git import Repository
from interlock.errors import ConflictError, InputError, NotFoundError
from interlock.formats.oci import Reference
from interlock.formats.signatures.sshsig import sign as sign_ssh
from interlock.platform.domain.branches import Branch, Purpose
from interlock.platform.domain.ids import Digest, ServiceName
from interlock.platform.domain.image import ImageReference
from interlock.platform.estate import layout
from interlock.platform.toolbox import images
from interlock.platform.toolbox import world as worlds
from interlock.platform.toolbox.results import Results
from interlock.platform.toolbox.world import World

TOOL = f"interlock-bump {worlds.VERSION}"
AUTHOR = ("interlock-ci", "interlock-ci@users.noreply.interlock.dev")


@dataclass(frozen=True, slots=True)
class Target:
    """Which service of which repository is moved."""

    base_url: str
    """Of the forge's API and git server, without the repository."""
    owner: str
    repository: str
    service: str


def target(world: World, env_repo: str, image: Reference) -> Target:
    """From the parameters alone: the service is the image repository's last name.

    Raises InputError ``bump-env-repo``.
    """
    parts = urlsplit(env_repo)
    names = parts.path.strip("/").removesuffix(".git").split("/")
    if parts.scheme not in ("http", "https") or len(names) < 2:
        raise InputError(
            "bump-env-repo",
            "not an env repo",
            got=env_repo,
            expected="https://<forge>/<organisation>/<repository>",
        )
    real = world.resolve(env_repo.rstrip("/").removesuffix(".git"))
    base, owner, repository = real.rsplit("/", 2)
    return Target(base, owner, repository, image.repository.rpartition("/")[2])


def placed(repository: Repository, base: str, place: Target) -> tuple[str, str]:
    """(environment, path of the service's values there). An env repo is of one environment, whatever its name is.

    Raises NotFoundError ``bump-not-onboarded``, InputError ``bump-environment``.
    """
    folder = layout.chart(place.service)
    paths = [entry.path for entry in repository.ls_tree(base, folder, recursive=False)]
    found = [(name, path) for path in paths if (name := layout.environment_of(path))]
    if not found:
        raise NotFoundError(
            "bump-not-onboarded",
            f"{place.service} is not onboarded in {place.repository}",
            where=f"{place.repository}: {folder}",
            todo="merge the onboarding pull request first",
        )
    if len(found) > 1:
        names = ", ".join(name for name, _ in found)
        raise InputError("bump-environment", "values of several environments", got=names, where=place.repository)
    return found[0]


def bump(
    world: World,
    results: Results,
    *,
    env_repo: str,
    image_name: str,
    digest: str = "",
    token_file: Path | None = None,
    signing_key: Path | None = None,
    author: tuple[str, str] = AUTHOR,
) -> PullRequest | None:
    """Open the pull request, or find the one that a run before this one opened; None when nothing is to change.

    The tag is resolved at the registry unless ``digest`` is given, and the image must exist there. Raises
    NotFoundError ``bump-not-onboarded`` (no values file), InputError ``bump-environment`` (several) or
    ``bump-repository`` (the file names another image repository), ConflictError ``bump-branch`` (the branch exists with
    other content), and the errors of forge, git and registry.
    """
    ref = images.parse(image_name, digest)
    if ref.tag is None:
        raise InputError("image-reference", "the image needs a tag", got=image_name)
    place = target(world, env_repo, ref)
    with images.connect(world, ref) as remote:
        found = images.read(remote, ref)
    url = f"{place.base_url}/{place.owner}/{place.repository}"
    token = worlds.git_token(world, url, token_file)
    branch = str(Branch(Purpose.BUMP, ServiceName(place.service), ref.tag))
    with (
        tempfile.TemporaryDirectory(prefix="interlock-bump-") as scratch,
        ForgeClient(place.base_url, token, ca_file=world.ca) as forge,
    ):
        repository = Repository.clone_mirror(url, Path(scratch) / "mirror", lambda: token, world.ca)
        base = repository.resolve(layout.MAIN)
        environment, path = placed(repository, base, place)
        changed = _edited(repository, base, path, ref, found.descriptor.digest)
        title = f"{place.service}: {ref.tag} to {environment}"
        if changed is None:
            world.say(f"git-pr-bump: {environment} has {ref.tag} of {place.service} already")
            return _report(world, results, None)
        existing = repository.refs().get(f"refs/heads/{branch}")
        if existing is None:
            tree = repository.write_tree({path: changed}, base)
            commit = repository.commit_tree(
                tree,
                [base],
                f"{title}\n\n{found.pinned}\n",
                author=author,
                date=world.now(),
                sign=_signer(signing_key),
            )
            repository.push(f"{commit}:refs/heads/{branch}", expected_old="")
        elif repository.read(existing, path) != changed or _other_changes(repository, base, existing, path):
            raise ConflictError(
                "bump-branch",
                "the branch exists with other content",
                got=existing,
                where=f"{place.repository} {branch}",
                todo="delete the branch, or push a new commit to the app repo",
            )
        body = (
            f"Image `{ref.name}:{ref.tag}`\nDigest `{found.descriptor.digest}`\n\nChanges tag and digest in "
            f"`{path}`, nothing else. Opened by {TOOL}.\n"
        )
        pull = _pull(forge, place, branch, title, body, world)
    return _report(world, results, pull)


def _edited(repository: Repository, base: str, path: str, ref: Reference, digest: str) -> bytes | None:
    """The values file with the new tag and digest; None when it says so already."""
    data = repository.read(base, path) or b""
    current = layout.image_in(data, file=path)
    if current.repository != ref.name:
        raise InputError(
            "bump-repository",
            "the values file names another image repository",
            got=ref.name,
            expected=current.repository,
        )
    wanted = ImageReference(ref.name, str(ref.tag), Digest(digest))
    return None if current == wanted else layout.set_image(data, wanted.tag, wanted.digest, file=path)


def _other_changes(repository: Repository, base: str, head: str, path: str) -> bool:
    start = repository.merge_base(base, head)
    return start is None or any(change.path != path for change in repository.diff(start, head))


def _signer(key: Path | None) -> Callable[[bytes], str] | None:
    if key is None or not key.is_file():
        return None
    private = key.read_bytes()
    return lambda payload: sign_ssh(private, payload)


def _pull(forge: ForgeClient, place: Target, branch: str, title: str, body: str, world: World) -> PullRequest:
    for item in forge.pulls(place.owner, place.repository, state="open"):
        if item.proposes(branch, layout.short(layout.MAIN)):
            world.say(f"git-pr-bump: pull request {item.number} is open already")
            return item
    pull = forge.create_pull(
        place.owner,
        place.repository,
        head=branch,
        base=layout.short(layout.MAIN),
        title=title,
        body=body,
    )
    world.say(f"git-pr-bump: opened pull request {pull.number} on {place.repository}")
    return pull


def _report(world: World, results: Results, pull: PullRequest | None) -> PullRequest | None:
    results.write("PULL_REQUEST", str(pull.number) if pull else "")
    results.tool(world, TOOL)
    return pull
