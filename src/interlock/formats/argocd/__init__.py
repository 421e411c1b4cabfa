"""Argo CD's resources and decisions, pure: `application`, `project`, `integrity`, `windows`, `tracking`, `sources`,
`plan` (what a sync does in which order), `automation` (when it syncs by itself), `backoff`, `health`.

Every rule names the upstream file (argo-cd at 37ee009, the line of 3.5) that it follows.
"""
