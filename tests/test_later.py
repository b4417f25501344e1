"""What of the standard library comes late, or not at all, does what it ever did."""

import hashlib
import json
import subprocess
import sys
from textwrap import dedent

import pytest

from wavebuild.later import LITTLE, blake2b, sha256


def _said(program: str) -> str:
    """What a new interpreter prints that runs this."""
    done = subprocess.run([sys.executable, "-c", dedent(program)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("size", [0, 1, 55, 56, 64, LITTLE, LITTLE + 1, 1 << 20])
def test_a_sum_is_the_same_whoever_makes_it(size: int) -> None:
    """The interpreter's own SHA-256, and that of OpenSSL where much is to be summed."""
    data = bytes(number % 251 for number in range(size))
    own = _said(f"""
        from wavebuild.later import sha256
        print(sha256(bytes(number % 251 for number in range({size}))).hexdigest())
    """)
    assert own == sha256(data).hexdigest() == hashlib.sha256(data).hexdigest()
    assert blake2b(data) == hashlib.blake2b(data, digest_size=32).hexdigest()


def test_who_sums_little_does_not_bring_in_openssl() -> None:
    """It takes longer to come than thousands of small sums."""
    program = "import sys; from wavebuild.later import sha256; sha256(b'x'); print('hashlib' in sys.modules)"
    assert _said(program) == "False"


def test_json_comes_when_it_is_first_used() -> None:
    """It is the very module then."""
    assert (
        _said("""
        import sys
        from wavebuild.later import json
        before = "json" in sys.modules
        print(before, json.dumps({"b": 1, "a": 2}, sort_keys=True), "json" in sys.modules)
    """)
        == f"False {json.dumps({'a': 2, 'b': 1})} True"
    )


def test_what_msgspec_was_kept_from_bringing_in_is_there_for_everybody_else() -> None:
    """Nothing of what stood in meanwhile is left, and what uses it is as it was."""
    assert (
        _said("""
        import sys
        import wavebuild.structs
        left = sorted({"platform", "textwrap", "typing_extensions"} & {*sys.modules})
        import msgspec, os, platform, textwrap, uuid

        class Point(msgspec.Struct):
            "  It has a place."
            id: uuid.UUID = uuid.UUID(int=7)

        described = msgspec.json.schema(Point)["$defs"]["Point"]["description"]
        read = msgspec.json.decode(msgspec.json.encode(Point()), type=Point)
        print(left, platform.system() == os.uname().sysname, read == Point(), uuid._LINUX == (sys.platform == "linux"))
        print(described)
    """)
        == "[] True True True\nIt has a place."
    )
