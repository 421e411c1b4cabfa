"""Transparency logs as their specifications have them; pure functions over bytes.

A log is a Merkle tree over its entries (RFC 6962, section 2.1): :mod:`~interlock.formats.tlog.merkle` hashes it and
proves that an entry is in it, or that one state of it continues another. Its hashes are kept in
:mod:`~interlock.formats.tlog.tiles` (c2sp.org/tlog-tiles), and what the log vouches for is a
:mod:`~interlock.formats.tlog.checkpoint` (c2sp.org/tlog-checkpoint) in a signed :mod:`~interlock.formats.tlog.note`
(c2sp.org/signed-note), to which witnesses can add their signatures.
"""
