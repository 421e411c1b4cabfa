"""The books: what was read, checked, decided and applied, kept so that it can be read for ever.

===================================  ================================================================================
`books.Books`                        the one interface: entries and evidence by the classes of the vocabulary
`vocabulary`                         one frozen class a kind of entry or evidence, with its version
`ledger` `entries`                   the append-only log, signed and chained
`index` `runs` `search`              lookups; derived, and never trusted for absence
`tree` `checkpoints` `proofs`        the entries as leaves of an RFC 6962 tree, its signed sizes, proofs
`evidence`                           facts as they were read, by digest
`canonical` `times` `keys` `secrets` one form for values and times; the attest key; the guard against secrets
===================================  ================================================================================
"""

from interlock.platform.books.books import Books, Recorded
from interlock.platform.books.entries import Entry, Stamp
from interlock.platform.books.evidence import EvidenceStore, Fact
from interlock.platform.books.ledger import Ledger
from interlock.platform.books.times import moment, timestamp
from interlock.platform.books.verification import Report

__all__ = ["Books", "Entry", "EvidenceStore", "Fact", "Ledger", "Recorded", "Report", "Stamp", "moment", "timestamp"]
