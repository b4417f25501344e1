"""The words that are commands, those of a later version among them.

It does not know what they do, and imports nothing: whoever asks for a target by name begins here.
"""

COMMANDS = (
    "build",
    "plan",
    "status",
    "explain",
    "graph",
    "list",
    "log",
    "accept",
    "clean",
    "check",
    "schema",
    "freeze",
    "unfreeze",
    "forget",
    "show",
    "history",
    "report",
    "import",
    "init",
    "mem",
    "doctor",
    "watch",
)
LATER_COMMANDS = ("cache",)
