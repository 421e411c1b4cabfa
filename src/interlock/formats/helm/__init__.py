"""Helm charts, rendered in process: what the platform's charts use, and a named refusal of everything else.

Public interface: `render`, `Rendered`, `Parameter`, `value_path`.

Rules: helm.sh/helm v3 (pkg/engine, pkg/chartutil, pkg/strvals), Go's text/template, and the sprig functions that
are listed in `functions`. Argo CD renders with `helm template --include-crds` (argo-cd util/helm). Pure: a mapping
of paths to bytes in, objects out.
"""

from interlock.formats.helm.render import Parameter, Rendered, render, value_path

__all__ = ["Parameter", "Rendered", "render", "value_path"]
