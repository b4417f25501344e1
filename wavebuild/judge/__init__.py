"""GRAPH + FACTS + TRACES → VERDICTS: does a step need to run?

It does not know in what order steps run, nor where traces are kept.
"""
