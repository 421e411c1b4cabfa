"""Setting things up: the estate's repositories and bootstrap objects, and a new service.

Public interface: `founding.read` reads an estate folder; `installation.plan` says what an estate is to have, and
`installation.install` makes it (`interlock platform init`); `onboarding.plan` and `onboarding.Onboarding` are the same
for a service (`interlock service create`). Plans are values; both can be repeated: what is there already is left as it
is, so a run that was interrupted is finished by the next.
"""
