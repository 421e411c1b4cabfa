"""Delivery: from a pull request to a seal.

===================================  ==================================================================================
``gate.facts_of``                    facts of one pull request, read as the checks ask for them
``gate.judge``                       every check, one verdict
``queue.ready``                      which are merged, and in which order
``readmodel`` ``report``             what rounds found, for those who look; the same as a comment
``merge.merge``                      judgement into the ledger, then the forge merges exactly the judged head
``history.read_main`` ``.progress``  the proof of each commit of ``main`` since the last seal
``merge.record_merge`` ``.seal_merge``  the ledger's entry, the seal, the move of branch ``sealed``
``applications``                     what is sealed where services follow ``main``
``records``                          change records: opened, cancelled, closed
``promotion``                        preparing deliveries
===================================  ==================================================================================

Everything that decides is a pure function of values; everything that acts can be repeated after a crash.
"""
