"""A TaskRun, from object to finished status.

- Before its first step: `task_source` (its Task), `inputs` (Secrets and ConfigMaps), `volumes`, `task_plan` (all
  resolved and refused that can be).
- While it runs: `task_run` (its attempts), `attempt`, `container_view` (what a step sees), `sidecars`, `breakpoints`;
  `journal`: what has been done, surviving kill -9.
- What it leaves: `leavings` (results and artifacts), `step_states`, `attempt_status`; `capabilities` and `record`: how
  it ran, signed.
"""
