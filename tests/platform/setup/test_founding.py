"""What `interlock platform init` would make, read from an estate folder: values, before anything is done."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from interlock.clients.context import Context, Endpoint, Identity, Keys, Stores
from interlock.clients.git import keys
from interlock.errors import InterlockError
from interlock.platform import estate
from interlock.platform.domain.ids import CommitId
from interlock.platform.setup import accounts, founding, installation

from .. import acme

VALUES = acme.founded().values
PUBLIC = estate.Keys(
    seal=keys.generate_openpgp("Interlock <interlock@acme.test>")[1],
    forge="FORGE\n",
    release="RELEASE\n",
    attest="ATTEST\n",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the sample, to change."""
    return Path(shutil.copytree(str(acme.SAMPLE), tmp_path / "estate"))


def edit(folder: Path, old: str, new: str, file: str = "platform/platform.yaml") -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))


def context(**identities: Identity) -> Context:
    place, here = Endpoint(name="x", outside="http://127.0.0.1:1", inside="http://127.0.0.1:1"), Path("/nowhere")
    return Context(
        name="test",
        organisation="acme",
        forge=place,
        registry=place,
        tickets=place,
        clusters={},
        kubeconfig=here,
        identities=identities,
        keys=Keys(seal=here, release=here, attest=here),
        stores=Stores(evidence=here, ledger=here, index=here),
        webhook=Endpoint(name="controller", outside="http://127.0.0.1:2", inside="http://127.0.0.1:2"),
    )


def plan(folder: Path) -> installation.Plan:
    return installation.plan(founding.read(folder, VALUES), context(), PUBLIC, seal_key_ids=("0123456789ABCDEF",))


class TestPlan:
    def test_repositories_are_those_of_platform_yaml(self, folder: Path) -> None:
        edit(folder, "name: prod\n    repository: env-prod", "name: live\n    repository: deliveries-live")
        edit(folder, "repository: platform", "repository: rules")
        made = plan(folder)
        assert list(made.repositories) == ["rules", "env-dev", "env-test", "deliveries-live"]
        assert made.repositories["deliveries-live"]["README.md"].startswith(b"# What runs in live\n")
        assert {name for name, _ in made.protections} == set(made.repositories)

    def test_every_repository_has_the_chart_and_the_platforms_the_catalog(self, folder: Path) -> None:
        repositories = plan(folder).repositories
        assert all("charts/service/1.2.0/Chart.yaml" in files for files in repositories.values())
        own = repositories["platform"]
        assert {"catalog/pipelines/build-ace-flow.yaml", "catalog/tasks/git-clone.yaml", "keys/seal.asc"} < set(own)
        # An Application's source must exist before the first service does.
        assert all(any(path.startswith("argocd/") for path in files) for name, files in repositories.items())

    def test_what_the_estate_says_of_builds_is_in_the_catalog(self, folder: Path) -> None:
        edit(folder, "maxAge: 3650d", "maxAge: 36h")
        own = plan(folder).repositories["platform"]
        assert b"default: 36h\n" in own["catalog/tasks/vulnerability-scan.yaml"]
        assert b"default: https://git/acme/env-dev\n" in own["catalog/pipelines/build-ace-flow.yaml"]

    def test_what_a_folder_has_besides_goes_along(self, folder: Path) -> None:
        (folder / "platform" / "CODEOWNERS").write_text("* @platform\n")
        (folder / "environment" / "docs").mkdir()
        (folder / "environment" / "docs" / "on-call.md").write_text("Of @{environment}.\n")
        repositories = plan(folder).repositories
        assert repositories["platform"]["CODEOWNERS"] == b"* @platform\n"
        assert repositories["env-prod"]["docs/on-call.md"] == b"Of prod.\n"

    def test_hooks_protections_and_objects(self, folder: Path) -> None:
        made = plan(folder)
        assert [item.name for item in made.hooks] == ["controller"]
        rules = {(name, rule.branch): rule for name, rule in made.protections}
        assert rules["env-prod", "main"].approvals == 2 and rules["platform", "sealed"].push == ("interlock",)
        assert {item["kind"] for item in made.objects} == {"AppProject", "Application", "ConfigMap"}


class TestAnEstateThatStands:
    def test_is_mended_as_it_is_sealed_whatever_the_folder_says(self, folder: Path) -> None:
        """Its rules changed by delivery since; the folder is the sample, as for whoever leaves --from out."""
        edit(folder, "repository: env-prod", "repository: deliveries-prod")
        sealed_files = {**plan(folder).repositories["platform"], "argocd/later.yaml": b"kind: AppProject\n"}
        sealed_estate = estate.load(sealed_files, commit=CommitId("a" * 40))
        found = dataclasses.replace(
            founding.read(acme.SAMPLE, VALUES), estate=sealed_estate, files=sealed_files, stands=True
        )
        made = installation.plan(found, context(), PUBLIC, seal_key_ids=("FEDCBA9876543210",))
        assert list(made.repositories) == ["platform", "env-dev", "env-test", "deliveries-prod"]
        assert made.repositories["platform"] == dict(sorted(sealed_files.items()))
        assert {"kind": "AppProject"} in made.objects
        assert "FEDCBA9876543210" not in str(made.objects)
        assert ("deliveries-prod", "main") in {(name, rule.branch) for name, rule in made.protections}


class TestAccounts:
    def forge(self, *logins: str, folder: Path | None = None) -> tuple[accounts.Account, ...]:
        found = founding.read(folder or acme.SAMPLE, VALUES)
        given = {login: Identity(forge=Path("/tokens") / login) for login in logins}
        return accounts.plan(found.estate, context(**given))

    def test_people_and_service_accounts_that_the_estate_names(self) -> None:
        found = self.forge("interlock", "interlock-ci", "argocd", "dana", "dana-alt", "root-admin", "stranger")
        assert [(item.login, item.name, item.email) for item in found] == [
            ("interlock", "interlock", "interlock@acme.test"),
            ("interlock-ci", "interlock-ci", "interlock-ci@acme.test"),
            ("argocd", "argocd", "argocd@acme.test"),
            ("dana", "Dana Moss", "dana@acme.test"),
            ("dana-alt", "Dana Moss", "dana@acme.test"),
        ]
        assert [item.login for item in found if item.seals] == ["interlock"]

    def test_who_has_no_token_file_gets_no_account(self) -> None:
        found = founding.read(acme.SAMPLE, VALUES)
        assert accounts.plan(found.estate, context(dana=Identity())) == ()

    def test_the_names_are_the_estates(self, folder: Path) -> None:
        edit(folder, "platform: interlock\n  pipeline: interlock-ci", "platform: robot\n  pipeline: builder")
        made = self.forge("robot", "builder", "argocd", "interlock", "sam", folder=folder)
        assert [item.login for item in made] == ["robot", "builder", "argocd", "sam"]
        assert accounts.teams(founding.read(folder, VALUES).estate.platform, made) == {
            "Owners": ("robot",),
            "developers": ("builder", "sam"),
            "readers": ("argocd",),
        }


class TestRefused:
    @pytest.mark.parametrize(
        ("old", "new", "code"),
        [
            ("organisation: @{organisation}", "organisation: other", "estate-organisation"),
            ("registry: @{registry}", "registry: @{registy}", "template-placeholder"),
            ("pipeline: build-ace-flow", "pipeline: build-my-own", "pipeline-unknown"),
            ("shape: ace-flow", "shape: http-api", "shape-unknown"),
            ("owner: sam", "ower: sam", "estate-unknown-field"),
            ("  - id: ledger", "  - id: treasury", "estate-inconsistent"),
        ],
    )
    def test_an_estate_that_cannot_be(self, folder: Path, old: str, new: str, code: str) -> None:
        edit(folder, old, new)
        with pytest.raises(InterlockError) as caught:
            founding.read(folder, VALUES)
        assert caught.value.code == code

    @pytest.mark.parametrize("file", ["platform/platform.yaml", "platform/people.yaml", "environment/README.md"])
    def test_a_file_that_is_not_there(self, folder: Path, file: str) -> None:
        (folder / file).unlink()
        with pytest.raises(InterlockError) as caught:
            founding.read(folder, VALUES)
        assert caught.value.code == "estate-file-missing" and str(caught.value.where).endswith(file)

    def test_a_file_that_is_no_text(self, folder: Path) -> None:
        (folder / "platform" / "logo.png").write_bytes(b"\x89PNG\xff")
        with pytest.raises(InterlockError) as caught:
            founding.read(folder, VALUES)
        assert (caught.value.code, str(caught.value.where)) == ("template-encoding", "logo.png")
