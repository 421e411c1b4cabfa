"""Example files of tekton.dev/v1, run by one engine on a cluster in memory and held against what was written by hand."""
