"""An object's bytes as Trusted Resources sign them: `scalars` (texts as Go writes them), `encode` (from `types`)."""
