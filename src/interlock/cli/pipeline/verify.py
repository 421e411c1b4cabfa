"""`interlock pipeline verify`: whether Tasks and Pipelines carry a key's signature, as Tekton's controller decides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.options import JsonOption, print_json
from interlock.errors import InputError, UnsupportedError


def verify(
    file: Annotated[Path, typer.Argument(help="YAML file with signed Tasks and Pipelines.")],
    key: Annotated[Path, typer.Option(help="Public key in PEM.")],
    hash_algorithm: Annotated[
        str, typer.Option(help="The hash of the VerificationPolicy's authority: sha224, sha256, sha384 or sha512.")
    ] = "sha256",
    json: JsonOption = False,
) -> None:
    """Verify each Task and Pipeline of FILE; exit code 1 when one does not carry the key's signature."""
    from interlock.cli.pipeline.sign import hash_named, named, nothing_to_sign, read
    from interlock.formats import yaml
    from interlock.tekton.spec import trusted

    algorithm = hash_named(hash_algorithm)
    public = trusted.keys.load_public(read(key))
    found = []
    for document in yaml.load_all(read(file), file=str(file)):
        value, where = document.value, str(document.where())
        if not isinstance(value, dict):
            raise InputError("tekton-invalid", "not an object", where=where)
        try:
            problem = (
                ""
                if trusted.verify(value, public, algorithm=algorithm)
                else trusted.diagnosis(value, public, algorithm=algorithm)
            )
        except UnsupportedError:
            continue
        except InputError as error:
            problem = error.message
        found.append({"object": named(value), "where": where, "verified": not problem, "problem": problem})
    if not found:
        raise nothing_to_sign(file)
    if json:
        print_json(found)
    else:
        for item in found:
            told = "verified" if item["verified"] else f"NOT verified: {item['problem']}"
            typer.echo(f"{item['where']}: {item['object']}: {told}")
    if not all(item["verified"] for item in found):
        raise typer.Exit(1)
