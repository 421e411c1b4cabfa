"""Images without pulling them: references, a table of well-known images, what scripts need of an image.

    image = images.normalise("mirror.gcr.io/alpine:3.20")     # mirror.gcr.io/library/alpine:3.20
    profile = images.find(image)                              # shell ash, programs by folder, ENTRYPOINT, CMD, …
    images.programs(script)                                   # ["/bin/sh", "grep", "jq"]
    images.argv(profile.entrypoint, profile.command, args)    # what runs when a step names no command

Pure: `interlock.tekton.engine.images` makes root file systems of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.tekton.spec.images.reference import normalise, origin
from interlock.tekton.spec.images.scripts import interpreter, interpreter_program, is_shell, programs
from interlock.tekton.spec.images.table import Profile, Shell, debian_package, find, names, of, profile, references

__all__ = [
    "Profile",
    "Shell",
    "argv",
    "debian_package",
    "find",
    "interpreter",
    "interpreter_program",
    "is_shell",
    "names",
    "normalise",
    "of",
    "origin",
    "profile",
    "programs",
    "references",
]


def argv(entrypoint: Sequence[str], command: Sequence[str], args: Sequence[str]) -> list[str]:
    """What a step without command and script runs: the image's ENTRYPOINT and CMD with the step's args.

    Upstream appends args to CMD where there is no ENTRYPOINT, unlike Kubernetes (entrypoint_lookup_impl.go imageInfo).
    """
    if not entrypoint:
        return [*command, *args]
    return [*entrypoint, *(args or command)]
