"""What a step sees of the machine, and how its process is started, limited and ended.

From below:

- How far: `limits`, `cgroups`, `levels`. What sidecars and steps share: `namespaces`, `pod`; `forwarding`: the
  addresses that they may reach.
- What is seen: `system` (read-only folders of the machine), `view` (of one step), `mounts` (a view in bubblewrap's
  words); `beneath`: folders that others may have filled.
- How it is given: `launch`, by `bubblewrap`, `unshare` or `rewriting`, which `starting` chooses by the level; `inside`
  is what runs inside. `sandbox` finds the strongest level that works; `orphans` ends what a killed engine left.
- Processes: `process`, `pump` (those that nobody waits for), `streams`, `probe`.
"""
