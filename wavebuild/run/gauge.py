"""What a build waits for at this moment, for whoever looks at it while it runs, from another thread.

It does not know who looks. What comes and goes without that anything has happened is no event, and is kept nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping


class Gauge:
    """Each value is replaced whole, so that it may be read at any time.

    ``lacking``: how many steps could start, were there more of a resource. ``phases``: in what phase a step is whose
    action is over. ``stopping``: nothing starts any more, as somebody asked for it.
    """

    def __init__(self) -> None:
        self.lacking: Mapping[str, int] = {}
        self.phases: dict[str, str] = {}
        self.stopping = False
