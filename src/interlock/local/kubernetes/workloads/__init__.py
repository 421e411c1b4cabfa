"""Controllers of Deployments, ReplicaSets and Pods that run no container, and say so in every status.

What they do check is what a cluster's kubelet would need first: that each image, by digest and with every blob, is in
its registry.
"""

SIMULATED = "interlock.dev/simulated"
"""Annotation of every pod here."""
REASON = "SimulatedNoContainerRuns"
"""Reason of the conditions that would otherwise claim that something runs."""
MESSAGE = (
    "no container runs: interlock.local stands in for the cluster; the image and all its blobs are in the registry"
)
