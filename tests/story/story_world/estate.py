"""A running estate: everything through the command line, git, and the public APIs."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from interlock.clients.connect import Connections
from interlock.clients.context import Context, load_context
from interlock.clients.forge import ForgeClient, PullRequest
from interlock.clients.git.identity import write_identity_config
from interlock.clients.kubernetes import KubernetesClient
from interlock.clients.registry import RegistryClient
from interlock.clients.tickets import TicketsClient
from interlock.local.home import Home

from .waiting import eventually

ORGANISATION = "acme"
ARGOCD = ("argoproj.io/v1alpha1", "Application")
REFRESH = "argocd.argoproj.io/refresh"
BIN = Path(sys.executable).parent
_SPAN = 14
"""Ports that one estate takes above its base."""


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> str:
        return self.out + self.err


@dataclass
class Estate:
    """``folder`` holds the data folder (``home``) and everybody's clones (``work``)."""

    folder: Path
    port_base: int = field(default_factory=lambda: free_ports())
    first: dict[str, str] = field(default_factory=dict)
    """Of the first delivery to production: record, pull requests, source commit, image an environment."""

    def __post_init__(self) -> None:
        self.work.mkdir(parents=True, exist_ok=True)

    @property
    def home(self) -> Home:
        return Home(self.folder / "home", self.port_base)

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "INTERLOCK_"))}
        real = os.environ.get("INTERLOCK_REAL_CLIENTS")
        return {
            **kept,
            **({"INTERLOCK_REAL_CLIENTS": real} if real else {}),
            "INTERLOCK_HOME": str(self.home.folder),
            "KUBECONFIG": str(self.home.kubeconfig),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }

    # -- the command line --------------------------------------------------------------------------------------------

    def run(self, *words: str, expect: int | None = 0, cwd: Path | None = None, timeout: float = 120.0) -> Done:
        """`interlock WORDS`; ``expect`` is the exit code that it must end with (None: any)."""
        return self.call(str(BIN / "interlock"), *words, expect=expect, cwd=cwd, timeout=timeout)

    def call(
        self,
        *command: str,
        expect: int | None = 0,
        cwd: Path | None = None,
        timeout: float = 120.0,
        extra: Mapping[str, str] | None = None,
    ) -> Done:
        """Any program, in this estate's environment."""
        answer = subprocess.run(
            command,
            cwd=cwd or self.work,
            env={**self.environment, **(extra or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
        done = Done(answer.returncode, answer.stdout, answer.stderr)
        told = f"{' '.join(command)}\nended with {done.code}, expected {expect}\n{done.said}"
        assert expect is None or done.code == expect, told
        return done

    # -- git ---------------------------------------------------------------------------------------------------------

    def git(self, identity: str, *words: str, cwd: Path | None = None, expect: int | None = 0) -> Done:
        """Plain ``git`` as a person: name, signing key and credential helper from a configuration file."""
        config = self.folder / "git" / identity
        if not config.exists():
            config.parent.mkdir(exist_ok=True)
            known = self.context.identity(identity)
            assert known.ssh is not None and known.forge is not None
            write_identity_config(
                config,
                name=identity,
                email=known.email,
                ssh_key=known.ssh,
                token_url=self.context.forge.outside,
                token_file=known.forge,
            )
        extra = {"GIT_CONFIG_GLOBAL": str(config), "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
        return self.call("git", *words, cwd=cwd, expect=expect, extra=extra)

    def url(self, repository: str) -> str:
        return f"{self.context.forge.outside}/{ORGANISATION}/{repository}.git"

    def clone(self, identity: str, repository: str, folder: Path) -> Path:
        """A fresh clone of somebody's own."""
        self.git(identity, "clone", "--quiet", self.url(repository), str(folder))
        return folder

    # -- APIs --------------------------------------------------------------------------------------------------------

    @cached_property
    def context(self) -> Context:
        return load_context(self.home.context)

    @cached_property
    def connections(self) -> Connections:
        return Connections(self.context, clones=self.folder / "mirrors")

    def forge(self, identity: str = "interlock") -> ForgeClient:
        return self.connections.forge(identity)

    def tickets(self, identity: str = "interlock") -> TicketsClient:
        return self.connections.tickets(identity)

    def registry(self, identity: str | None = None) -> RegistryClient:
        return self.connections.registry(identity)

    def cluster(self, name: str = "hub", identity: str = "dana") -> KubernetesClient:
        """As a person, who may only read."""
        return self.connections.cluster(name, identity)

    def bootstrap(self, name: str) -> KubernetesClient:
        """As the administrator who installed the clusters."""
        return self.connections.cluster(name, "bootstrap", kubeconfig=self.home.bootstrap_kubeconfig)

    def branch(self, repository: str, name: str = "main") -> str:
        return self.forge().branch(ORGANISATION, repository, name)

    def pull(self, repository: str, number: int) -> PullRequest:
        return self.forge().pull(ORGANISATION, repository, number)

    def pulls(self, repository: str, service: str, *, state: str = "open") -> list[PullRequest]:
        """Deliveries of a service, oldest first, by the name of their branch."""
        found = self.forge().pulls(ORGANISATION, repository, state=state)  # type: ignore[arg-type]
        mine = [item for item in found if item.head_ref.split("/")[1:2] == [service]]
        return sorted(mine, key=lambda item: item.number)

    def application(self, service: str, environment: str) -> dict[str, Any]:
        return self.cluster("hub").get("argoproj.io/v1alpha1", "Application", f"{service}-{environment}", "argocd")

    def deployment(self, service: str, environment: str) -> dict[str, Any]:
        return self.cluster(environment).get("apps/v1", "Deployment", service, service)

    def image(self, service: str, environment: str) -> str | None:
        """What the Deployment runs once it is available at its newest generation; None before."""
        found = self.deployment(service, environment)
        conditions = {item["type"]: item["status"] for item in found.get("status", {}).get("conditions", [])}
        current = found["status"].get("observedGeneration") == found["metadata"]["generation"]
        if not current or conditions.get("Available") != "True":
            return None
        return str(found["spec"]["template"]["spec"]["containers"][0]["image"])

    # -- processes ---------------------------------------------------------------------------------------------------

    def pid(self, engine: str) -> int:
        """Of a running engine or of the controller."""
        state = json.loads((self.home.run / "state.json").read_text())["engines"][engine]
        assert state["pid"], f"{engine} is {state['state']}"
        return int(state["pid"])

    def kill(self, engine: str) -> None:
        """``kill -9``; the supervisor starts it again."""
        with contextlib.suppress(AssertionError, ProcessLookupError):
            os.kill(self.pid(engine), signal.SIGKILL)

    def ready(self) -> bool:
        """Whether everything runs."""
        states = json.loads((self.home.run / "state.json").read_text())["engines"].values()
        return all(item["state"] == "ready" for item in states)

    @contextlib.contextmanager
    def stopped(self, engine: str) -> Iterator[None]:
        """An engine that does nothing meanwhile: halted as a whole, so that the supervisor does not replace it."""
        pid = self.pid(engine)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    # -- life --------------------------------------------------------------------------------------------------------

    def up(self) -> None:
        self.run("local", "up", "--port-base", str(self.port_base))

    def down(self) -> None:
        """Stop, and see that nothing of it is left."""
        if self.home.context.exists():
            self.connections.close()
            self.run("local", "down", expect=None)
        left = processes(self.home.folder)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert not left, f"left behind: {left}"

    def log(self, engine: str) -> str:
        return (self.home.logs / f"{engine}.log").read_text()


def free_ports() -> int:
    """The first of enough ports that nobody has, below those that the kernel gives away."""
    for _ in range(200):
        base = random.randrange(12_000, 32_000)  # noqa: S311 - not a secret
        with contextlib.ExitStack() as held:
            try:
                for port in range(base, base + _SPAN):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise AssertionError("no free ports")


def processes(folder: Path) -> list[int]:
    """Processes whose command line names ``folder``, ours aside."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if str(folder).encode() in command and state != "Z":
                    found.append(int(entry.name))
    return found


def settled(estate: Estate, environment: str) -> bool:
    """Whether everything that is merged is sealed."""
    repository = f"env-{environment}" if environment != "platform" else environment
    forge = estate.forge()
    sealed = forge.commit(ORGANISATION, repository, estate.branch(repository, "sealed"))
    return sealed.parents[-1] == estate.branch(repository)


def refresh(estate: Estate, application: str) -> dict[str, Any]:
    """Have Argo CD compare anew with git and the cluster; the Application as it stands afterwards."""
    hub = estate.bootstrap("hub")
    hub.patch(*ARGOCD, application, {"metadata": {"annotations": {REFRESH: "hard"}}}, namespace="argocd")

    def done() -> dict[str, Any] | None:
        found = hub.get(*ARGOCD, application, "argocd")
        return None if REFRESH in (found["metadata"].get("annotations") or {}) else found

    return eventually(done, what=f"{application} is compared")


__all__ = ["ARGOCD", "ORGANISATION", "Done", "Estate", "eventually", "free_ports", "processes", "refresh", "settled"]
