"""`interlock pipeline sign`: sign Tasks and Pipelines as Tekton's controller verifies them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from interlock.errors import InputError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from interlock.tekton.spec.trusted.keys import HashAlgorithm

_PASSWORDS = ("PRIVATE_PASSWORD", "COSIGN_PASSWORD")


def sign(
    file: Annotated[Path, typer.Argument(help="YAML file with Tasks and Pipelines of tekton.dev/v1 or v1beta1.")],
    key: Annotated[
        Path,
        typer.Option(
            help="Private key in PEM: ECDSA, RSA or Ed25519. The password of an encrypted one is read from "
            "$PRIVATE_PASSWORD or $COSIGN_PASSWORD, else asked for."
        ),
    ],
    output: Annotated[Path | None, typer.Option(help="File for the signed objects. Default: standard output.")] = None,
    tekton_version: Annotated[
        Literal["1.9", "1.15"], typer.Option(help="The Tekton that will verify: up to 1.9 it hashes one field more.")
    ] = "1.15",
    hash_algorithm: Annotated[
        str, typer.Option(help="The hash of the VerificationPolicy's authority: sha224, sha256, sha384 or sha512.")
    ] = "sha256",
) -> None:
    """Sign the Tasks and Pipelines of FILE for Trusted Resources.

    The objects are written with the defaults that Tekton sets before it verifies, and without comments.
    """
    from interlock.clients import files
    from interlock.formats import yaml
    from interlock.tekton.spec import trusted

    algorithm = hash_named(hash_algorithm)
    private = trusted.keys.load_private(read(key), _password)
    written, told = [], []
    for document in yaml.load_all(read(file), file=str(file)):
        value = document.value
        try:
            if not isinstance(value, dict):
                raise InputError("tekton-invalid", "not an object", where=document.where())
            value = trusted.sign(value, private, creation_timestamp=tekton_version == "1.9", algorithm=algorithm)
            told.append(f"signed {named(value)}")
        except UnsupportedError:
            typer.echo(f"left as it is: {named(value)}", err=True)
        except InputError as error:
            error.where = error.where or document.where()
            raise
        written.append(value)
    if not told:
        raise nothing_to_sign(file)
    text = yaml.dump(*written)
    if output is None:
        typer.echo(text, nl=False)
    else:
        files.write_durably(output, text)
    for line in told:
        typer.echo(line, err=output is None)


def read(path: Path) -> bytes:
    """The file's bytes. Raises NotFoundError ``file-missing``, InputError ``file-unreadable``."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError("file-missing", "no such file", where=str(path)) from None
    except OSError as error:
        raise InputError("file-unreadable", "the file cannot be read", got=error.strerror, where=str(path)) from None


def hash_named(name: str) -> HashAlgorithm:
    """Raises InputError ``hash-unknown``."""
    from interlock.tekton.spec.trusted import keys

    known: dict[str, HashAlgorithm] = {item: item for item in get_args(keys.HashAlgorithm)}
    if name not in known:
        raise InputError("hash-unknown", "unknown digest algorithm", got=name, expected=", ".join(known))
    return known[name]


def named(value: dict[str, object]) -> str:
    """``Task build`` or what there is of it."""
    metadata = value.get("metadata")
    name = metadata.get("name") or metadata.get("generateName") if isinstance(metadata, dict) else None
    return f"{value.get('kind', 'object')} {name or '(no name)'}"


def nothing_to_sign(file: Path) -> InputError:
    return InputError(
        "nothing-signed",
        "no Task or Pipeline in the file",
        expected="objects of tekton.dev/v1 or v1beta1",
        where=str(file),
    )


def _password() -> bytes:
    for name in _PASSWORDS:
        if name in os.environ:
            return os.environ[name].encode()
    if not sys.stdin.isatty():
        raise InputError(
            "key-password-missing",
            "the private key is encrypted and nobody can be asked for its password",
            todo=f"set {' or '.join(_PASSWORDS)} in the environment",
        )
    answer: str = typer.prompt("Password of the private key", hide_input=True, default="", show_default=False, err=True)
    return answer.encode()
