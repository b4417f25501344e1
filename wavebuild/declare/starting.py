"""The Wavefile that a new project begins with: it builds as it stands, and says in comments what to write instead.

It does not know where it is put.
"""

STARTING_WAVEFILE = """\
# What this project makes, and how. `wavebuild` builds it, `wavebuild plan` says what would run and why,
# `wavebuild explain STEP` why a step is what it is. A step runs when what it reads has changed.

steps:
  # Each step has a name, says what it reads and what it makes, and how. Paths begin in this folder.
  numbers:
    title: Make some numbers          # what lists show
    outputs: build/numbers.txt        # a file; `build/` would be a folder, `build/*.txt` all that match
    run: seq 1 10 > build/numbers.txt # a shell script; the folder of the output is there already

  # This step comes after `numbers`, as it reads what that one makes: the order of the file means nothing.
  total:
    title: Add them up
    inputs: build/numbers.txt         # sources of yours are inputs, too: `inputs: [raw/*.csv, settings.yaml]`
    outputs: build/total.txt
    run: awk '{ sum += $1 } END { print sum }' {{ inputs }} > {{ outputs }}
    checks: test -s build/total.txt   # must succeed on the new outputs, else the former ones come back

  # Built only when it is named: `wavebuild show-total`.
  show-total:
    inputs: build/total.txt
    run: cat build/total.txt
    on_demand: true
"""
