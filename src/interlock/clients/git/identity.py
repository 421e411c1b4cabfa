"""Plain ``git`` for a person of the estate: name, signing key, and credentials that never leave a 0600 file."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from urllib.parse import urlsplit

from interlock.clients import files
from interlock.clients.git import binary
from interlock.errors import InputError


def write_identity_config(
    path: Path,
    *,
    name: str,
    email: str,
    ssh_key: Path,
    token_url: str,
    token_file: Path,
    allowed_signers: Path | None = None,
    ca: Path | None = None,
) -> None:
    """Write a git configuration (0600) for ``GIT_CONFIG_GLOBAL=path git …`` or ``include.path``.

    ``ssh_key`` is the private key; every commit and tag is signed with it, by our own ``sshsign`` (no ssh-keygen
    needed) through the small program ``<path>.sshsign`` that is written beside. The token in ``token_file`` is offered
    to ``token_url``'s origin only. ``allowed_signers`` (ssh-keygen(1), ALLOWED SIGNERS) lets
    ``git log --show-signature`` name signers. ``ca``: PEM file of the CA that signs that origin's certificate.
    """
    parts = urlsplit(token_url)
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        raise InputError("git-url-invalid", "no http(s) URL", got=token_url)
    program = path.with_name(path.name + ".sshsign").absolute()
    script = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m interlock.clients.git.sshsign "$@"\n'
    files.write_durably(program, script, mode=0o700)
    token = shlex.quote(str(token_file.absolute()))
    helper = f'!f() {{ test "$1" = get && printf \'username=token\\npassword=%s\\n\' "$(cat {token})"; }}; f'
    sections = [
        ("user", {"name": name, "email": email, "signingKey": str(ssh_key.absolute())}),
        ("init", {"defaultBranch": "main"}),
        ("commit", {"gpgSign": "true"}),
        ("tag", {"gpgSign": "true"}),
        ("gpg", {"format": "ssh"}),
        ('gpg "ssh"', {"program": str(program)}),
        (f'credential "{parts.scheme}://{parts.netloc}"', {"helper": helper}),
        ("push", {"default": "simple"}),
        ("pull", {"ff": "only"}),
    ]
    if allowed_signers is not None:
        sections[5][1]["allowedSignersFile"] = str(allowed_signers.absolute())
    if ca is not None:
        sections.append((f'http "{parts.scheme}://{parts.netloc}"', {"sslCAInfo": str(ca.absolute())}))
    text = ""
    for title, values in sections:
        text += f"[{title}]\n" + "".join(f"\t{key} = {binary.quoted(value)}\n" for key, value in values.items())
    files.write_durably(path, text, mode=0o600)
