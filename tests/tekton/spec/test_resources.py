"""Which compute resources hold for a container."""

from __future__ import annotations

import pytest

from interlock.errors import InputError
from interlock.tekton.spec import resources


@pytest.mark.parametrize(
    ("text", "value"),
    [("64Mi", 64 << 20), ("1G", 10**9), (512, 512), ("1.5Ki", 1536), ("100m", 1), ("1e3", 1000), ("2E", 2 * 10**18)],
)
def test_memory_as_kubernetes_writes_it(text: object, value: int) -> None:
    assert resources.memory_limit({"limits": {"memory": text, "cpu": "2"}}) == value


def test_no_limit_and_no_quantity() -> None:
    assert resources.memory_limit({}) is None
    assert resources.memory_limit({"requests": {"memory": "1Gi"}}) is None
    with pytest.raises(InputError):
        resources.memory_limit({"limits": {"memory": "much"}})
