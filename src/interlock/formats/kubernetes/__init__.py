"""Pure knowledge of the Kubernetes API: patches, server-side apply, schemas, comparison, health."""
