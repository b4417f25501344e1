"""TEXT → MODEL: a Wavefile is found, read, checked in itself, and becomes frozen values with their place.

It does not know how steps are joined, what lies on disk, or what is fresh.
"""

from wavebuild.declare.data import read_data
from wavebuild.declare.find import find
from wavebuild.declare.load import load
from wavebuild.declare.templates import render, render_value
from wavebuild.declare.values import Paths

__all__ = ["Paths", "find", "load", "read_data", "render", "render_value"]
