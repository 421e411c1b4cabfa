"""The rules by id: what each demands, and what to do where it does not hold. Ids are stable: reports name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Rule:
    summary: str
    remedy: str


# id | what holds | what to do
_TABLE = """
unknown-kind | The kind exists in this version of the API | Use an apiVersion that has the kind: tekton.dev/v1 for Task, Pipeline, TaskRun and PipelineRun, v1beta1 for StepAction and CustomRun, v1alpha1 for VerificationPolicy
unknown-field | Every field exists | Remove the field or correct its name; the fields are in the documentation of the kind
field-type | Every value has the type of its field | Give a value of that type; quote what is meant as text
param-value | Every given param has a value | Give it a value, "" if it is to be empty
object-name | Names of objects are DNS labels of at most 63 characters | Use lower case letters, digits and "-"
duplicate-name | Names in one list differ, whatever their case | Rename or remove one of them
field-removed | PipelineResources no longer exist | Use params, workspaces and results instead of resources
feature-gate | Alpha and beta fields need the gate enable-api-fields | Open the gate on the cluster, and here with --feature-flag enable-api-fields=alpha, or do without the field
feature-flag | Some fields need a feature flag of their own | Set the flag on the cluster, and here with --feature-flag NAME=true, or do without the field
inline-spec-disabled | disable-inline-spec forbids specs in place | Refer to a Task or Pipeline by name or resolver
reference-name | A reference has a name that a Kubernetes object can have, or a URL with a resolver | Name the Task, Pipeline or StepAction that is meant
reference-resolver | Params and URLs in a reference need a resolver | Add resolver: git, hub, bundles, cluster or http
reference-name-and-params | A reference has a name or a resolver's params | Remove the name or the params
reference-bundle | Bundles are fetched by their resolver | Use resolver: bundles with the params bundle, name and kind
param-type | A param is a string, an array or an object | Set type to one of these
param-default-type | A default is of the type that its param declares | Change the type or the default
param-properties | An object param declares its keys, each a string | List the keys under properties, each with type: string
param-duplicate | Declared params differ in name | Rename or remove one of them
param-given-twice | A task is given each param once | Remove one of the two
param-name | Names of params are letters, digits, "_", "-" and, but for objects, "." | Rename the param
param-enum | An enum belongs to a string param, lists each value once and holds the default | Correct the list, the type or the default
param-default-reference | A default refers to declared params only | Declare the param, or write the value out
param-default-cycle | Defaults do not refer to one another in a circle | Write one of the values out
variable-unknown | A reference names something that is declared | Declare it, or correct the name; a shell variable is written ${NAME}
variable-type | A whole array or object does not stand in for a string | Refer to an element: $(params.x[0]) or $(params.x.key)
variable-isolated | An array stands alone in its element of a list | Give it an element of its own: - $(params.x[*])
variable-reference | A reference has a name and at most a key | Write names with dots in brackets: $(params["a.b"])
variable-prefix | A reference starts with params, tasks, finally, context, workspaces or results | Correct the reference; a shell variable is written ${NAME}
task-steps | A Task has steps | Add at least one step
step-image | A step has an image or a reference | Set image, here or in stepTemplate
step-name | Names of steps are DNS labels | Use lower case letters, digits and "-"
step-name-twice | Names of steps differ | Rename one of them
step-script-and-command | A step or sidecar has a script or a command | Remove one of the two
step-ref-exclusive | A step with a ref takes what it runs from the StepAction | Move the field into the StepAction or remove the ref
step-params-without-ref | Only a step with a ref takes params | Use the Task's params directly
step-timeout | A timeout is not negative | Give a duration like 90s
step-on-error | onError is continue or stopAndFail | Use one of the two
step-result-place | Results of steps are put into env, command and args only | Pass the result through env
step-artifact-place | Artifacts of steps are put into env, command, args and script only | Pass the artifact through env
step-action-script-params | A StepAction's script holds no params | Pass the param through env
step-action-volume | A StepAction mounts volumes that params name | Write name: $(params.x)
sidecar-name | The name tekton-log-results is Tekton's | Rename the sidecar
sidecar-image | A sidecar has an image | Set image
volume-name-twice | Names of volumes differ | Rename one of them
volume-mount-tekton | Nothing is mounted below /tekton but in /tekton/home | Mount it elsewhere
volume-mount-name | Names that start with tekton-internal- are Tekton's | Rename the volume
workspace-name | A workspace has a name | Name it
workspace-name-twice | Names of workspaces differ | Rename or remove one of them
workspace-path-twice | Workspaces and volumes are mounted at different paths | Change mountPath
workspace-undefined | A workspace that is used is declared | Declare it under workspaces
workspace-binding | A binding says what is bound | Name the workspace and its volume
workspace-source | A workspace is bound to exactly one volume, and that is named | Keep one of persistentVolumeClaim, volumeClaimTemplate, emptyDir, configMap, secret, projected and csi, with its fields
workspace-bound-twice | A run binds each workspace once | Remove one of the two
result-name | Names of results are letters, digits, "-", "_" and "." | Rename the result
result-type | A result is a string, an array or an object | Set type to one of these
result-properties | An object result declares its keys, each a string | List the keys under properties, each with type: string
result-value | A task result's value is a reference to a step's result | Write $(steps.STEP.results.RESULT)
when-empty | A guard says something | Give input, operator and values, or cel
when-operator | A guard's operator is in or notin | Use one of the two
when-values | A guard compares with at least one value | List the values
when-cel | A CEL expression compiles; variables in it are quoted | Correct the expression: '$(params.x)' == 'y'
when-cel-and-operator | A guard is a CEL expression or a comparison | Split it into two guards
pipeline-empty | A Pipeline has something in it | Add tasks
task-name | Names of tasks are DNS labels | Use lower case letters, digits and "-"
task-name-twice | Names of tasks differ, also of finally tasks | Rename one of them
task-reference-or-spec | A task has exactly one of taskRef and taskSpec (alpha: pipelineRef, pipelineSpec) | Keep one of them
task-on-error | onError is continue or stopAndFail | Use one of the two
task-on-error-retries | A task that may fail is not retried | Remove retries or onError: continue
task-unknown | A task runs after, and uses results of, tasks of this pipeline | Correct the name
graph-cycle | No task waits for itself | Break the circle: remove a runAfter or a reference to a result
task-status | Only finally tasks see how tasks ended | Move the task to finally
task-status-unknown | A finally task asks for tasks of this pipeline | Correct the name
custom-task-kind | A custom task names its kind | Set kind
custom-task-version | A custom task names its API as group/version | Set apiVersion like example.dev/v1
custom-task-steps | A task with steps is none of another controller | Remove apiVersion and kind, or the steps
finally-without-tasks | There are tasks before finally | Move the tasks from finally to tasks
finally-run-after | Finally tasks run at once | Remove runAfter
finally-result | Finally tasks use results of tasks, not of one another | Refer to a task
pipeline-result | A pipeline's result is made of results of its tasks | Write $(tasks.TASK.results.RESULT)
pipeline-in-pipeline-result | A pipeline in a pipeline hands out no results | Use a workspace, or a Task in place of the pipeline
matrix-size | A matrix has at most 256 combinations | Split it
matrix-and-params | A param comes from the matrix or from params | Remove one of the two
matrix-result-whole | Results of a matrix are used all together | Write [*] after the result
matrix-result-type | Results of a matrix are strings | Change the result's type
run-reference-or-spec | A run has exactly one of a reference and a spec | Keep one of them
run-param-result | A run's params refer to no results | Give the value itself
run-timeout | A timeout is not negative | Give a duration like 90s, or 0 for none
run-timeout-sum | Timeouts of tasks and finally fit into the pipeline's | Raise timeouts.pipeline or lower the others
run-timeout-and-timeouts | timeout or timeouts | Keep timeouts
run-status | A run is stopped by one of the known states | Use one of the listed values
run-status-message | A message goes with a state | Remove statusMessage or set status
run-pending-after-start | A run that has started does not become pending | Remove the status
run-retries | Retries are not negative | Give 0 or more
run-resources | Resources are given for the task or for its steps | Keep one of the two
run-override-name | What is said about a step names it | Set name
run-managed-by | managedBy does not change | Delete the run and create another
run-immutable | A run does not change once it is created | Delete the run and create another
breakpoint | A breakpoint is onFailure: enabled or names different steps | Correct the breakpoint
custom-run | A CustomRun has a spec | Add customRef or customSpec
custom-run-reference-or-spec | A CustomRun has exactly one of customRef and customSpec | Keep one of them
custom-run-type | What a CustomRun runs has an apiVersion and a kind | Set both
policy-resources | A policy names resources | Add a pattern
policy-pattern | A policy's pattern is a regular expression | Correct the pattern
policy-authorities | A policy names authorities | Add a key
policy-key | A key is given in exactly one way | Keep one of data, kms and secretRef
policy-hash | A key's hash is sha224, sha256, sha384 or sha512 | Use one of these
policy-mode | A policy's mode is enforce or warn | Use one of the two
resolution-type | A ResolutionRequest names its resolver | Set the label resolution.tekton.dev/type
"""


def _parse(table: str) -> Mapping[str, Rule]:
    rows = (line.split(" | ") for line in table.strip().splitlines())
    return MappingProxyType({name: Rule(summary, f"{remedy}.") for name, summary, remedy in rows})


RULES = _parse(_TABLE)
