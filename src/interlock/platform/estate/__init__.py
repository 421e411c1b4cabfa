"""The estate: ``platform.yaml``, ``people.yaml``, ``checks.yaml``, registered services, and the layout of env repos.

Public interface::

    estate = load(files, commit=sealed_commit)          # files of the platform repo, path -> bytes
    rules.of(estate.environment("prod"), "image")       # what a kind of delivery must have there
    protection.required(estate)                         # what the forge must enforce
    strictness.differences(before, after)               # what an edit makes stricter, and what weaker
    layout.set_image(data, tag, digest, file=path)      # the edit that an image delivery is

Files are strict: unknown fields, duplicate keys and contradictions are errors with file:line:column.
"""

from interlock.platform.estate.check_table import CheckEntry, CheckTable
from interlock.platform.estate.estate import Estate, Keys, belongs, load, load_service
from interlock.platform.estate.people import FileSource, PeopleSource
from interlock.platform.estate.platform import PLATFORM, Accounts, Environment, Platform, Requirement, Rules
from interlock.platform.estate.service import Service

__all__ = [
    "PLATFORM",
    "Accounts",
    "CheckEntry",
    "CheckTable",
    "Environment",
    "Estate",
    "FileSource",
    "Keys",
    "PeopleSource",
    "Platform",
    "Requirement",
    "Rules",
    "Service",
    "belongs",
    "load",
    "load_service",
]
