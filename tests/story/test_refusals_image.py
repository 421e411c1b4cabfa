"""What the gate of production refuses to let through as a delivery: images that nobody vouches for, other changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interlock.errors import RefusedError
from interlock.formats.oci import Content, File, image
from interlock.formats.sigstore import keys, referrers, statement

from .story_world.deliveries import proposed, set_image
from .story_world.estate import Estate

REPOSITORY = "integration/payments"
CREATED = datetime(2026, 5, 4, tzinfo=UTC)
VALUES = Path("apps/payments/values.prod.yaml")


def pushed(estate: Estate, text: str) -> tuple[Content, str]:
    """An image that no pipeline built, pushed with the pipeline's own credential, and its tag."""
    made = image.build([image.layer([File("bars/payments.bar", text.encode())])], created=CREATED)
    tag = f"main-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    estate.registry("interlock-ci").push(REPOSITORY, made, tag=tag)
    return made, tag


def edit(path: Path, change: Callable[[str], str]) -> Callable[[Path], None]:
    """Change the text of one file."""

    def apply(clone: Path) -> None:
        (clone / path).write_text(change((clone / path).read_text()))

    return apply


def write(path: str, text: str) -> Callable[[Path], None]:
    """Write one file."""

    def apply(clone: Path) -> None:
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        (clone / path).write_text(text)

    return apply


def both(*changes: Callable[[Path], None]) -> Callable[[Path], None]:
    def apply(clone: Path) -> None:
        for change in changes:
            change(clone)

    return apply


# -- images ------------------------------------------------------------------------------------------------------------


def test_an_image_without_signature_is_refused(estate: Estate) -> None:
    made, tag = pushed(estate, "unsigned")

    with proposed(estate, "env-prod", set_image("payments", "prod", tag, made.descriptor.digest)) as pull:
        gate = pull.says(
            image_signature="signature-missing",
            image_sbom="signature-missing",
            image_promoted="image-not-promoted",
        )

    assert gate.state == "failure"
    assert "image-exists" not in gate.standing


def test_a_signed_sbom_is_not_a_signed_image(estate: Estate) -> None:
    """cosign alone would accept it (research/supplychain.md 0): the key is right, the predicate is not."""
    made, tag = pushed(estate, "only an SBOM is signed")
    digest = made.descriptor.digest
    key = keys.load_private((estate.home.keys / "release.secret.pem").read_bytes())
    sbom = statement.make(statement.CYCLONEDX, digest, {"bomFormat": "CycloneDX", "specVersion": "1.6"})
    signed = referrers.attach(sbom, subject=made.descriptor, key=key, created=CREATED)
    estate.registry("interlock-ci").push(REPOSITORY, signed)

    with proposed(estate, "env-prod", set_image("payments", "prod", tag, digest)) as pull:
        pull.says(image_signature="signature-wrong-predicate")


def test_a_signature_by_another_key_is_refused(estate: Estate) -> None:
    made, tag = pushed(estate, "signed by the key of statements")
    key = keys.load_private((estate.home.keys / "attest.secret.pem").read_bytes())
    claim = statement.image_signature(made.descriptor.digest)
    signed = referrers.attach(claim, subject=made.descriptor, key=key, created=CREATED)
    estate.registry("interlock-ci").push(REPOSITORY, signed)

    with proposed(estate, "env-prod", set_image("payments", "prod", tag, made.descriptor.digest)) as pull:
        pull.says(image_signature="signature-wrong-key")


def test_an_image_that_is_not_there_is_refused(estate: Estate) -> None:
    with proposed(estate, "env-prod", set_image("payments", "prod", "main-00000000dead", "sha256:" + "d" * 64)) as pull:
        pull.says(image_exists="image-missing", image_tag="image-tag-missing")


def test_people_push_no_images(estate: Estate) -> None:
    """Nobody but the pipeline and the platform has an account that may."""
    made = image.build([image.layer([File("a", b"by hand")])], created=CREATED)

    with pytest.raises(RefusedError):
        estate.registry(None).push(REPOSITORY, made, tag="main-000000000000")


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_second_tag_in_a_comment_does_not_hide(estate: Estate, second: str) -> None:
    """What a careless parser takes for the tag: the rule recomputes every byte instead of looking for lines."""
    tag, digest = second.split("@")
    change = both(
        set_image("payments", "prod", tag, digest),
        edit(VALUES, lambda text: text.replace("  tag:", "  # tag: main-000000000000\n  tag:")),
    )
    with proposed(estate, "env-prod", change) as pull:
        gate = pull.says(image_text_diff="image-diff-other")

    assert "values.prod.yaml:" in gate.report


def test_one_more_byte_at_the_end_is_refused(estate: Estate, second: str) -> None:
    tag, digest = second.split("@")
    change = both(set_image("payments", "prod", tag, digest), edit(VALUES, lambda text: text + "\n"))
    with proposed(estate, "env-prod", change) as pull:
        pull.says(image_text_diff="image-diff-other")


def test_configuration_along_with_an_image_is_refused(estate: Estate, second: str) -> None:
    tag, digest = second.split("@")
    change = both(
        set_image("payments", "prod", tag, digest),
        edit(VALUES, lambda text: text.replace("replicas: 1", "replicas: 2")),
    )
    with proposed(estate, "env-prod", change) as pull:
        pull.says(image_text_diff="image-diff-other", image_rendered_diff="rendered-diff-other")


def test_one_delivery_moves_one_service(estate: Estate, second: str) -> None:
    tag, digest = second.split("@")
    change = both(
        set_image("payments", "prod", tag, digest),
        write("apps/refunds/values.prod.yaml", 'image:\n  repository: x\n  tag: ""\n  digest: ""\n'),
    )
    with proposed(estate, "env-prod", change) as pull:
        gate = pull.says(delivery_kind="several-services")

    assert "payments, refunds" in gate.report


# -- kinds -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("values-not-claimed", write("apps/payments/values.test.yaml", "replicas: 3\n")),
        (
            "library-chart-altered",
            write("charts/service/1.2.0/templates/_all.tpl", "apiVersion: v1\nkind: ConfigMap\n"),
        ),
        ("middleware-not-claimed", write("middleware/payments/orders.yaml", "kind: Topic\n")),
    ],
)
def test_what_no_kind_claims_is_refused_by_what_it_is(
    estate: Estate, reason: str, change: Callable[[Path], None]
) -> None:
    with proposed(estate, "env-prod", change, branch=f"change/payments/{reason}") as pull:
        gate = pull.says(delivery_kind=reason)

    assert gate.state == "failure"


def test_an_application_does_not_just_go(estate: Estate) -> None:
    """It is the last step of a removal, whose first has named every object."""
    gone = lambda clone: (clone / "argocd" / "payments.yaml").unlink()  # noqa: E731
    with proposed(estate, "env-prod", gone, branch="change/payments/gone") as pull:
        pull.says(removal_files="removal-files-other", approval_service_owner="approval-missing")


def test_a_weaker_rule_asks_two_of_the_platforms_team_and_a_record(estate: Estate) -> None:
    change = edit(Path("platform.yaml"), lambda text: text.replace("changeRecord: true", "changeRecord: false"))
    with proposed(estate, "platform", change, branch="change/platform/records") as pull:
        gate = pull.says(approval_platform_team="approval-missing", record_approved="record-not-approved")
    assert "delivery-kind" not in gate.standing


def test_a_file_outside_of_the_layout_is_refused(estate: Estate) -> None:
    with proposed(estate, "env-prod", write("scripts/hook.sh", "true\n"), branch="change/payments/hook") as pull:
        pull.says(delivery_kind="path-outside-layout")
