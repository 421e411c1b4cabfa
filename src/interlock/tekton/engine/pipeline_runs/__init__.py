"""A PipelineRun: `pipeline_source` and `pipeline_plan` before its first task; `pipeline_run`, one look at it.

`child_object` makes its children, `child_status` reads them; `approvals` answers those that wait for people.
"""
