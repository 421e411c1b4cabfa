from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from interlock.clients.git import keys
from interlock.errors import InputError, NotFoundError
from interlock.formats import yaml
from interlock.platform import estate
from interlock.platform.domain.ids import CommitId, PersonId
from interlock.platform.domain.people import People, Person, System
from interlock.platform.domain.record import RecordState
from interlock.platform.estate import argocd

NOW = datetime(2026, 8, 24, 12, 0, tzinfo=UTC)
COMMIT = CommitId("a" * 40)
SEAL = keys.generate_openpgp("Interlock <interlock@acme.test>")[1]
Files = dict[str, bytes]


def changed(files: Files, path: str, old: str, new: str) -> Files:
    text = files[path].decode()
    assert text.count(old) >= 1
    return {**files, path: text.replace(old, new, 1).encode()}


def refused(files: Files) -> InputError:
    with pytest.raises(InputError) as caught:
        estate.load(files, commit=COMMIT)
    return caught.value


def test_the_sample_is_a_consistent_estate(files: Files) -> None:
    loaded = estate.load(files, commit=COMMIT)
    assert [item.name for item in loaded.platform.environments] == ["dev", "test", "prod"]
    assert loaded.commit == COMMIT
    prod = loaded.environment("prod")
    assert [item.who for item in prod.rules.approvals] == ["service-owner", "other-team"]
    assert prod.rules.change_record and prod.ref == "refs/heads/sealed"
    assert loaded.previous(prod) == loaded.environment("test")
    assert loaded.previous(loaded.environment("dev")) is None
    assert loaded.by_repository("acme/env-prod") == prod
    assert loaded.by_repository("acme/platform").name == "platform"
    assert loaded.service("payments").owner == "sam"
    assert loaded.pipeline("ace-flow") == "build-ace-flow"
    assert loaded.platform.advisories.max_age == timedelta(days=5)
    assert loaded.url("env-dev") == "https://git/acme/env-dev"


def test_an_environment_may_be_promoted_from_any_before_it(files: Files) -> None:
    loaded = estate.load(
        changed(files, "platform.yaml", "name: prod\n", "name: prod\n    promotesFrom: dev\n"), commit=COMMIT
    )
    assert loaded.previous(loaded.environment("prod")) == loaded.environment("dev")
    assert loaded.previous(loaded.environment("test")) == loaded.environment("dev")


NAMED = "\n    namespaces: service-environment"


def test_environments_share_a_cluster_where_namespaces_tell_them_apart(files: Files) -> None:
    shared = changed(files, "platform.yaml", "cluster: https://test-cluster", "cluster: https://dev-cluster" + NAMED)
    refused(shared)  # dev has namespaces of its services' names there
    shared = changed(
        shared, "platform.yaml", "cluster: https://dev-cluster\n", f"cluster: https://dev-cluster{NAMED}\n"
    )
    loaded = estate.load(shared, commit=COMMIT)
    found = {item.name: item.namespace("payments") for item in loaded.platform.environments}
    assert found == {"dev": "payments-dev", "test": "payments-test", "prod": "payments"}
    objects = argocd.files(loaded.platform, seal_key_ids=["AB"], seal_certificate=SEAL)
    for name in ("dev", "test"):
        spec = yaml.load(objects[f"argocd/project-{name}.yaml"], file=name).value["spec"]
        assert [item["namespace"] for item in spec["destinations"]] == [f"*-{name}", "!kube-*"]
    long = "a" * 60
    registered = shared["services/payments.yaml"].replace(b"name: payments", b"name: " + long.encode())
    registered = registered.replace(b"integration/payments", b"integration/" + long.encode())
    error = refused({**shared, f"services/{long}.yaml": registered})
    assert "longer than 63 characters" in error.message


def test_a_registered_service_reads_back_from_the_file_that_registers_it(files: Files) -> None:
    service = estate.load(files, commit=COMMIT).service("payments")
    assert service.file() == files["services/payments.yaml"]
    tiered = service.model_copy(update={"tier": "critical"})
    read = estate.load({**files, "services/payments.yaml": tiered.file()}, commit=COMMIT).service("payments")
    assert read == tiered != service


def test_two_accounts_are_one_person(files: Files) -> None:
    people = estate.load(files, commit=COMMIT).people
    dana = people.by_account(System.FORGE, "dana", NOW)
    assert dana is not None
    assert people.by_account(System.FORGE, "Dana-ALT", NOW) == dana, "forges compare logins without case"
    assert people.by_account(System.TICKETS, "dana", NOW) is None
    assert people.by_key(next(iter(dana.key_fingerprints)), NOW) == dana
    assert people.by_account(System.FORGE, "stranger", NOW) is None


def test_an_entry_that_has_ended_is_nobody(files: Files) -> None:
    ended = changed(
        files, "people.yaml", "  - id: rita\n", '  - id: rita\n    validUntil: "2026-08-24T12:00:00+00:00"\n'
    )
    people = estate.load(ended, commit=COMMIT).people
    assert people.by_account(System.FORGE, "rita", NOW) is None
    assert people.by_account(System.FORGE, "rita", NOW - timedelta(seconds=1)) is not None


def test_the_source_of_people_can_be_exchanged(files: Files) -> None:
    class Directory:
        def people(self) -> People:
            teams = frozenset({"payments"})
            return People((Person(PersonId("sam"), "Sam", "s@x", teams, frozenset(), frozenset()),))  # type: ignore[arg-type]

    del files["people.yaml"]
    assert [item.id for item in estate.load(files, commit=COMMIT, people=Directory()).people.persons] == ["sam"]


@pytest.mark.parametrize(
    ("path", "old", "new", "where"),
    [
        ("platform.yaml", "sealed: true", "seeled: true", "platform.yaml:48:13"),
        ("platform.yaml", "name: prod", "name: Prod", None),
        ("platform.yaml", "who: other-team", "who: anybody", None),
        ("platform.yaml", "scanMaxAge: 30d", "scanMaxAge: 30", None),
        ("platform.yaml", 'to: "24:00"', 'to: "25:00"', None),
        ("platform.yaml", "timezone: UTC", "timezone: Mars/Olympus", None),
        ("platform.yaml", "repository: env-test", "repository: env-dev", None),
        ("platform.yaml", "cluster: https://test-cluster", "cluster: https://dev-cluster", None),
        ("platform.yaml", "cluster: https://test-cluster", "cluster: https://hub-cluster" + NAMED, None),
        ("platform.yaml", "name: test\n", "name: test\n    promotesFrom: prod\n", None),
        ("platform.yaml", "name: test\n", "name: test\n    promotesFrom: test\n", None),
        ("platform.yaml", "name: dev", "name: platform", None),
        ("platform.yaml", 'review: ["0"]', 'review: ["-1"]', None),
        (
            "platform.yaml",
            "freezes: []",
            'freezes: [{name: x, from: "2026-01-01", to: "2027-01-01", environments: [prod]}]',
            None,
        ),
        ("people.yaml", "forge: [rita]", "forge: [rita, DANA]", None),
        ("people.yaml", "teams: [ledger]", "teams: [nobody]", "people.yaml"),
        ("people.yaml", "roles: [platform-reviewer]", "roles: [root]", None),
        ("people.yaml", '- "ssh-ed25519 ', '- "ssh-dss ', None),
        ("services/payments.yaml", "owner: sam", "owner: rita", "services/payments.yaml:6:8"),
        ("services/payments.yaml", "team: payments", "team: nobody", "services/payments.yaml:5:7"),
        ("services/payments.yaml", "shape: ace-flow", "shape: http-api", "services/payments.yaml:4:8"),
        ("services/payments.yaml", "name: payments", "name: ledger", "services/payments.yaml:3:7"),
        ("services/payments.yaml", "image: registry.acme.test", "image: evil.test", "services/payments.yaml:8:8"),
        ("services/payments.yaml", "kind: Service", "kind: Service\nextra: 1", "services/payments.yaml:3:8"),
    ],
)
def test_contradictions_are_refused_with_their_position(
    files: Files, path: str, old: str, new: str, where: str | None
) -> None:
    error = refused(changed(files, path, old, new))
    assert error.code.startswith(("estate-", "yaml-"))
    assert error.where is not None and error.where.file == path
    if where:
        assert str(error.where) == where


def test_a_missing_file_is_named(files: Files) -> None:
    del files["keys/release.pem"]
    with pytest.raises(NotFoundError, match=r"keys/release\.pem"):
        estate.load(files, commit=COMMIT)


def test_an_unregistered_service_is_not_found(files: Files) -> None:
    with pytest.raises(NotFoundError) as caught:
        estate.load(files, commit=COMMIT).service("quotes")
    assert caught.value.code == "service-unknown"


def test_raw_states_outside_the_mapping_mean_nothing(files: Files) -> None:
    tickets = estate.load(files, commit=COMMIT).platform.tickets
    assert tickets.state("-1") is RecordState.IMPLEMENT
    assert tickets.state("-2") is RecordState.SCHEDULED
    assert tickets.state("7") is RecordState.UNMAPPED
