"""Pull requests, reviews, merges, comments."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from interlock.errors import InputError, NotFoundError, RefusedError, UnsupportedError
from interlock.local.forge.api import Body, Call, Page, Table
from interlock.local.forge.records import Level, Pull, Repo, Review

table = Table()
_PULLS = "/repos/{owner}/{repo}/pulls"
_PULL = _PULLS + "/{number}"


class NewPull(Body):
    head: str
    base: str
    title: str
    body: str = ""
    assignee: str = ""
    assignees: list[str] | None = None
    labels: list[int] | None = None
    milestone: int = 0
    due_date: str | None = None


class EditPull(Body):
    title: str | None = None
    body: str | None = None
    base: str | None = None
    state: str | None = None


class NewReview(Body):
    event: str = ""
    body: str = ""
    commit_id: str = ""
    comments: list[Any] | None = None


class Dismissal(Body):
    message: str = ""
    priors: bool = False


class Merge(Body):
    Do: str = "merge"
    head_commit_id: str = ""
    MergeTitleField: str = ""
    MergeMessageField: str = ""
    MergeCommitID: str = ""
    force_merge: bool = False
    delete_branch_after_merge: bool = False
    merge_when_checks_succeed: bool = False


class NewComment(Body):
    body: str


@table.get(_PULLS, "repository")
def list_pulls(call: Call) -> Any:
    repo = call.repo()
    state = call.query("state", "open")
    if state not in ("open", "closed", "all"):
        raise InputError("state-invalid", "not a state", got=state[:20], expected="open, closed or all")
    return Page(call.forge.pulls.all(repo, state), lambda pull: call.forge.pull_json(repo, pull))


@table.post(_PULLS, "repository")
def create(call: Call) -> Any:
    repo = call.repo()
    given = call.body(NewPull)
    for name in ("assignee", "assignees", "labels", "milestone", "due_date"):
        if getattr(given, name):
            raise UnsupportedError("pull-option-unsupported", f"{name} is not supported by this forge")
    pull = call.forge.pulls.create(
        repo, call.account, head=given.head, base=given.base, title=given.title, body=given.body
    )
    return call.forge.pull_json(repo, pull)


@table.get(_PULL, "repository")
def get(call: Call) -> Any:
    repo, pull = _find(call)
    return call.forge.pull_json(repo, pull)


@table.patch(_PULL, "repository", 201)
def edit(call: Call) -> Any:
    repo, pull = _find(call)
    given = call.body(EditPull)
    edited = call.forge.pulls.edit(
        repo, pull, call.account, title=given.title, body=given.body, base=given.base, state=given.state
    )
    return call.forge.pull_json(repo, edited)


@table.get(f"{_PULL}/commits", "repository")
def commits(call: Call) -> Any:
    repo, pull = _find(call)
    found = call.forge.repositories.git(repo).reachable(pull.head_sha, [pull.merge_base])
    return Page(found, lambda commit: call.forge.present.commit(repo, commit))


@table.get(f"{_PULL}/files", "repository")
def files(call: Call) -> Any:
    repo, pull = _find(call)
    names = {"A": "added", "D": "deleted"}
    changes = call.forge.repositories.git(repo).diff(pull.merge_base, pull.head_sha)
    return Page(changes, lambda item: {"filename": item.path, "status": names.get(item.status, "changed")})


@table.get("/repos/{owner}/{repo}/commits/{sha}/pull", "repository")
def pull_of_commit(call: Call) -> Any:
    repo = call.repo()
    return call.forge.pull_json(repo, call.forge.pulls.merged_by_commit(repo, call.text("sha")))


# -- merging ---------------------------------------------------------------------------------------------------------


@table.get(f"{_PULL}/merge", "repository")
def is_merged(call: Call) -> Any:
    if not _find(call)[1].merged:
        raise NotFoundError("pull-not-merged", "not merged")
    return Response(status_code=204)


@table.post(f"{_PULL}/merge", "repository", 200)
def merge(call: Call) -> Any:
    repo, pull = _find(call)
    given = call.body(Merge)
    if given.Do != "merge":
        raise RefusedError("merge-style", "Invalid merge style: only merge commits are allowed", got=given.Do[:30])
    for name in ("MergeCommitID", "delete_branch_after_merge", "merge_when_checks_succeed"):
        if getattr(given, name):
            raise UnsupportedError("merge-option-unsupported", f"{name} is not supported by this forge")
    call.forge.merges.merge(
        repo,
        pull.number,
        call.account,
        head_commit_id=given.head_commit_id,
        title=given.MergeTitleField,
        message=given.MergeMessageField,
        force=given.force_merge,
    )


# -- reviews ---------------------------------------------------------------------------------------------------------


@table.get(f"{_PULL}/reviews", "repository")
def reviews(call: Call) -> Any:
    repo, pull = _find(call)
    return Page(call.forge.pulls.reviews(pull), lambda review: call.forge.present.review(repo, pull, review))


@table.post(f"{_PULL}/reviews", "repository", 200)
def review(call: Call) -> Any:
    repo, pull = _find(call)
    given = call.body(NewReview)
    if given.comments:
        raise UnsupportedError("review-option-unsupported", "comments on lines are not supported by this forge")
    made = call.forge.pulls.review(
        repo, pull, call.account, event=given.event, body=given.body, commit_id=given.commit_id
    )
    return call.forge.present.review(repo, pull, made)


@table.get(f"{_PULL}/reviews/{{id}}", "repository")
def get_review(call: Call) -> Any:
    repo, pull, found = _review(call)
    return call.forge.present.review(repo, pull, found)


@table.post(f"{_PULL}/reviews/{{id}}/dismissals", "repository", 200)
def dismiss(call: Call) -> Any:
    call.repo(Level.ADMIN)
    repo, pull, found = _review(call)
    made = call.forge.pulls.dismiss(pull, found, call.account, call.body(Dismissal).message)
    return call.forge.present.review(repo, pull, made)


@table.post(f"{_PULL}/reviews/{{id}}/undismissals", "repository", 200)
def undismiss(call: Call) -> Any:
    call.repo(Level.ADMIN)
    repo, pull, found = _review(call)
    made = call.forge.pulls.dismiss(pull, found, call.account, dismissed=False)
    return call.forge.present.review(repo, pull, made)


# -- comments --------------------------------------------------------------------------------------------------------


@table.get("/repos/{owner}/{repo}/issues/{number}/comments", "issue")
def comments(call: Call) -> Any:
    repo, pull = _find(call)
    return [call.forge.present.comment(repo, pull, comment) for comment in call.forge.pulls.comments(pull)]


@table.post("/repos/{owner}/{repo}/issues/{number}/comments", "issue")
def comment(call: Call) -> Any:
    repo, pull = _find(call)
    made = call.forge.pulls.comment(repo, pull, call.account, call.body(NewComment).body)
    return call.forge.present.comment(repo, pull, made)


def _find(call: Call) -> tuple[Repo, Pull]:
    repo = call.repo()
    return repo, call.forge.pulls.find(repo, call.number("number"))


def _review(call: Call) -> tuple[Repo, Pull, Review]:
    repo, pull = _find(call)
    return repo, pull, call.forge.pulls.find_review(pull, call.number("id"))
