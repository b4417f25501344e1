"""Random pipelines whose steps are repeated, and whose inputs are listed, by files that steps make; and edits of them.

It does not know how they are built. Every command reads nothing but its declared inputs, so what a clean
build makes of the sources is what any build must make of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

NAMES = ("a", "b", "c", "d", "e")


@dataclass
class Lists:
    """A project on disk: a table of names, texts for each, references between them."""

    root: Path
    rng: Random
    names: list[str] = field(default_factory=list)
    undone: dict[str, str | None] = field(default_factory=dict)
    story: list[str] = field(default_factory=list)
    depth: int = 0
    made: bool = True  # whether the first list is made by a step
    source: str = "csv"  # the form of the first list
    version: int = 0

    @classmethod
    def random(cls, root: Path, rng: Random) -> Lists:
        lists = cls(
            root, rng, depth=rng.randint(0, 2), made=rng.random() < 0.7, source=rng.choice(["csv", "yaml", "glob"])
        )
        lists.names = rng.sample(NAMES, rng.randint(1, 4))
        lists.write("names.txt", "".join(f"{name}\n" for name in lists.names))
        for name in NAMES:
            lists.write(f"raw/{name}.txt", f"{name} {rng.randint(0, 9)}\n")
            lists.write(f"refs/{name}.txt", lists.some_refs(name))
        lists.write_wavefile()
        return lists

    def some_refs(self, name: str) -> str:
        """References to names before it: there are no loops."""
        before = NAMES[: NAMES.index(name)]
        return "".join(f"{other}\n" for other in self.rng.sample(before, self.rng.randint(0, len(before))))

    def write(self, path: str, text: str | None) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        self.undone[path] = file.read_text() if file.exists() else None
        if text is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(text)

    def write_wavefile(self) -> None:
        self.write("Wavefile", "\n".join(self.lines()) + "\n")

    def lines(self) -> list[str]:
        listed = {
            "csv": ("(echo n; cat names.txt) > l/one.csv", "l/one.csv", "{n: {path: l/one.csv, column: n}}"),
            "yaml": ('echo "x: [$(paste -sd, names.txt)]" > l/one.yaml', "l/one.yaml", "{n: l/one.yaml#x}"),
            "glob": (
                "for n in $(cat names.txt); do echo $n > l/one/$n.n; done",
                "{path: l/one/, optional: true}",
                '{glob: "l/one/{n}.n"}',
            ),
        }
        command, output, foreach = listed[self.source]
        if not self.made:
            foreach = '{glob: "raw/{n}.txt"}'
        lines = ["steps:"]
        if self.made:
            lines += [
                "  first:",
                "    inputs: names.txt",
                f"    outputs: {output}",
                "    run: |",
                f"      note first; {command}",
            ]
        lines += [
            "  silver:",
            f"    foreach: {foreach}",
            "    allow_empty: true",
            "    inputs: 'raw/{{ n }}.txt'",
            "    outputs: 'silver/{{ n }}.txt'",
            f"    run: note silver-{{{{ n }}}}; cat {{{{ inputs }}}} > {{{{ outputs }}}}; true {self.version}",
            "  refs:",
            "    foreach: {n: [a, b, c, d, e]}",
            "    inputs: 'refs/{{ n }}.txt'",
            "    outputs: 'l/refs/{{ n }}.txt'",
            "    run: note refs-{{ n }}; sed 's,.*,model/&.txt,' {{ inputs }} > {{ outputs }}",
            "  model:",
            "    foreach: {n: [e, d, c, b, a]}",
            "    inputs: ['raw/{{ n }}.txt', {list: 'l/refs/{{ n }}.txt'}]",
            "    outputs: 'model/{{ n }}.txt'",
            "    run: note model-{{ n }}; cat {{ inputs }} | cksum > {{ outputs }}; cat {{ inputs }} >> {{ outputs }}",
            "  all:",
            "    inputs: [{path: 'silver/*.txt', optional: true}, 'step:model']",
            "    outputs: all.txt",
            "    run: note all; cat /dev/null {{ inputs }} > all.txt",
        ]
        before = "silver"
        for level in range(self.depth):
            here = f"level{level}"
            lines += [
                f"  {here}-names:",
                f"    inputs: {{path: '{before}/*.txt', optional: true}}",
                f"    outputs: l/{here}.csv",
                "    run: |",
                f"      note {here}-names",
                f"      (echo n; for f in {{{{ inputs }}}}; do basename $f .txt; done) > l/{here}.csv",
                f"  {here}:",
                f"    foreach: {{n: {{path: l/{here}.csv, column: n}}}}",
                "    allow_empty: true",
                f"    inputs: '{before}/{{{{ n }}}}.txt'",
                f"    outputs: '{here}/{{{{ n }}}}.txt'",
                f"    run: note {here}-{{{{ n }}}}; sort {{{{ inputs }}}} > {{{{ outputs }}}}",
            ]
            before = here
        return lines

    def edit(self) -> None:
        """One random change of what a person edits."""
        kind = self.rng.choice(["names", "raw", "refs", "undo", "output", "version", "touch", "reorder", "raw-file"])
        path = f"raw/{self.rng.choice(NAMES)}.txt"
        match kind:
            case "names":
                self.names = self.rng.sample(NAMES, self.rng.randint(0, 5))
                self.write("names.txt", "".join(f"{name}\n" for name in self.names))
            case "reorder":
                self.rng.shuffle(self.names)
                self.write("names.txt", "".join(f"{name}\n" for name in self.names))
            case "raw" | "raw-file":
                self.write(path, f"{self.rng.randint(0, 9)}\n")
            case "refs":
                name = self.rng.choice(NAMES)
                self.write(f"refs/{name}.txt", self.some_refs(name))
            case "undo":
                path = self.rng.choice(
                    sorted(path for path, text in self.undone.items() if text is not None) or ["names.txt"]
                )
                self.write(path, self.undone[path] or "")
                self.names = (self.root / "names.txt").read_text().split()
            case "output":
                made = sorted((*self.root.glob("silver/*"), *self.root.glob("model/*"), *self.root.glob("l/*.csv")))
                if made:
                    self.rng.choice(made).unlink()
            case "version":
                self.version = self.rng.randint(0, 2)
                self.write_wavefile()
            case "touch":
                (self.root / path).touch()
        self.story.append(f"{kind} {path}")

    def sources(self) -> dict[str, str]:
        files = [self.root / "Wavefile", self.root / "names.txt"]
        files += [*self.root.glob("raw/*"), *self.root.glob("refs/*")]
        return {str(file.relative_to(self.root)): file.read_text() for file in files}

    def results(self) -> dict[str, str]:
        found = (*self.root.glob("silver/*"), *self.root.glob("model/*"), *self.root.glob("level*/*"))
        return {str(file.relative_to(self.root)): file.read_text() for file in (*found, self.root / "all.txt")}
