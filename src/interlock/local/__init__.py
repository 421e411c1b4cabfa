"""Stand-ins for the engines on one machine: each serves the real protocol and executes the same YAML.

The Tekton among them is a wing of its own, `interlock.tekton`; `sandbox` serves it.
"""
