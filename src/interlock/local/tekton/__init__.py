"""The Tekton stand-in: watches runs on a cluster and executes them as sandboxed local processes.

Run as ``python -m interlock.local.tekton --config FILE`` (`config.Config`), or in memory by `standalone`. From below:

- `storage`, `beneath`: claims and folders that others may have filled; `logs`, `masking`.
- `isolation`: a step's process and what it sees; `images`: its root file system.
- `task_runs`, `pipeline_runs`: one run of each; `resolvers` fetch what they name, `policies` judge it.
- `services`: what every run needs; `posting`, `pods`: what the API is told.
- `engine`: the watches and the workers; `memory`, `standalone`, `rerun`: runs from files.

Everything that can be decided without a machine is in `interlock.formats.tekton`.
"""
