"""What a step sees of the machine, and how its process is started, limited and ended.

- What is seen: `system` (read-only folders of the machine), `sandbox` (a step's view, and the level at which this
  machine can give it), `mounts` (a view in bubblewrap's words); `beneath`: folders that others may have filled.
- How it is given: `launch`, by `bubblewrap`, `unshare` or `rewriting`; `inside` is what runs inside.
- What sidecars and steps share: `namespaces`, `pod`; `forwarding`: the addresses that they may reach.
- Processes: `process`, `pump` (those that nobody waits for), `streams`, `probe`; `limits`, `cgroups`; `orphans`.
"""
