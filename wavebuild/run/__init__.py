"""PLAN → OUTCOMES: steps considered, run in worker processes, and settled, told in events.

It does not know who listens, nor how records are kept.
"""
