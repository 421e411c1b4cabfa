"""Makes a corpus of a running, quiet estate: what it left, and what its own release answers about it.

    INTERLOCK_HOME=… PATH=<that release's .venv>/bin:$PATH python tests/corpus/make.py tests/corpus/v2

Everything is read through the public APIs, as objects; README.md says what goes where. Nothing is written when a
credential of the home, or the path of the home, is found in it.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import ssl
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import yaml

HOME = Path(os.environ["INTERLOCK_HOME"])
CONTEXT = yaml.safe_load((HOME / "context.yaml").read_text())
ORGANISATION = CONTEXT["organisation"]
LEFT_OUT = {"Secret", "Event", "Lease", "CustomResourceDefinition"}
"""Kinds that no answer needs, or that hold secrets; so do the groups of RBAC."""
TABLES = ("change_request", "sysapproval_approver", "sys_audit", "sys_user")
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json"
)


def token(system: str) -> str:
    return Path(CONTEXT["identities"]["interlock"][system]).read_text().strip()


def everything() -> Iterator[tuple[str, bytes]]:
    """Every file of the corpus: its name in the archive, and its bytes."""
    for path in sorted(Path(CONTEXT["stores"]["evidence"]).rglob("*.json")):
        yield f"evidence/{path.relative_to(CONTEXT['stores']['evidence'])}", path.read_bytes()
    ledger = Path(CONTEXT["stores"]["ledger"])
    for name in (ledger.name, f"{ledger.name}.checkpoint"):
        yield f"ledger/{name}", (ledger.parent / name).read_bytes()
    for name in ("seal", "release", "attest", "record"):
        path = Path(CONTEXT["keys"][name])
        yield f"keys/{path.name}", path.read_bytes()
    yield from repositories()
    yield "tickets.json", packed({table: rows(table) for table in TABLES})
    for name in CONTEXT["clusters"]:
        yield f"clusters/{name}.json", packed(cluster(name))
    yield from registry()


def repositories() -> Iterator[tuple[str, bytes]]:
    """A bundle of every repository, and the forge's own objects about them."""
    base = CONTEXT["forge"]["outside"]
    headers = {"Authorization": f"token {token('forge')}"}
    with httpx.Client(base_url=f"{base}/api/v1", headers=headers, trust_env=False) as http:

        def get(path: str) -> Any:
            answer = http.get(path)
            return None if answer.status_code == 404 else answer.raise_for_status().json()

        def pages(path: str, **query: str) -> list[Any]:
            found: list[Any] = []
            for page in range(1, 1000):
                items = http.get(path, params={**query, "limit": 50, "page": page}).raise_for_status().json()
                found += items
                if not items:
                    break
            return found

        logins = sorted(name for name, item in CONTEXT["identities"].items() if "forge" in item)
        forge: dict[str, Any] = {
            "version": get("/version"),
            "signing_key": http.get("/signing-key.gpg").raise_for_status().text,
            "organisation": get(f"/orgs/{ORGANISATION}"),
            "teams": pages(f"/orgs/{ORGANISATION}/teams"),
            "users": {login: get(f"/users/{login}") for login in logins},
            "keys": {login: pages(f"/users/{login}/keys") for login in logins},
            "repositories": {},
        }
        for repository in pages(f"/orgs/{ORGANISATION}/repos"):
            name = repository["name"]
            bundle, commits = bundled(f"{base}/{ORGANISATION}/{name}.git")
            yield f"repositories/{name}.bundle", bundle
            path = f"/repos/{ORGANISATION}/{name}"
            pulls = pages(f"{path}/pulls", state="all")
            forge["repositories"][name] = {
                "repository": repository,
                "branches": pages(f"{path}/branches"),
                "protections": get(f"{path}/branch_protections"),
                "pulls": pulls,
                "reviews": {pull["number"]: pages(f"{path}/pulls/{pull['number']}/reviews") for pull in pulls},
                "comments": {pull["number"]: get(f"{path}/issues/{pull['number']}/comments") for pull in pulls},
                "commits": {commit: get(f"{path}/git/commits/{commit}") for commit in commits},
                "statuses": {commit: pages(f"{path}/statuses/{commit}") for commit in commits},
            }
        yield "forge.json", packed(forge)


def bundled(url: str) -> tuple[bytes, list[str]]:
    """Every ref of a repository as a bundle, and its commits."""
    # The file that the tutorial gives to people: git asks it for the token.
    git = {**os.environ, "GIT_CONFIG_GLOBAL": str(HOME / "credentials/ssh/dana.gitconfig")}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "mirror.git")
        subprocess.run(["git", "clone", "--quiet", "--mirror", url, folder], check=True, env=git)
        inside = {"cwd": folder, "check": True, "capture_output": True}
        objects = subprocess.run(["git", "cat-file", "--batch-all-objects", "--batch"], **inside).stdout  # type: ignore[call-overload]
        refuse(f"objects of {url}", objects)
        commits = subprocess.run(["git", "rev-list", "--all"], **inside, text=True).stdout.split()  # type: ignore[call-overload]
        subprocess.run(["git", "bundle", "create", "--quiet", "../bundle", "--all"], **inside)  # type: ignore[call-overload]
        return Path(scratch, "bundle").read_bytes(), commits


def rows(table: str) -> list[Any]:
    query = {"sysparm_display_value": "false", "sysparm_exclude_reference_link": "true", "sysparm_limit": "10000"}
    where = f"{CONTEXT['tickets']['outside']}/api/now/table/{table}"
    answer = httpx.get(
        where, params=query, headers={"Authorization": f"Bearer {token('tickets')}"}, trust_env=False
    ).raise_for_status()
    return list(answer.json()["result"])


def cluster(name: str) -> dict[str, Any]:
    """The discovery documents of a cluster, and the objects of the kinds that are kept."""
    kubeconfig = yaml.safe_load(Path(CONTEXT["bootstrap_kubeconfig"]).read_text())
    users = {item["name"]: item["user"]["token"] for item in kubeconfig["users"]}
    user = next(i["context"]["user"] for i in kubeconfig["contexts"] if i["name"] == f"bootstrap@{name}")
    endpoint = CONTEXT["clusters"][name]
    with httpx.Client(
        base_url=endpoint["outside"],
        headers={"Authorization": f"Bearer {users[user]}"},
        verify=ssl.create_default_context(cafile=endpoint["ca"]),
        trust_env=False,
    ) as http:

        def get(path: str) -> Any:
            return http.get(path).raise_for_status().json()

        documents = {path: get(path) for path in ("/version", "/api", "/apis", "/api/v1")}
        for group in documents["/apis"]["groups"]:
            for version in group["versions"]:
                path = f"/apis/{version['groupVersion']}"
                documents[path] = get(path)
        objects: dict[str, Any] = {}
        for path, document in documents.items():
            for kind in document.get("resources", []):
                if "list" in kind["verbs"] and kind["kind"] not in LEFT_OUT and "rbac." not in path:
                    objects[f"{path}/{kind['name']}"] = get(f"{path}/{kind['name']}")["items"]
        return {"documents": documents, "objects": objects}


def registry() -> Iterator[tuple[str, bytes]]:
    """Tags and manifests of the services' images, with everything that they name or that refers to them."""
    repositories: dict[str, Any] = {}
    content: dict[str, bytes] = {}
    with httpx.Client(base_url=f"{CONTEXT['registry']['outside']}/v2", trust_env=False) as http:

        def crawl(repository: str, reference: str, manifests: dict[str, str]) -> str:
            answer = http.get(f"/{repository}/manifests/{reference}", headers={"Accept": MANIFESTS})
            digest = answer.raise_for_status().headers["Docker-Content-Digest"]
            if digest in manifests:
                return digest
            manifests[digest], content[digest] = answer.headers["Content-Type"], answer.content
            body = answer.json()
            for item in [item for item in (body.get("config"), *body.get("layers", ())) if item]:
                blob = http.get(f"/{repository}/blobs/{item['digest']}").raise_for_status()
                content[item["digest"]] = blob.content
            referrers = http.get(f"/{repository}/referrers/{digest}").raise_for_status().json()
            for item in [*body.get("manifests", ()), *referrers["manifests"]]:
                crawl(repository, item["digest"], manifests)
            return digest

        for repository in services():
            tags = http.get(f"/{repository}/tags/list").raise_for_status().json()["tags"]
            manifests: dict[str, str] = {}
            found = {tag: crawl(repository, tag, manifests) for tag in tags}
            repositories[repository] = {"tags": found, "manifests": manifests}
    yield "registry.json", packed(repositories)
    for digest, data in content.items():
        yield f"registry/{digest.partition(':')[2]}", data


def services() -> list[str]:
    """The image repositories of the estate's services, as `status` names them."""
    found = {place["service"] for place in answer("status")["answer"]}
    return [f"integration/{name}" for name in sorted(found)]


def answers() -> Iterator[dict[str, Any]]:
    """What the release says of every service, change record and environment, and of its ledger."""
    status = answer("status")
    yield status
    for place in status["answer"]:
        yield answer("trace", f"{place['environment']}/{place['service']}")
    records = sorted(str(row["number"]) for row in rows("change_request"))
    for record in (*records, "CHG0099999"):
        yield answer("trace", record)
    for environment in dict.fromkeys(place["environment"] for place in status["answer"]):
        yield answer("changes", environment, "--since", "99999d")
    yield answer("ledger", "verify")
    yield answer("ledger", "list")
    terms = [
        (place["service"], f"{place['environment']}/{place['service']}", place["digest"]) for place in status["answer"]
    ]
    for term in dict.fromkeys([*(word for words in terms for word in words if word), *records]):
        yield answer("ledger", "find", term)


def answer(*arguments: str) -> dict[str, Any]:
    """One command with ``--json``: its exit code and what it printed, or the error that it gave."""
    done = subprocess.run(["interlock", *arguments, "--json"], capture_output=True, text=True)
    return {"arguments": arguments, "exit": done.returncode, "answer": json.loads(done.stdout or done.stderr)}


def packed(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def secrets() -> set[bytes]:
    """Every long word of every credential: tokens, lines of private keys, and where the home lies."""
    found = {str(HOME).encode()}
    folders = [HOME / "credentials", HOME / "bootstrap", HOME / "kubeconfig", HOME / "keys", HOME / "tls"]
    files = [path for folder in folders for path in (folder, *folder.rglob("*")) if path.is_file()]
    public = (".pub", ".crt", ".pem", ".asc")
    for path in [*files, *HOME.glob("engines/*/*.key")]:
        if path.suffix in public and ".secret." not in path.name:
            continue
        words = [word for line in path.read_bytes().splitlines() if b"-----" not in line for word in line.split()]
        found |= {word for word in words if len(word) >= 20 and not re.search(rb"@|://", word)}
    return found


SECRETS = secrets()


def refuse(name: str, data: bytes) -> None:
    for secret in SECRETS:
        if secret in data:
            raise SystemExit(f"{name} holds a credential or a path of this machine")
    if data[:2] == b"\x1f\x8b":
        refuse(name, gzip.decompress(data))


def main(target: Path) -> None:
    files = dict(everything())
    given = list(answers())
    files["answers.json"] = packed(given)
    for name, data in files.items():
        refuse(name, data)
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target / "estate.tar.xz", "w:xz", preset=9) as archive:
        for name, data in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    print(f"{len(files)} files, {len(given)} answers, {(target / 'estate.tar.xz').stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
