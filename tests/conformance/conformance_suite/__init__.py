"""Example files of tekton.dev/v1, run on a cluster in memory and held against what was written down by hand."""
