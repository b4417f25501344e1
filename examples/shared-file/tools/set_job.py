"""set_job.py FILE NAME SETTINGS: the job NAME in FILE runs on what SETTINGS says; all other lines stay."""

import sys
from pathlib import Path

file, name, settings = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
lines = file.read_text().splitlines()
start = lines.index(f"    {name}:")
end = next((at for at in range(start + 1, len(lines)) if not lines[at].startswith("      ")), len(lines))
lines[start + 1 : end] = [f"      {line}" for line in settings.read_text().splitlines()]
file.write_text("\n".join(lines) + "\n")
