"""``ssh-keygen -Y`` for git, without OpenSSH: git calls ``gpg.ssh.program`` with the arguments that are handled here.

Sign::        -Y sign -n git -f KEY [-U] FILE         writes FILE.sig
Verify::      -Y verify -n git -f SIGNERS -I WHO -s SIG [-O…] < DATA
Find signer:: -Y find-principals -f SIGNERS -s SIG [-O…]
Any key::     -Y check-novalidate -n git -s SIG [-O…] < DATA

Answers are worded as OpenSSH words them, because git parses them (git ``gpg-interface.c``, ``parse_ssh_output``).
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from interlock.errors import InterlockError
from interlock.formats.signatures import sshkey, sshsig
from interlock.formats.signatures.verification import Rejected

_NAMES = {"ssh-ed25519": "ED25519", "ssh-rsa": "RSA"}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sshsign", description="SSH signatures for git")
    parser.add_argument("-Y", dest="action", required=True)
    parser.add_argument("-n", dest="namespace", default="git")
    parser.add_argument("-f", dest="file", type=Path)
    parser.add_argument("-I", dest="identity")
    parser.add_argument("-s", dest="signature", type=Path)
    parser.add_argument("-O", dest="options", action="append", default=[])
    parser.add_argument("-U", dest="agent", action="store_true")
    parser.add_argument("-q", dest="quiet", action="store_true")
    parser.add_argument("data", nargs="?", type=Path)
    given = parser.parse_args(arguments)
    try:
        if given.action == "sign":
            return _sign(given)
        if given.action == "find-principals":
            return _find_principals(given)
        if given.action in ("verify", "check-novalidate"):
            return _verify(given)
        print(f"Unsupported action: -Y {given.action}", file=sys.stderr)
    except (InterlockError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
    return 255


def _sign(given: argparse.Namespace) -> int:
    if given.agent:
        print("Signing by an agent is not supported; set user.signingKey to a private key file", file=sys.stderr)
        return 255
    key = given.file.with_suffix("") if given.file.suffix == ".pub" else given.file
    signature = sshsig.sign(key.read_bytes(), given.data.read_bytes(), namespace=given.namespace)
    given.data.with_name(given.data.name + ".sig").write_text(signature)
    return 0


def _find_principals(given: argparse.Namespace) -> int:
    made = sshsig.parse(given.signature.read_text())
    found = [who for who, key, options in _signers(given.file) if key == made.key.blob and _usable(options, given)]
    if not found:
        print("No principal matched.")
        return 255
    print("\n".join(found))
    return 0


def _verify(given: argparse.Namespace) -> int:
    signature, payload = given.signature.read_text(), sys.stdin.buffer.read()
    answer = sshsig.verify_any(payload, signature, namespace=given.namespace)
    if isinstance(answer, Rejected):
        print(f"Signature verification failed: {answer.reason} {answer.detail}".strip(), file=sys.stderr)
        print("Could not verify signature.")
        return 255
    key = sshsig.parse(signature).key
    name = _NAMES.get(key.type, "ECDSA" if key.type.startswith("ecdsa") else key.type)
    if given.action == "check-novalidate":
        print(f'Good "{given.namespace}" signature with {name} key {answer.fingerprint}')
        return 0
    for who, blob, options in _signers(given.file):
        if blob == key.blob and _matches(given.identity or "", who) and _usable(options, given):
            print(f'Good "{given.namespace}" signature for {given.identity} with {name} key {answer.fingerprint}')
            return 0
    print("Could not verify signature.")
    return 255


def _signers(file: Path) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """Lines of an allowed signers file: principals [options] key-type base64 [comment]."""
    for line in file.read_text().splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        start = next((i for i, word in enumerate(words[1:], 1) if word.startswith(("ssh-", "ecdsa-"))), None)
        if start is None:
            continue
        options: dict[str, str] = {}
        for option in ",".join(words[1:start]).split(","):
            if option:
                key, _, value = option.partition("=")
                options[key.lower()] = value.strip('"')
        yield words[0].strip('"'), sshkey.parse_public(" ".join(words[start : start + 2])).blob, options


def _matches(who: str, principals: str) -> bool:
    patterns = principals.split(",")
    refused = any(fnmatch.fnmatchcase(who, item[1:]) for item in patterns if item.startswith("!"))
    return not refused and any(fnmatch.fnmatchcase(who, item) for item in patterns)


def _usable(options: dict[str, str], given: argparse.Namespace) -> bool:
    """Whether the line's options allow this use. An option that is not known makes the line unusable."""
    if set(options) - {"namespaces", "valid-after", "valid-before"}:
        return False
    if "namespaces" in options and not _matches(given.namespace, options["namespaces"]):
        return False
    now = datetime.now(UTC)
    for option in given.options:
        key, _, value = option.partition("=")
        if key.lower() == "verify-time":
            now = _time(value)
    after, before = options.get("valid-after"), options.get("valid-before")
    return not (after and now < _time(after)) and not (before and now >= _time(before))


def _time(text: str) -> datetime:
    """YYYYMMDD[HHMM[SS]], local time unless it ends with Z (ssh-keygen(1))."""
    digits = text.removesuffix("Z")
    layout = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}[len(digits)]
    parsed = datetime.strptime(digits, layout)
    return parsed.replace(tzinfo=UTC) if text.endswith("Z") else parsed.astimezone()


if __name__ == "__main__":
    sys.exit(main())
