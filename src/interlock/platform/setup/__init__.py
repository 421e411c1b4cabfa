"""Setting things up: the estate's repositories and bootstrap objects, and a new service.

Public interface: `installation.install` (`interlock platform init`), `onboarding.onboard` (`interlock service create`).
Both can be repeated: what is there already is left as it is, so a run that was interrupted is finished by the next.
"""
