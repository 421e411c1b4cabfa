"""What teams bring along, one format a module; ``workspace`` of a ``path.yaml`` names the module.

Each has ``require(workspace)``, which raises an InterlockError unless the files (path -> bytes) are such a workspace.
"""
