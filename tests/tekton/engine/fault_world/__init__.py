"""An engine in a process of its own that can be killed at any time, on the cluster in memory of the test."""
