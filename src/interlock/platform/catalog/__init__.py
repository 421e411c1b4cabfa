"""The catalog: reusable Tekton Tasks and Pipelines, and the service library chart, as package data.

Public interface: `tasks`, `pipelines`, `manifests`, `chart`, `toolbox_image`, `lint`.
"""

from interlock.platform.catalog.catalog import chart, manifests, pipelines, tasks, toolbox_image

__all__ = ["chart", "manifests", "pipelines", "tasks", "toolbox_image"]
