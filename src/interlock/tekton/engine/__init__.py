"""The Tekton stand-in: watches runs on a cluster and executes them as sandboxed local processes.

Run as ``python -m interlock.tekton.engine --config FILE`` (`config.Config`), or in memory by `standalone`. From below:

- `storage`: claims; `logs`, `masking`; `images`: a step's root file system.
- `task_runs`, `pipeline_runs`: one run of each; `resolvers` fetch what they name, `policies` judge it.
- `services`: what every run needs; `posting`, `pods`: what the API is told.
- `engine`: the watches and the workers; `memory`, `standalone`, `rerun`: runs from files.

Everything that can be decided without a machine is in `interlock.tekton.spec`; a step's process and what it sees of the
machine are `interlock.local.sandbox`.
"""
