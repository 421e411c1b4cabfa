"""Stand-ins for the engines on one machine: each serves the real protocol and executes the same YAML."""
