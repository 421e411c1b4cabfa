"""Where Chains' readers look for provenance: signed statements as annotations of the run that they are about.

Names, encodings and the envelope's key id are those of Chains' storage ``tekton`` (tektoncd/chains pkg/chains/storage/
tekton/tekton.go, signing/wrap.go, annotations, e44b60f); there is no certificate, so its annotations are empty.
"""

from __future__ import annotations

import base64
from typing import Final, Literal

from cryptography.hazmat.primitives import serialization

from interlock.formats.oci import strict
from interlock.formats.signatures import sshkey
from interlock.formats.sigstore import dsse
from interlock.platform.books import canonical
from interlock.platform.books.keys import AttestKey
from interlock.platform.statements.hints import Descriptor

PREFIX: Final = "chains.tekton.dev/"
SIGNED: Final = PREFIX + "signed"
Kind = Literal["TaskRun", "PipelineRun"]


def key_id(key: AttestKey) -> str:
    """OpenSSH's fingerprint of the public key: ``SHA256:`` and base64 without padding."""
    line = key.public.key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return sshkey.parse_public(line.decode()).fingerprint


def stored(kind: Kind, uid: str, statement: Descriptor, key: AttestKey) -> dict[str, str]:
    """The annotations of the run with this uid. Raises RefusedError ``attest-key-public``."""
    payload = canonical.encode(statement)
    signature = key.sign(dsse.pae(dsse.INTOTO, payload))
    envelope = {
        "payloadType": dsse.INTOTO,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key_id(key), "sig": base64.b64encode(signature).decode()}],
    }
    name = f"{kind.lower()}-{uid}"
    return {
        f"{PREFIX}payload-{name}": base64.b64encode(payload).decode(),
        f"{PREFIX}signature-{name}": base64.b64encode(strict.dump(envelope)).decode(),
        f"{PREFIX}cert-{name}": "",
        f"{PREFIX}chain-{name}": "",
        SIGNED: "true",
    }
