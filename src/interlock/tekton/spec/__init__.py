"""Tekton `tekton.dev/v1`, pure: what decides about a run without a machine, over `interlock.formats.tekton`.

Modules, bottom to top:

- `pipeline`, `runs`, `flags`: the other objects, and feature flags. `decoding`, `conversion`: YAML and ``v1beta1``.
- `variables`, `pipeline_variables`: which variables a Task or Pipeline sees and in which fields.
- `references`, `graph`, `when`, `cel`, `matrix`: result references, the order of tasks, conditions, combinations.
- `admission`, `webhooks`: what Tekton's webhooks put in and refuse, all of it, for a file and for an API server.
- `pipeline_validation`, `reconciler_checks`, `unexecuted`, `params`: what is refused before anything starts.
- `results`, `step_results`, `artifacts`: what steps wrote, as typed values, within 4096 bytes.
- `scheduling`, `progress`, `verdict`: a PipelineRun's next tasks, skipped tasks and condition.
- `resolution`, `trusted`, `policy`: references to elsewhere; signatures, and which ones a run demands.
- `images`, `injection`, `secret_params`: what stands for an image; values in scripts; values that are masked.
- `pod`, `credentials`, `downward`: the pod of a TaskRun; the files that Secrets and its own fields become.
- `approvals`, `approval_answers`: ApprovalTasks. `pac`: Pipelines-as-Code.

Source of the rules: tektoncd/pipeline at v1.15 (commit 3ee1745), named where a rule is not obvious.
"""
