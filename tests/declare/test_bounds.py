"""Expressions stay small: what would fill the memory is refused at once, and what people write is not.

It does not know how long a refusal takes, only that no huge value is made.
"""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.declare.written import only, refused, step

HUGE = [
    "'a' * 10**9",
    "10**9 * 'a'",
    "[1] * 10**9",
    "7 ** (10**9)",
    "'%0999999999d' % 3",
    "'%*d' % (10**9, 3)",
    "'a'.ljust(10**9)",
    "'a'.zfill(10**9)",
    "'{:>1000000000}'.format(1)",
    "'{:>{}}'.format(1, 10**9)",
    "v | center(10**9)",
    "v | indent(10**9)",
    "[1] | batch(10**9, 3) | list",
    "'%999999999d' | format(3)",
    "(v * 999).replace('', v * 9999)",
    "(v * 9999).join((v * 9999) | list)",
]
SMALL = {
    "'ab' * 3": "ababab",
    "2 ** 10": "1024",
    "'%03d' % 7": "007",
    "'{:>3}'.format(7)": "  7",
    "'{}'.format(12345678)": "12345678",
    "'x' | center(3)": " x ",
    "'%s-%s' | format(1, 2)": "1-2",
    "'a-b'.replace('-', '+')": "a+b",
    "7 % 4": "3",
}


@pytest.mark.parametrize("expression", HUGE)
def test_an_expression_that_would_make_a_huge_value_is_refused(expression: str, tmp_path: Path) -> None:
    """A line of text cannot take the memory of the machine: the value is refused before it is made."""
    (tmp_path / "Wavefile").write_text(
        f'vars: {{v: a}}\nsteps:\n  a:\n    run: x\n    title: "{{{{ {expression} }}}}"\n'
    )
    code = "import sys; from wavebuild.declare import load; load(sys.argv[1])"

    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "Wavefile")],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20)),
        timeout=60,
    )

    assert "Wavefile:5:16: this expression fails: it makes a value of more than 1,000,000" in done.stderr


@pytest.mark.parametrize("expression", SMALL)
def test_an_expression_of_ordinary_size_is_evaluated(expression: str, tmp_path: Path) -> None:
    """The bounds are far from what people write."""
    assert step(tmp_path, f'run: x\ntitle: "<{{{{ {expression} }}}}>"').title == f"<{SMALL[expression]}>"


def test_values_that_double_from_one_to_the_next_are_refused(tmp_path: Path) -> None:
    """Forty variables, each twice the one before, would be a million million signs."""
    doubled = "".join(f"  v{n + 1}: '{{{{ v{n} }}}}{{{{ v{n} }}}}'\n" for n in range(40))

    problem = only(refused(tmp_path, f"vars:\n  v0: ab\n{doubled}steps: {{a: {{run: 'x {{{{ v40 }}}}'}}}}\n"))

    assert "too large" in problem.message


@pytest.mark.parametrize(
    ("expression", "message", "remedy"),
    [
        ("v | stm", "there is no filter 'stm'", "did you mean 'stem'"),
        ("v is stringg", "there is no test 'stringg'", "did you mean 'string'"),
        ("n.x", "a number has no attribute 'x'", ""),
        ("n + v", "this expression fails: unsupported operand type(s) for +: a number and 'str'", ""),
        ("n()", "this expression fails: a number is not callable", ""),
    ],
)
def test_a_message_speaks_of_what_was_written(expression: str, message: str, remedy: str, tmp_path: Path) -> None:
    """Filters and numbers have their own names in messages, never those of the program inside."""
    text = f'vars: {{v: a, n: 012}}\nsteps: {{a: {{run: x, title: "{{{{ {expression} }}}}"}}}}\n'

    problem = only(refused(tmp_path, text))

    assert problem.message == message
    assert problem.remedy.startswith(remedy)
