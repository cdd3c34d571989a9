"""Weights on this machine: read once, answered from by one thread, what was read before kept.

It knows nothing of patients, reports or boxes: messages go in, pieces of text come out.
"""
