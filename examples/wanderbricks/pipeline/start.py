"""What every program does first: sign the journal, and pass the time of a demonstration.

Neither has any influence on what a program writes.
"""

import os
import time

# Hours that a step takes in a real project at worst: the upper end of its `estimate` in the Wavefile.
HOURS = {
    "1-gold-design": 3,
    "2-bronze": 3,
    "3-silver": 4,
    "4-gold": 4,
    "5-planning": 4,
    "6-semantic": 5,
    "6b-genie-optimization": 3,
    "7-observability": 5,
    "8-ml": 12,
    "9-agents": 16,
}


def begin(step):
    """Append the step's name to $WAVEBUILD_JOURNAL, then sleep $WANDERBRICKS_PACE seconds for each of its hours."""
    journal = os.environ.get("WAVEBUILD_JOURNAL")
    if journal:
        handle = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(handle, f"{step}\n".encode())
        os.close(handle)
    time.sleep(float(os.environ.get("WANDERBRICKS_PACE") or 0) * HOURS.get(step, 0))
