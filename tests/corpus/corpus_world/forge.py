"""The forge: Gitea's API over stored objects, and its repositories over git's smart HTTP."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .serving import Answer, Asked, as_json

API = "/api/v1"
UNAUTHENTICATED = Answer(401, b"{}", headers={"WWW-Authenticate": 'Basic realm="forge"'})


class Forge:
    """``objects``: the corpus' forge.json; ``folder`` holds ``<repository>.git``."""

    def __init__(self, objects: Mapping[str, Any], folder: Path) -> None:
        self.organisation = objects["organisation"]["name"]
        self._folder = folder
        self._users = objects["users"]
        self._repositories = objects["repositories"]
        self._key = objects["signing_key"]
        self._things: dict[str, Any] = {"/version": objects["version"]}
        self._lists: dict[str, list[Any]] = {}
        self._add_people(objects)
        for name, repository in self._repositories.items():
            self._add(f"/repos/{self.organisation}/{name}", repository)

    def __call__(self, asked: Asked) -> Answer:
        if asked.who is None:
            return UNAUTHENTICATED
        if not asked.path.startswith(f"{API}/"):
            return self._git(asked)
        path = asked.path.removeprefix(API)
        if path == "/signing-key.gpg":
            return Answer(200, self._key.encode(), "text/plain")
        if path == "/user":
            return self._thing(self._users.get(asked.who))
        if path in self._lists:
            return _page(self._list(path, asked.query), asked.query)
        if history := re.fullmatch(rf"/repos/{self.organisation}/([^/]+)/commits", path):
            return self._history(history[1], asked.query)
        if file := re.fullmatch(rf"/repos/{self.organisation}/([^/]+)/raw/(.+)", path):
            return self._raw(file[1], file[2], asked.query.get("ref", "HEAD"))
        return self._thing(self._things.get(path))

    @staticmethod
    def reads(method: str, path: str) -> bool:
        """A fetch is a POST."""
        return method == "POST" and path.endswith("/git-upload-pack")

    def _add_people(self, objects: Mapping[str, Any]) -> None:
        organisation = f"/orgs/{self.organisation}"
        self._things[organisation] = objects["organisation"]
        self._lists[f"{organisation}/teams"] = objects["teams"]
        self._lists[f"{organisation}/repos"] = [item["repository"] for item in self._repositories.values()]
        for login, user in objects["users"].items():
            self._things[f"/users/{login}"] = user
            self._lists[f"/users/{login}/keys"] = objects["keys"][login]

    def _add(self, path: str, stored: Mapping[str, Any]) -> None:
        things, lists = self._things, self._lists
        things[path] = stored["repository"]
        lists[f"{path}/branches"] = stored["branches"]
        lists[f"{path}/branch_protections"] = stored["protections"]
        lists[f"{path}/pulls"] = stored["pulls"]
        things |= {f"{path}/branches/{item['name']}": item for item in stored["branches"]}
        things |= {f"{path}/branch_protections/{item['rule_name']}": item for item in stored["protections"]}
        for pull in stored["pulls"]:
            number = str(pull["number"])
            things[f"{path}/pulls/{number}"] = pull
            lists[f"{path}/pulls/{number}/reviews"] = stored["reviews"][number]
            lists[f"{path}/issues/{number}/comments"] = stored["comments"][number]
            things |= {f"{path}/pulls/{number}/reviews/{item['id']}": item for item in stored["reviews"][number]}
            if pull.get("merged"):
                things[f"{path}/commits/{pull['merge_commit_sha']}/pull"] = pull
        for commit, found in stored["commits"].items():
            things[f"{path}/git/commits/{commit}"] = found
        for commit, found in stored["statuses"].items():
            lists[f"{path}/statuses/{commit}"] = lists[f"{path}/commits/{commit}/statuses"] = found

    def _list(self, path: str, query: Mapping[str, str]) -> Sequence[Any]:
        found = self._lists[path]
        if not path.endswith("/pulls"):
            return found
        state = query.get("state", "open")
        return [item for item in found if state in ("all", item["state"])]

    @staticmethod
    def _thing(found: Any) -> Answer:
        return as_json({"message": "Not Found"}, 404) if found is None else as_json(found)

    def _history(self, repository: str, query: Mapping[str, str]) -> Answer:
        done = self._run(repository, "rev-list", "--end-of-options", query.get("sha") or "HEAD", "--")
        if done is None:
            return self._thing(None)
        known = self._repositories[repository]["commits"]
        return _page([known[commit] for commit in done.decode().split()], query)

    def _raw(self, repository: str, path: str, ref: str) -> Answer:
        data = self._run(repository, "cat-file", "blob", f"{ref}:{path}")
        return self._thing(None) if data is None else Answer(200, data, "application/octet-stream")

    def _git(self, asked: Asked) -> Answer:
        """https://git-scm.com/docs/http-protocol, reads only."""
        match = re.fullmatch(rf"/{self.organisation}/([\w.-]+?)(?:\.git)?/(info/refs|git-upload-pack)", asked.path)
        if match is None or (match[2] == "info/refs" and asked.query.get("service") != "git-upload-pack"):
            return self._thing(None)
        advertise = match[2] == "info/refs"
        protocol = asked.headers.get("Git-Protocol", "")
        words = ["upload-pack", "--stateless-rpc", *(["--advertise-refs"] if advertise else []), "."]
        data = self._run(match[1], *words, stdin=asked.body, protocol=protocol)
        if data is None:
            return self._thing(None)
        announced = b"001e# service=git-upload-pack\n0000" if advertise and "version=2" not in protocol else b""
        kind = "advertisement" if advertise else "result"
        return Answer(200, announced + data, f"application/x-git-upload-pack-{kind}")

    def _run(self, repository: str, *words: str, stdin: bytes = b"", protocol: str = "") -> bytes | None:
        """What git prints, or None when it fails or there is no such repository."""
        folder = self._folder / f"{repository}.git"
        if repository not in self._repositories or not folder.is_dir():
            return None
        environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_PROTOCOL": protocol}
        done = subprocess.run(["git", *words], cwd=folder, env=environment, input=stdin, capture_output=True)
        return None if done.returncode else done.stdout


def _page(found: Sequence[Any], query: Mapping[str, str]) -> Answer:
    """Gitea's paging: at most 50 a page."""
    limit = min(int(query.get("limit") or 30), 50)
    start = (max(int(query.get("page") or 1), 1) - 1) * limit
    return as_json(found[start : start + limit], X_Total_Count=str(len(found)))
