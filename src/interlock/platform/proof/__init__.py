"""Proof: why what runs may run, answerable at any time from primary evidence.

:mod:`interlock.platform.books` holds what would otherwise evaporate: facts as they were read, and, in order, what was
checked, decided and applied. :mod:`~interlock.platform.proof.capture` turns what clients return into evidence;
:mod:`~interlock.platform.proof.attest` signs statements about a finished pipeline run.

The proof backwards is :mod:`~interlock.platform.proof.chain`: :mod:`~interlock.platform.proof.back` reaches the facts
of what runs by walking back from it, each module of :mod:`~interlock.platform.proof.links` judges one of the thirteen
links by the gate's own checks, and a kind of delivery may add its own. A recorded finding is read where the rule behind
it has changed since; else every verdict is found again. Forwards, from a change record, is
:mod:`~interlock.platform.proof.forward`.

==================  =================================================================================================
captured fact       decides; when the live source now says otherwise, the link is invalid
unreachable source  is noted in the link; the link is unknown when nothing was captured
altered evidence    turns every link that cites it by digest, and no other
==================  =================================================================================================
"""
