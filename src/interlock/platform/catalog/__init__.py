"""The catalog: reusable Tekton Tasks, and the service library chart, as package data. Pipelines are golden paths'.

Public interface: `tasks`, `manifests`, `charts`, `chart`, `TOOLBOX`; `lint`, `Problem`.

Tasks and their verbs (`interlock.platform.toolbox`): git-clone, ace-unit-test, ace-build-bar, image-build, sbom,
vulnerability-scan, image-sign, git-pr-bump; buildah, trivy-scan and cosign-sign are the same verbs under the names and
parameters that teams know. What the cluster must hold in the namespace of the runs:

| object | key | for |
|---|---|---|
| Secret ``forge-ci-token`` | ``token`` | git-clone, git-pr-bump |
| Secret ``forge-ci-ssh`` (optional) | ``id_ed25519`` | git-pr-bump: signs its commit |
| Secret ``registry-push`` | ``.dockerconfigjson`` | everything that reads or pushes images |
| Secret ``release-key`` | ``cosign.key`` | image-sign |
| PersistentVolumeClaim ``advisories`` | | vulnerability-scan: OSV folder with manifest.json |
"""

from interlock.platform.catalog.catalog import TOOLBOX, chart, charts, manifests, tasks
from interlock.platform.estate.lint import Problem, lint

__all__ = ["TOOLBOX", "Problem", "chart", "charts", "lint", "manifests", "tasks"]
