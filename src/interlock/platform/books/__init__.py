"""The books: what was read, checked, decided and applied, kept so that it can be read for ever.

===================================  ================================================================================
`books.Books`                        the one interface: entries and evidence by the classes of the vocabulary
`vocabulary`                         one frozen class a kind of entry or evidence, with its version
`ledger`                             the append-only log: signed, chained, a Merkle tree, with an index over it
`evidence`                           facts as they were read, by digest
`canonical` `times` `keys` `secrets` one form for values and times; the attest key; the guard against secrets
===================================  ================================================================================
"""

from interlock.platform.books.books import Books, Recorded
from interlock.platform.books.evidence import EvidenceStore, Fact
from interlock.platform.books.ledger import FENCED, Entry, Ledger, Report, Stamp
from interlock.platform.books.times import moment, timestamp

__all__ = [
    "FENCED",
    "Books",
    "Entry",
    "EvidenceStore",
    "Fact",
    "Ledger",
    "Recorded",
    "Report",
    "Stamp",
    "moment",
    "timestamp",
]
