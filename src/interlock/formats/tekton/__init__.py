"""Tekton `tekton.dev/v1`, pure: the small model that whoever judges, signs or shows Tekton's objects needs.

Modules, bottom to top:

- `model`, `pod_types`, `task`: a Task as an object; `model.parse` reads one strictly. `step_template` merges.
- `names`, `conditions`, `durations`: names that upstream derives, labels and annotations; conditions; Go durations.
- `types`, `trusted`: the Go structs behind the objects, in Go's order; an object's bytes as upstream signs them.
- `substitution`: ``$(...)`` in one pass. `validation`: why a Task cannot run, in the webhook's words.
- `shell_words`, `shell`, `environment_leak`: the commands of a script; refuses a step that prints its environment.
- `record`: the engine's signed word on a TaskRun.

All else that Tekton specifies is in `interlock.tekton.spec`.

Source of the rules: tektoncd/pipeline at v1.15 (commit 3ee1745), named where a rule is not obvious.
"""
