"""Identifiers, each of its own type so that one cannot stand where another is meant."""

from typing import NewType

PersonId = NewType("PersonId", str)
"""The bank's id of a human being: what approvals are compared on, never accounts."""
TeamId = NewType("TeamId", str)
ServiceName = NewType("ServiceName", str)
"""A DNS label (RFC 1123)."""
EnvironmentName = NewType("EnvironmentName", str)
CommitId = NewType("CommitId", str)
"""Full hexadecimal id of a git commit."""
NO_COMMIT = CommitId("0" * 40)
"""The id that no commit has: unlike a name, nobody can push something that it means."""
ObjectId = NewType("ObjectId", str)
"""Full hexadecimal id of a git blob or tree."""
Digest = NewType("Digest", str)
"""``sha256:`` and 64 lower-case hexadecimal digits."""
RecordNumber = NewType("RecordNumber", str)
"""Number of a change record, such as CHG0030001."""
DeliveryKind = NewType("DeliveryKind", str)
"""What a delivery changes: the name of a folder in ``platform/kinds``."""
CheckId = NewType("CheckId", str)
ReasonCode = NewType("ReasonCode", str)
"""Kebab-case and stable; see docs/reference/reason-codes.md."""
