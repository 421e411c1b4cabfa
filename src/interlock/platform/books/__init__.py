"""Books: what the platform keeps of what it read, checked, decided and applied.

:mod:`~interlock.platform.books.ledger` keeps entries in order: nothing is ever changed or removed, and whoever has the
attest key's public half can see that. What others use of it: ``Ledger``, ``Entry`` and ``Stamp``, ``Report`` of a
verification, and :mod:`~interlock.platform.books.proofs`.

================================  ==================================================================================
in the ledger's folder            holds
================================  ==================================================================================
``<ledger>``                      the entries, one a line; everything else can be made again from it
``<ledger>.checkpoint``           the signed size and root of the tree over the lines, a C2SP note
``<ledger>.tiles/``               the tree's hashes
``<ledger>.lock``                 nothing: whoever locks it writes
the index                         where to find what, see :mod:`~interlock.platform.books.index`
================================  ==================================================================================

What is derived is believed where it can be checked: an index or a tile that lies, lacks something or is gone changes no
answer, it only makes it slower once.
"""
