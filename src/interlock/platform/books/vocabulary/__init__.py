"""The vocabulary: every kind of entry and of evidence that is stored, each a frozen class with a version."""

from interlock.platform.books.vocabulary.body import Body, Raw, decode, schema
from interlock.platform.books.vocabulary.builds import (
    Attested,
    BuildRefused,
    BuildStarted,
    RunFailed,
    RunRead,
    Statement,
    build_key,
)
from interlock.platform.books.vocabulary.decisions import (
    NO_SERVICE,
    ApplicationsProven,
    Checked,
    Judged,
    Merged,
    Removed,
    Sealed,
    Synced,
    subject,
)
from interlock.platform.books.vocabulary.facts import (
    JudgedFacts,
    MergeFact,
    PipelineRunFact,
    RecordFact,
    RecordRead,
    ReviewFact,
    ReviewsFact,
    ReviewsRead,
    SyncFact,
    TaskRunFact,
)
from interlock.platform.books.vocabulary.people import (
    ApprovalCaptured,
    PullSighted,
    RecordAnswered,
    RecordClosed,
    RecordWithdrawn,
)

ENTRIES: tuple[type[Body], ...] = (
    ApplicationsProven,
    ApprovalCaptured,
    Attested,
    BuildRefused,
    BuildStarted,
    Judged,
    Merged,
    PullSighted,
    RecordAnswered,
    RecordClosed,
    RecordWithdrawn,
    Removed,
    RunFailed,
    RunRead,
    Sealed,
    Synced,
)
"""Bodies of ledger entries."""

FACTS: tuple[type[Body], ...] = (
    JudgedFacts,
    MergeFact,
    PipelineRunFact,
    RecordFact,
    ReviewFact,
    ReviewsFact,
    SyncFact,
    TaskRunFact,
)
"""Bodies of pieces of evidence."""

__all__ = [
    "ENTRIES",
    "FACTS",
    "NO_SERVICE",
    "ApplicationsProven",
    "ApprovalCaptured",
    "Attested",
    "Body",
    "BuildRefused",
    "BuildStarted",
    "Checked",
    "Judged",
    "JudgedFacts",
    "MergeFact",
    "Merged",
    "PipelineRunFact",
    "PullSighted",
    "Raw",
    "RecordAnswered",
    "RecordClosed",
    "RecordFact",
    "RecordRead",
    "RecordWithdrawn",
    "Removed",
    "ReviewFact",
    "ReviewsFact",
    "ReviewsRead",
    "RunFailed",
    "RunRead",
    "Sealed",
    "Statement",
    "SyncFact",
    "Synced",
    "TaskRunFact",
    "build_key",
    "decode",
    "schema",
    "subject",
]
