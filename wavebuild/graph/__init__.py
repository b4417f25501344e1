"""MODEL → GRAPH: steps joined by the artifacts they share; owners, overlaps, cycles.

It does not know what lies on the disk: the graph comes from the Wavefile's text alone.
"""

from wavebuild.graph.link import Graph, link, reads
from wavebuild.graph.owners import Owners, may_be_one
from wavebuild.graph.patterns import covers, excluded, fixed_folder, is_wild, matches

__all__ = ["Graph", "Owners", "covers", "excluded", "fixed_folder", "is_wild", "link", "matches", "may_be_one", "reads"]
