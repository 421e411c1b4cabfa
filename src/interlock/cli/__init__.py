"""Interlock on the command line."""
