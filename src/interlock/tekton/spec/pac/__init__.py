"""`.tekton/` folders as Pipelines-as-Code reads them (openshift-pipelines/pipelines-as-code pkg/{resolve,matcher}).

- `documents`: the files' documents, v1beta1 as v1; `keys`: values of the annotations; `glob`: their patterns.
- `inline`: each PipelineRun with its Pipeline and Tasks written out; `templates`: ``{{ revision }}``.
- `matching`: which event starts which run, and why.
"""

from interlock.tekton.spec.pac.documents import Documents, read
from interlock.tekton.spec.pac.inline import Options, resolve
from interlock.tekton.spec.pac.matching import Event, Match, match
from interlock.tekton.spec.pac.templates import substituted

__all__ = ["Documents", "Event", "Match", "Options", "match", "read", "resolve", "substituted"]
