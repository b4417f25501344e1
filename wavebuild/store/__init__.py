"""OUTCOMES → NEXT TIME: traces, results, logs, the lock, and the evidence that all is fresh.

It does not know why a step ran.
"""
