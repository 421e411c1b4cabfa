from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.platform.domain.ids import Digest
from interlock.platform.estate import layout

VALUES = b"""\
# payments in prod
image:
  repository: registry.acme.test/integration/payments # never changes
  tag: ""
  digest: ""
replicas: 2 # sized in 2026
"""
hexes = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(hexes, hexes)
def test_an_image_edit_changes_two_lines_and_reads_back(first: str, second: str) -> None:
    once = layout.set_image(VALUES, f"main-{first[:12]}", Digest(f"sha256:{first}"), file="values.yaml")
    twice = layout.set_image(once, f"main-{second[:12]}", Digest(f"sha256:{second}"), file="values.yaml")
    assert layout.image_in(twice, file="values.yaml").digest == f"sha256:{second}"
    differing = [a for a, b in zip(VALUES.splitlines(), twice.splitlines(), strict=True) if a != b]
    assert [line.split(b":")[0] for line in differing] == [b"  tag", b"  digest"]
    # Going to `second` directly gives the same bytes: an edit does not remember where it came from.
    assert twice == layout.set_image(VALUES, f"main-{second[:12]}", Digest(f"sha256:{second}"), file="values.yaml")
    assert layout.set_image(twice, "", Digest(""), file="values.yaml") == VALUES


@pytest.mark.parametrize(
    "image",
    [
        b"image: text\n",
        b"replicas: 1\n",
        b'image: {repository: r, tag: "", digest: "", pullPolicy: Always}\n',
        b'image:\n  repository: r\n  tag: 12\n  digest: ""\n',
        b"image:\n  repository: r\n  tag: 12345678e90\n  digest: x\n",
        b"image:\n  repository: r\n  tag: a\n  tag: b\n  digest: x\n",
        b"\xff\xfe",
    ],
)
def test_other_forms_of_image_are_refused_with_a_position(image: bytes) -> None:
    with pytest.raises(InputError) as caught:
        layout.set_image(image, "main-" + "0" * 12, Digest("sha256:" + "0" * 64), file="values.yaml")
    assert caught.value.where is not None and caught.value.where.file == "values.yaml"


def test_branches_have_their_full_names_and_what_a_forge_calls_them() -> None:
    assert [layout.short(item) for item in (layout.MAIN, layout.SEALED)] == ["main", "sealed"]
    assert layout.short("main") == "main"


def test_the_environment_of_a_values_file() -> None:
    assert layout.environment_of(layout.values("payments", "prod")) == "prod"
    for path in ("apps/payments/values.yaml", "apps/payments/x/values.prod.yaml", "values.prod.yaml"):
        assert layout.environment_of(path) is None
