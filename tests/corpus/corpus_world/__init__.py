"""An estate of the past: what it left, unpacked, and its systems answering from it over their own protocols.

The systems answer from objects and not from recorded conversations: whoever asks in another order, by other pages or
for one thing in place of a list is answered as well. Nothing can be written.
"""
