"""The controllers inside the API server: woken by changes, never by a clock alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from interlock.local.kubernetes.api import Api
from interlock.local.kubernetes.garbage import GarbageCollector
from interlock.local.kubernetes.namespaces import NamespaceController
from interlock.local.kubernetes.queue import WorkQueue
from interlock.local.kubernetes.store import Change
from interlock.local.kubernetes.workloads.deployments import DeploymentController
from interlock.local.kubernetes.workloads.images import Registries
from interlock.local.kubernetes.workloads.pods import PodController
from interlock.local.kubernetes.workloads.replicasets import ReplicaSetController


class Controller(Protocol):
    """``start`` and ``wake`` fill the queue; the queue calls the controller back, one key at a time."""

    queue: WorkQueue

    def start(self) -> None: ...

    def wake(self, change: Change) -> None: ...


class Controllers:
    """Starts them with the server, stops them with it."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        api = self._api
        queues: list[WorkQueue] = []
        ends: list[Callable[[], None]] = []
        found: list[Controller] = [GarbageCollector(api), NamespaceController(api)]
        if api.cluster.config.workloads:
            registries = Registries(api.cluster.config.names)
            found += [DeploymentController(api), ReplicaSetController(api), PodController(api, registries.check)]
        for controller in found:
            ends.append(api.cluster.store.listen(controller.wake))
            controller.start()
            queues.append(controller.queue)
        tasks = [asyncio.create_task(queue.run()) for queue in queues]
        try:
            yield
        finally:
            for end in ends:
                end()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
