from __future__ import annotations

from typing import Any

import pytest

from interlock.clients.git import keys
from interlock.formats import yaml
from interlock.formats.signatures import openpgp
from interlock.platform import estate
from interlock.platform.domain.ids import CommitId
from interlock.platform.estate import argocd, protection
from interlock.platform.estate.model import parse
from interlock.platform.estate.platform import Platform

Repositories = dict[str, dict[str, bytes]]


def objects(files: dict[str, bytes]) -> dict[tuple[str, str], Any]:
    found = [yaml.load(data, file=path).value for path, data in files.items() if path.startswith("argocd/project")]
    found += [yaml.load(data, file=path).value for path, data in files.items() if path.startswith("argocd/root")]
    return {(item["kind"], item["metadata"]["name"]): item["spec"] for item in found}


def test_four_repositories_and_the_chart_in_each(repositories: Repositories) -> None:
    assert set(repositories) == {"platform", "env-dev", "env-test", "env-prod"}
    for files in repositories.values():
        assert files["charts/service/1.1.0/Chart.yaml"] == b"name: service\n"
    assert "catalog/tasks/git-clone.yaml" in repositories["platform"]


def test_test_and_prod_trust_the_seal_key_alone(repositories: Repositories) -> None:
    found = objects(repositories["platform"])
    for name in ("test", "prod", "platform"):
        assert found["AppProject", name]["signatureKeys"] == [{"keyID": "0123456789ABCDEF"}]
        assert "sourceIntegrity" not in found["AppProject", name], "Argo CD refuses both together"
    assert "signatureKeys" not in found["AppProject", "dev"]


def test_prod_denies_secrets_and_the_default_project_allows_nothing(repositories: Repositories) -> None:
    found = objects(repositories["platform"])
    assert {"group": "", "kind": "Secret"} in found["AppProject", "prod"]["namespaceResourceBlacklist"]
    assert found["AppProject", "default"]["sourceRepos"] == found["AppProject", "default"]["destinations"] == []


def test_no_project_reaches_another_environments_cluster_or_repository(repositories: Repositories) -> None:
    found = objects(repositories["platform"])
    for name in ("dev", "test", "prod"):
        spec = found["AppProject", name]
        assert spec["sourceRepos"] == [f"https://git/acme/env-{name}"]
        assert {item["server"] for item in spec["destinations"]} == {f"https://{name}-cluster"}


def test_which_applications_exist_is_sealed_in_every_environment(repositories: Repositories) -> None:
    found = objects(repositories["platform"])
    for name in ("platform", "dev", "test", "prod"):
        spec = found["Application", f"root-{name}"]
        assert spec["source"]["targetRevision"] == "refs/heads/sealed" and spec["project"] == "platform"
        assert spec["syncPolicy"]["automated"] == {"prune": False, "selfHeal": True}


def test_from_argo_cd_3_5_the_estate_may_choose_source_integrity(repositories: Repositories) -> None:
    text = repositories["platform"]["platform.yaml"].replace(
        b"sourceIntegrity: signatureKeys", b"sourceIntegrity: sourceIntegrity"
    )
    platform = parse(Platform, text, file="platform.yaml")
    _, certificate = keys.generate_openpgp("Interlock <interlock@acme.test>")
    spec = objects(argocd.files(platform, seal_key_ids=["AB"], seal_certificate=certificate))["AppProject", "prod"]
    assert "signatureKeys" not in spec
    (policy,) = spec["sourceIntegrity"]["git"]["policies"]
    assert policy == {"repos": [{"url": "*"}], "gpg": {"mode": "strict", "keys": ["AB"]}}


def test_the_keyring_names_each_certificate_by_its_primary_key(repositories: Repositories) -> None:
    """A certificate's signing subkey is what projects name, and what Argo CD must not find here."""
    platform = parse(Platform, repositories["platform"]["platform.yaml"], file="platform.yaml")
    certificates = [keys.generate_openpgp(f"{name} <seal@acme.test>")[1] for name in ("old", "new")]
    files = argocd.files(platform, seal_key_ids=["0123456789ABCDEF"], seal_certificate="".join(certificates))
    data = yaml.load(files["argocd/keyring.yaml"], file="keyring.yaml").value["data"]
    assert {name: openpgp.fingerprint(text) for name, text in data.items()} == {
        found[-16:].upper(): found for found in map(openpgp.fingerprint, certificates)
    }


@pytest.fixture
def rules(files: dict[str, bytes]) -> dict[str, dict[str, protection.BranchRules]]:
    required = protection.required(estate.load(files, commit=CommitId("a" * 40)))
    return {repository: {item.branch: item for item in found} for repository, found in required.items()}


def test_only_the_platform_writes_sealed_anywhere(rules: dict[str, dict[str, protection.BranchRules]]) -> None:
    for repository in ("acme/platform", "acme/env-dev", "acme/env-test", "acme/env-prod"):
        sealed = rules[repository]["sealed"]
        assert sealed.push == ("interlock",) and sealed.merge == () and sealed.block_admins


def test_prod_and_test_demand_reviews_the_gate_and_signatures(
    rules: dict[str, dict[str, protection.BranchRules]],
) -> None:
    prod, test = rules["acme/env-prod"]["main"], rules["acme/env-test"]["main"]
    assert (prod.approvals, test.approvals) == (2, 1)
    for main in (prod, test):
        assert main.push == () and main.merge == ("interlock",)
        assert main.statuses == ("interlock/gate",) and main.dismiss_stale and main.signed_commits and main.block_admins
    dev = rules["acme/env-dev"]["main"]
    assert dev.push is None and dev.approvals == 0
    assert rules["acme/payments"]["main"].signed_commits
