"""Real clients of the field, for whoever asks. A test that needs one is skipped, visibly, where it is absent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

# A machine that is busy, or that counts which lines run, makes no test fail: no seconds are asserted.
settings.register_profile("interlock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("interlock")


@pytest.fixture
def client() -> Callable[[str], str]:
    """``client("cosign")`` is the path of that program, or a skip that names it (see .ci/run)."""

    def find(name: str) -> str:
        folder = os.environ.get("INTERLOCK_REAL_CLIENTS", "")
        path = shutil.which(name, path=os.pathsep.join(filter(None, [folder, os.environ.get("PATH", "")])))
        if path is None:
            pytest.skip(f"real client absent: {name}")
        return path

    return find
