"""The Argo CD stand-in: reconciles ``argoproj.io/v1alpha1`` Applications of the hub onto the clusters.

Runs as ``python -m interlock.local.argocd --config FILE`` (`config.Config`). State lives in the Applications and in
the clusters only; the data folder holds git mirrors that can be deleted at any time. It serves ``/api/webhook``.

What upstream does and this does not is a condition on the Application that names the construct: several sources,
Kustomize, plugins, Helm repositories and OCI, hooks, jq in ignoreDifferences, impersonation, ApplicationSets.
"""
