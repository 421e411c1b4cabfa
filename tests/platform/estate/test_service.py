"""What a registered service runs."""

from __future__ import annotations

import pytest

from interlock.errors import InputError
from interlock.platform import estate
from interlock.platform.domain.ids import CommitId
from interlock.platform.domain.workload import Workload

IMAGE = "registry.acme.test/integration/payments"
Files = dict[str, bytes]


def loaded(files: Files, workloads: str) -> estate.Service:
    path = "services/payments.yaml"
    text = files[path] + f"workloads:\n{workloads}".encode()
    return estate.load({**files, path: text}, commit=CommitId("a" * 40)).service("payments")


def test_one_deployment_of_the_services_name_unless_it_says_else(files: Files) -> None:
    service = estate.load(files, commit=CommitId("a" * 40)).service("payments")
    assert service.workloads == (Workload("Deployment", "payments", "payments", IMAGE),)
    assert b"workloads" not in service.file()


def test_a_registration_that_says_the_default_is_written_without_it(files: Files) -> None:
    service = loaded(files, "  - {kind: Deployment, name: payments, container: payments}\n")
    assert service.file() == files["services/payments.yaml"], "one service, one canonical file"


def test_several_workloads_and_sidecars_of_other_images_read_back(files: Files) -> None:
    service = loaded(
        files,
        "  - {kind: StatefulSet, name: payments, container: flow}\n"
        f"  - {{kind: StatefulSet, name: payments, container: proxy, image: {IMAGE}-proxy}}\n"
        "  - {kind: CronJob, name: payments-nightly, container: flow}\n",
    )
    assert service.workloads == (
        Workload("StatefulSet", "payments", "flow", IMAGE),
        Workload("StatefulSet", "payments", "proxy", f"{IMAGE}-proxy"),
        Workload("CronJob", "payments-nightly", "flow", IMAGE),
    )
    again = estate.load({**files, "services/payments.yaml": service.file()}, commit=CommitId("a" * 40))
    assert again.service("payments").workloads == service.workloads
    assert again.service("payments").file() == service.file()


@pytest.mark.parametrize(
    ("workloads", "place"),
    [
        ("  []\n", "11:3"),
        ("  - {kind: ReplicaSet, name: payments, container: payments}\n", "11:12"),
        ("  - {kind: Deployment, name: Payments, container: payments}\n", "11:30"),
        ("  - {kind: Deployment, name: payments}\n", "11:5"),
        ("  - {kind: Deployment, name: payments, container: a, digest: x}\n", "11:62"),
        (f"  - {{kind: Deployment, name: payments, container: a, image: {IMAGE}-proxy}}\n", "11:3"),
        ("  - {kind: Job, name: a, container: a}\n" * 2, "11:3"),
        (
            "  - {kind: Job, name: a, container: a}\n  - {kind: Job, name: a, container: b, image: evil.test/a/b}\n",
            "12:47",
        ),
        (
            "  - {kind: Job, name: a, container: a}\n"
            "  - {kind: Job, name: a, container: b, image: registry.acme.test/integrations/b}\n",
            "12:47",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_with_its_position(files: Files, workloads: str, place: str) -> None:
    with pytest.raises(InputError) as caught:
        loaded(files, workloads)
    assert caught.value.code.startswith("estate-")
    assert str(caught.value.where) == f"services/payments.yaml:{place}"


@pytest.mark.parametrize("name", ["root", "main"])
def test_a_service_has_no_name_that_stands_for_the_whole(files: Files, name: str) -> None:
    """Its Application would be `root-dev`; its reverts would be those that restore everything."""
    text = files["services/payments.yaml"].decode().replace("payments", name).replace(f"team: {name}", "team: payments")
    with pytest.raises(InputError, match="name for itself") as caught:
        estate.load({**files, f"services/{name}.yaml": text.encode()}, commit=CommitId("a" * 40))
    assert str(caught.value.where) == f"services/{name}.yaml:3:7"


@pytest.mark.parametrize("repository", ["platform", "env-prod"])
def test_a_services_repository_is_none_of_the_estates_own(files: Files, repository: str) -> None:
    """Who may push there would be decided as for an app repo."""
    text = files["services/payments.yaml"].replace(b"repository: payments", f"repository: {repository}".encode())
    with pytest.raises(InputError, match="own repository") as caught:
        estate.load({**files, "services/payments.yaml": text}, commit=CommitId("a" * 40))
    assert str(caught.value.where) == "services/payments.yaml:7:13"


def test_two_services_never_share_an_application(files: Files) -> None:
    settings = files["platform.yaml"].replace(b"- name: test\n", b"- name: eu-prod\n")
    text = files["services/payments.yaml"].decode()
    other = text.replace("payments", "payments-eu").replace("team: payments-eu", "team: payments")
    both = {**files, "platform.yaml": settings, "services/payments-eu.yaml": other.encode()}
    del both["checks.yaml"]
    with pytest.raises(InputError, match="would be one Application"):
        estate.load(both, commit=CommitId("a" * 40))
    del both["services/payments-eu.yaml"]
    assert estate.load(both, commit=CommitId("a" * 40)).services.keys() == {"payments"}
