"""The Tekton stand-in: watches PipelineRuns and TaskRuns on a cluster and executes them as sandboxed local processes.

Run as ``python -m interlock.local.tekton --config FILE`` (`config.Config`). Modules, bottom to top:

- `config`: the file; `masking`: secrets out of a stream; `journal`: what a TaskRun has done, surviving kill -9.
- `system`: the read-only part of every sandbox; `sandbox`: one step's view of the machine and the level of isolation;
  `mounts`: a view in bubblewrap's words; `bubblewrap`, `unshare`, `rewriting`: what starts it at each level, with the
  programs of `inside`.
- `limits`, `cgroups`: what a step may use up; `streams`: where its output goes.
- `forwarding`, `namespaces`, `pod`: the network that steps and sidecars share, and the addresses that it reaches.
- `process`: one process in a sandbox, from start to end; `pump`: those in the background; `probe`: when a
  sidecar is ready.
- `storage`, `beneath`: claims and folders; `inputs`: the Secrets and ConfigMaps that a TaskRun reads;
  `capabilities`: what it may claim about how it ran.
- `task_plan`, `step_view`, `attempt`, `task_run`: a TaskRun from object to finished status;
  `pipeline_plan`, `pipeline_run`: a PipelineRun; `engine`: the watches and the workers.

Everything that can be decided without a machine is in `interlock.formats.tekton`.
"""
