"""What `doctor` found, as text and as JSON.

It does not know how it was found.
"""

from __future__ import annotations

from collections.abc import Sequence

from wavebuild.engine.values import Finding
from wavebuild.figures import counted
from wavebuild.ui.escapes import escaped
from wavebuild.ui.records import Record


def doctor_lines(findings: Sequence[Finding]) -> list[str]:
    """A block for each topic; what is to be mended stands with its remedy, and is counted at the end."""
    out: list[str] = []
    wide = max(len(finding.name) for finding in findings)
    topic = ""
    for finding in findings:
        if finding.topic != topic:
            topic = finding.topic
            out += [*([""] if out else []), f"{topic}:"]
        sign = "!" if finding.remedy else " "
        out.append(f"{sign} {escaped(finding.name):<{wide}}  {escaped(finding.value)}".rstrip())
        out += [f"  {'':<{wide}}  → {escaped(line)}" for line in finding.remedy.splitlines()]
    to_mend = sum(bool(finding.remedy) for finding in findings)
    return [*out, "", f"{counted(to_mend, 'thing')} to mend" if to_mend else "all is well"]


def doctor_record(findings: Sequence[Finding]) -> Record:
    return {
        "ok": not any(finding.remedy for finding in findings),
        "findings": [
            {
                "topic": finding.topic,
                "name": finding.name,
                "value": finding.value,
                "ok": not finding.remedy,
                "remedy": finding.remedy or None,
            }
            for finding in findings
        ],
    }
