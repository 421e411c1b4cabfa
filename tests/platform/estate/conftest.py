from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from interlock.clients.git import keys
from interlock.platform import estate

from ..acme import PEOPLE, sample


def public_key() -> str:
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


@pytest.fixture(scope="session")
def repositories() -> dict[str, dict[str, bytes]]:
    return sample(
        keys=estate.Keys(
            seal=keys.generate_openpgp("Interlock <interlock@acme.test>")[1],
            forge="FORGE\n",
            release="RELEASE\n",
            attest="ATTEST\n",
        ),
        seal_key_ids=["0123456789ABCDEF"],
        ssh_keys={person: [public_key()] for person in PEOPLE},
        chart={
            "charts/service/1.1.0/Chart.yaml": b"name: service\n",
            "charts/service/1.1.0/templates/_service.tpl": b"",
        },
        catalog={"catalog/tasks/git-clone.yaml": b"kind: Task\n"},
        builder="https://interlock.dev/builder",
    )


@pytest.fixture
def files(repositories: dict[str, dict[str, bytes]]) -> dict[str, bytes]:
    service = estate.Service(
        name="payments",
        shape="ace-flow",
        team="payments",
        owner="sam",
        repository="payments",
        image="registry.acme.test/integration/payments",
        configuration_item="payments",
    )
    return {**repositories["platform"], "services/payments.yaml": service.file()}
