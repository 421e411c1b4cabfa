"""Golden paths: what a service of a shape looks like, as pure functions from parameters to files.

Public interface: `Service`, `Environment`, `environment`, `generate_app`, `generate_environment`, `import_workspace`,
`registration`.

A path's files are byte-reproducible: the gate regenerates them and compares every byte before it merges an
onboarding delivery. So templates are plain text with named placeholders and no logic; a template engine (copier,
Jinja) would add a language in which the output could depend on something other than the parameters, and its
update mechanism is not needed here, because everything that must not vary is taken by reference from the catalog.
"""

from interlock.platform.goldenpaths.ace_flow import generate_app, generate_environment, import_workspace, registration
from interlock.platform.goldenpaths.parameters import Environment, Service, environment

__all__ = [
    "Environment",
    "Service",
    "environment",
    "generate_app",
    "generate_environment",
    "import_workspace",
    "registration",
]
