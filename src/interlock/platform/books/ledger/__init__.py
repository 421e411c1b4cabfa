"""The ledger keeps entries in order: nothing is ever changed or removed, and whoever has the attest key's public half
can see that.

================================  ==================================================================================
in the ledger's folder            holds
================================  ==================================================================================
``<ledger>``                      the entries, one a line; everything else can be made again from it
``<ledger>.checkpoint``           the signed size and root of the tree over the lines, a C2SP note
``<ledger>.tiles/``               the tree's hashes
``<ledger>.lock``                 nothing: whoever locks it writes
the index                         where to find what, see :mod:`~interlock.platform.books.ledger.index`
================================  ==================================================================================

What is derived is believed where it can be checked: an index or a tile that lies, lacks something or is gone changes no
answer, it only makes it slower once.
"""

from interlock.platform.books.ledger.entries import Entry, Stamp
from interlock.platform.books.ledger.ledger import FENCED, Ledger
from interlock.platform.books.ledger.verification import Fault, Report

__all__ = ["FENCED", "Entry", "Fault", "Ledger", "Report", "Stamp"]
