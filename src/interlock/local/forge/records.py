"""Rows of the database as values. Times are RFC 3339 in UTC, to the second, as the API shows them."""

from __future__ import annotations

import enum
import sqlite3
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")


class Level(enum.IntEnum):
    """What an account may do with a repository; each level includes the ones below."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3


LEVELS = {"read": Level.READ, "write": Level.WRITE, "admin": Level.ADMIN, "owner": Level.ADMIN}


@dataclass(frozen=True, slots=True)
class Account:
    id: int
    kind: str
    login: str
    full_name: str
    email: str
    admin: bool
    visibility: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Key:
    id: int
    account: int
    kind: str
    title: str
    content: str
    fingerprint: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Team:
    id: int
    org: int
    name: str
    permission: str
    all_repositories: bool


@dataclass(frozen=True, slots=True)
class Repo:
    id: int
    owner: int
    owner_login: str
    name: str
    description: str
    private: bool
    default_branch: str
    created_at: str

    @property
    def full_name(self) -> str:
        return f"{self.owner_login}/{self.name}"


@dataclass(frozen=True, slots=True)
class Pull:
    id: int
    repository: int
    number: int
    author: int
    title: str
    body: str
    state: str
    head_ref: str
    head_sha: str
    base_ref: str
    merge_base: str
    merged: bool
    merge_commit: str | None
    merged_by: int | None
    merged_at: str | None
    closed_at: str | None
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Review:
    id: int
    pull: int
    author: int
    state: str
    body: str
    commit_id: str
    stale: bool
    official: bool
    dismissed: bool
    submitted_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Comment:
    id: int
    pull: int
    author: int
    body: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Status:
    id: int
    repository: int
    sha: str
    context: str
    state: str
    description: str
    target_url: str
    creator: int
    created_at: str


@dataclass(frozen=True, slots=True)
class Hook:
    id: int
    org: int | None
    repository: int | None
    url: str
    secret: str
    events: str
    active: bool
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Intent:
    """A ref that is about to move: by a push, or by the merge of ``pull``."""

    id: int
    repository: int
    actor: int
    ref: str
    old: str
    new: str
    pull: int | None


def read(kind: type[T], row: sqlite3.Row) -> T:
    """``row`` as a ``kind``; SQLite has no booleans, so they are converted."""
    values = {}
    for field in fields(kind):  # type: ignore[arg-type]  # every kind here is a dataclass
        value = row[field.name]
        values[field.name] = bool(value) if field.type == "bool" else value
    return kind(**values)


def stamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
