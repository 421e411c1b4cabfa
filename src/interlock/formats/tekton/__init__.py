"""Tekton `tekton.dev/v1`, pure: models, substitution, graph, scheduling, results, conditions.

Modules, bottom to top:

- `model`, `task`, `pipeline`, `runs`: the objects; `model.parse` reads one strictly.
- `types`: the Go structs behind the objects, in Go's order.
- `durations`, `names`: Go durations; names that upstream derives.
- `substitution`: ``$(...)`` in one pass. `variables`: which variables a Task or Pipeline sees and in which fields.
- `references`, `graph`, `when`: result references, the order of tasks, conditions.
- `params`, `validation`, `unexecuted`: what is refused before anything starts, in upstream's words.
- `results`: what steps wrote, as typed values, within 4096 bytes.
- `scheduling`: a PipelineRun's next tasks, skipped tasks and condition, from the state of its TaskRuns.
- `credentials`: the files that annotated Secrets become.
- `shell`, `environment_leak`: the commands of a script; refuses a step that prints its environment.

Source of the rules: tektoncd/pipeline at v1.15 (commit 3ee1745), named where a rule is not obvious.
"""
