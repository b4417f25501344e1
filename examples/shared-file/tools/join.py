"""join.py OUT FRAGMENT...: a bundle of the jobs that the fragments hold."""

import sys
from pathlib import Path

out, fragments = Path(sys.argv[1]), map(Path, sys.argv[2:])
jobs = [
    f"    {part.stem}:\n" + "".join(f"      {line}\n" for line in part.read_text().splitlines()) for part in fragments
]
out.write_text("bundle:\n  name: wanderbricks\n\nresources:\n  jobs:\n" + "".join(jobs))
