"""``interlock-toolbox VERB``: the command line of catalog steps.

Every verb imports what it needs when it runs, so that a step starts quickly. Values arrive as ``--name=value``: a
parameter that begins with a dash cannot become another option.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.errors import InterlockError

if TYPE_CHECKING:
    from interlock.platform.toolbox.results import Results
    from interlock.platform.toolbox.world import World

app = typer.Typer(
    name="interlock-toolbox",
    help="What the catalog's Tekton steps run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ResultPaths = Annotated[
    list[str] | None, typer.Option("--result", help="NAME=PATH: where to write a Tekton result; may be repeated.")
]
Folder = Annotated[Path, typer.Option("--source", help="Workspace folder with the source.")]
ImageName = Annotated[str, typer.Option("--image", help="host/repository:tag[@digest], by its stable name.")]
ImageDigest = Annotated[str, typer.Option("--digest", help="Digest of the image; the tag is resolved without it.")]
TokenFile = Annotated[Path | None, typer.Option("--token-file", help="File with the forge token.")]


def _world(results: list[str] | None) -> tuple[World, Results]:
    from interlock.platform.toolbox import world
    from interlock.platform.toolbox.results import Results

    return world.from_environment(os.environ), Results.parse(results or [])


@app.command("git-clone")
def git_clone(
    url: Annotated[str, typer.Option(help="Repository, by its stable name.")],
    output: Annotated[Path, typer.Option(help="Folder to fill; what is in it is removed.")],
    revision: Annotated[str, typer.Option(help="Full commit id, or a branch.")] = "main",
    token_file: TokenFile = None,
    result: ResultPaths = None,
) -> None:
    """Fetch one commit as files."""
    from interlock.platform.toolbox import clone

    world, results = _world(result)
    clone.clone(world, results, url=url, revision=revision, output=output, token_file=token_file)


@app.command("ace-unit-test")
def ace_unit_test(source: Folder, result: ResultPaths = None) -> None:
    """Check flows, ESQL, policies and test projects statically; no flow runs."""
    from interlock.platform.toolbox import static_test

    world, results = _world(result)
    static_test.test(world, results, source=source)


@app.command("ace-build-bar")
def ace_build_bar(
    source: Folder,
    project: Annotated[list[str] | None, typer.Option(help="Application to pack; all without it.")] = None,
    overrides: Annotated[str, typer.Option(help="Override file in the source.")] = "",
    result: ResultPaths = None,
) -> None:
    """Pack the applications into a BAR."""
    from interlock.platform.toolbox import bar

    world, results = _world(result)
    bar.build(world, results, source=source, projects=[item for item in project or [] if item], overrides=overrides)


@app.command("image-build")
def image_build(
    image: ImageName,
    source: Folder,
    bar: Annotated[str, typer.Option(help="BAR in the source; the one that ace-build-bar left without it.")] = "",
    bar_digest: Annotated[str, typer.Option(help="Digest that the BAR must have.")] = "",
    result: ResultPaths = None,
) -> None:
    """Build an image from the BAR and push it."""
    from interlock.platform.toolbox import image_build as verb

    world, results = _world(result)
    verb.build(world, results, image_name=image, source=source, bar_path=bar, bar_digest=bar_digest)


@app.command("sbom")
def sbom(image: ImageName, digest: ImageDigest = "", result: ResultPaths = None) -> None:
    """Attach a CycloneDX SBOM to an image."""
    from interlock.platform.toolbox import sbom as verb

    world, results = _world(result)
    verb.attach(world, results, image_name=image, digest=digest)


@app.command("vulnerability-scan")
def vulnerability_scan(
    image: ImageName,
    digest: ImageDigest = "",
    severity: Annotated[str, typer.Option(help="Severities that fail, separated by commas.")] = "HIGH,CRITICAL",
    advisories: Annotated[Path, typer.Option(help="Folder with OSV records.")] = Path("/advisories"),
    max_age: Annotated[str, typer.Option(help="How old the advisories may be: 5d, 12h, 30m.")] = "5d",
    result: ResultPaths = None,
) -> None:
    """Match an image's components against advisories; fails on a hit and on not knowing."""
    from interlock.platform.toolbox import scan as verb

    world, results = _world(result)
    verb.scan(
        world, results, image_name=image, digest=digest, severity=severity, advisories=advisories, max_age=max_age
    )


@app.command("image-sign")
def image_sign(
    image: ImageName,
    key: Annotated[Path, typer.Option(help="PEM of the release key.")],
    digest: ImageDigest = "",
    result: ResultPaths = None,
) -> None:
    """Sign an image with the release key."""
    from interlock.platform.toolbox import signature as verb

    world, results = _world(result)
    verb.sign(world, results, image_name=image, digest=digest, key_file=key)


@app.command("git-pr-bump")
def git_pr_bump(
    env_repo: Annotated[str, typer.Option(help="Env repo, by its stable name.")],
    image: ImageName,
    digest: ImageDigest = "",
    token_file: TokenFile = None,
    signing_key: Annotated[Path | None, typer.Option(help="OpenSSH key that signs the commit, if mounted.")] = None,
    result: ResultPaths = None,
) -> None:
    """Open a pull request that changes an image's tag and digest."""
    from interlock.platform.toolbox import bump

    world, results = _world(result)
    bump.bump(
        world,
        results,
        env_repo=env_repo,
        image_name=image,
        digest=digest,
        token_file=token_file,
        signing_key=signing_key,
    )


def main() -> None:
    """Entry point. Exit codes: those of `interlock.errors`; 70 for a fault of ours, without a traceback's values."""
    try:
        app()
    except InterlockError as error:
        for label, text in error.lines():
            print(f"{label}: {text}", file=sys.stderr)
        sys.exit(error.exit_code)
