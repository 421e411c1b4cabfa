"""Secrets out of what is shown: `values` (which), `forms` (how programs print them), `masker` (of a stream)."""

from interlock.tekton.engine.masking.masker import MASK, SHORTEST, Masker

__all__ = ["MASK", "SHORTEST", "Masker"]
