"""The Tekton stand-in: watches runs on a cluster and executes them as sandboxed local processes.

Run as ``python -m interlock.local.tekton --config FILE`` (`config.Config`), or in memory by `standalone`. Bottom to top:

- `config`: the file; `journal`: what a TaskRun has done, surviving kill -9; `storage`, `beneath`: claims and folders.
- Isolation: `system` (what every step sees of the machine), `sandbox` (a step's view, three levels), `mounts`, `launch`,
  `bubblewrap`, `unshare`, `rewriting`, `inside` (what runs inside), `namespaces`, `pod` (what sidecars and steps share),
  `forwarding` (the addresses that they may reach), `limits`, `cgroups`.
- Processes: `process`, `pump` (those that nobody waits for), `streams`, `probe`; `masking`: secrets out of a stream.
- Images: `images` and `image_profile`, `image_tools`, `rootfs`, `layers`.
- A TaskRun: `task_source` (its Task), `inputs`, `volumes`, `task_plan` (all resolved and refused that can be),
  `container_view`, `sidecars`, `breakpoints`, `leavings` (results and artifacts), `step_states`, `attempt`, `task_run`;
  `capabilities` and `record`: how it ran, signed.
- A PipelineRun: `pipeline_source`, `pipeline_plan`, `child_object`, `pipeline_run`; `approvals`: ApprovalTasks.
- Objects: `services`, `posting`, `pods`, `pod_records`; logs: `logs`, `log_reading`, `kubelet`; `resolvers`, `policies`.
- `engine`: the watches and the workers; `memory`, `standalone`, `rerun`: runs from files.

Everything that can be decided without a machine is in `interlock.formats.tekton`.
"""
