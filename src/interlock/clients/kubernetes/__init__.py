"""Client of the Kubernetes API, for any cluster: objects are plain dicts, kinds are named as files name them.

Public interface: `KubernetesClient`, `follow`; the values `ObjectList`, `WatchEvent`, `Synced`, `Resource`, `Watch`.
"""

from interlock.clients.kubernetes.client import KubernetesClient
from interlock.clients.kubernetes.follow import follow
from interlock.clients.kubernetes.objects import Object, ObjectList, Resource, Synced, WatchEvent, key
from interlock.clients.kubernetes.stream import Watch

__all__ = ["KubernetesClient", "Object", "ObjectList", "Resource", "Synced", "Watch", "WatchEvent", "follow", "key"]
