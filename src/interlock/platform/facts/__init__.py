"""Facts: one reader a module, read when asked for, once a judgement; live and captured ones are the same values.

====================================================  =================================================================
``ground`` ``case``                                   sources, time, rules; kind and service
``pull`` ``change`` ``result`` ``reviews`` ``queue``  the pull request, what it does, who said what of it
``image`` ``source`` ``rendering`` ``health``         what would run, where it comes from, what it renders to
``onboarding`` ``revert`` ``record``                  what a golden path generates, an inverse gives, the ticket says
``edit`` ``stakes``                                   the estate that an edit gives, and whom a delivery concerns
``place`` ``running`` ``synced``                      what runs now, and what Argo CD synced
``decision`` ``build``                                back from there to the merge and its decision, and to the source
====================================================  =================================================================

``estates``, ``seals`` and ``signers`` read what several of them stand on. `Facts` holds what is known of one case.
"""

from interlock.platform.facts.facts import Facts, Reader, missing
from interlock.platform.facts.sources import Sources

__all__ = ["Facts", "Reader", "Sources", "missing"]
