from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from interlock.clients.git import keys
from interlock.platform import estate as estates
from interlock.platform.domain.ids import CommitId

from ..acme import PEOPLE, sample


def public_key() -> str:
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


@pytest.fixture(scope="session")
def estate() -> estates.Estate:
    """The sample estate, with the services payments and refunds."""
    files = sample(
        keys=estates.Keys(
            seal=keys.generate_openpgp("Interlock <interlock@acme.test>")[1],
            forge="FORGE\n",
            release="RELEASE\n",
            attest="ATTEST\n",
        ),
        seal_key_ids=["0123456789ABCDEF"],
        ssh_keys={person: [public_key()] for person in PEOPLE},
        chart={"charts/service/1.1.0/Chart.yaml": b"name: service\n"},
        catalog={"catalog/tasks/git-clone.yaml": b"kind: Task\n"},
        builder="https://interlock.dev/builder",
    )["platform"]
    for name in ("payments", "refunds"):
        service = estates.Service(
            name=name,
            shape="ace-flow",
            team="payments",
            owner="sam",
            repository=name,
            image=f"registry.acme.test/integration/{name}",
            configuration_item=name,
        )
        files[f"services/{name}.yaml"] = service.file()
    return estates.load(files, commit=CommitId("a" * 40))
