"""The Tekton that runs on a laptop: `spec`, what Tekton Pipelines specifies, and `engine`, which executes it."""
