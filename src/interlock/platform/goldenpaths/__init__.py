"""Golden paths: what a service of a shape looks like, as pure functions from parameters to files.

Public interface::

    path("ace-flow").registration(platform, name="payments", team="payments", owner="sam")
    path("ace-flow").app(service, platform)                     # the app repo of a new service
    path("ace-flow").import_workspace(service, platform, files) # or one of what a team has
    expected(platform, service, environment, chart)  # what an onboarding brings, byte for byte
    pipelines(platform)                                         # what builds the estate's shapes

A path is a folder with a ``path.yaml`` (`interlock.platform.goldenpaths.path.Description`); nothing registers it.

A path's files are byte-reproducible: the gate regenerates them and compares every byte before it merges an
onboarding delivery. So templates are plain text with named placeholders and no logic; a template engine (copier,
Jinja) would add a language in which the output could depend on something other than the parameters, and its
update mechanism is not needed here, because everything that must not vary is taken by reference from the catalog.
"""

from interlock.platform.goldenpaths.path import ROOT, Path, expected, path, pipelines, shapes

__all__ = ["ROOT", "Path", "expected", "path", "pipelines", "shapes"]
