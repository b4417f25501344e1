"""`settings.clean_env`: steps get those of the caller's variables that match, and no others."""

from __future__ import annotations

import pytest

from tests.support.workshop import Workshop
from wavebuild.errors import WavebuildError

SHOW = "env | cut -d= -f1 | sort | grep -v -e '^WAVEBUILD_' -e '^MAKEFLAGS$' -e '^_$' -e '^SHLVL$' -e '^PWD$' > "


@pytest.fixture(autouse=True)
def variables(shop: Workshop) -> None:
    shop.setenv(APPLE="1", APRICOT="2", PEAR="3", TOKEN="hush-hush", REGION="north")


def test_only_what_matches_reaches_a_command(shop: Workshop):
    """Names and patterns; and what the Wavefile sets itself."""
    shop.wavefile(
        f"settings: {{clean_env: [PATH, 'AP*']}}\nsteps: {{a: {{outputs: a, env: {{OWN: x}}, run: \"{SHOW}a\"}}}}"
    )
    assert shop.build().code == 0

    assert shop.read("a").split() == ["APPLE", "APRICOT", "OWN", "PATH", "PYTHONUNBUFFERED"]


def test_nothing_passes_by_itself(shop: Workshop):
    """Commands are found all the same, where the system has them."""
    shop.wavefile(f'settings: {{clean_env: []}}\nsteps: {{a: {{outputs: a, run: "{SHOW}a"}}}}')
    assert shop.build().code == 0

    assert shop.read("a").split() == ["PYTHONUNBUFFERED"]


def test_secrets_and_tracked_variables_are_passed_to_the_step_that_names_them(shop: Workshop):
    """A step that says what it needs gets it; another does not."""
    shop.wavefile(
        f"""
        settings: {{clean_env: [PATH]}}
        steps:
          a: {{outputs: a, secrets: [TOKEN], inputs: "env:REGION", run: "{SHOW}a"}}
          b: {{outputs: b, run: "{SHOW}b"}}
        """
    )
    assert shop.build().code == 0

    assert shop.read("a").split() == ["PATH", "PYTHONUNBUFFERED", "REGION", "TOKEN"]
    assert shop.read("b").split() == ["PATH", "PYTHONUNBUFFERED"]


@pytest.mark.parametrize("attempt", ["", "# WAVEBUILD_ATTEMPT: each call imports for itself\n"])
def test_calls_and_what_they_import_see_the_clean_environment(shop: Workshop, attempt: str):
    """Whether the module is kept in memory for several calls or not; another step of the same worker has its own."""
    shop.put(
        "work.py",
        f"{attempt}import os\nseen = sorted(os.environ)\n"
        "def show(outputs):\n    names = [n for n in ('PEAR', 'APPLE', 'TOKEN') if n in os.environ and n in seen]\n"
        "    open(outputs[0], 'w').write(' '.join(names))\n",
    )
    shop.wavefile(
        """
        settings: {clean_env: [PATH, APPLE]}
        steps:
          a: {outputs: a, call: "work:show"}
          b: {outputs: b, call: "work:show", secrets: [TOKEN]}
          c: {outputs: c, run: "echo ${PEAR-none} > c"}
        """
    )
    assert shop.build().code == 0

    assert (shop.read("a"), shop.read("b"), shop.read("c")) == ("APPLE", "APPLE TOKEN", "none\n")


def test_checks_and_probes_get_no_more(shop: Workshop):
    """Whatever runs for a step."""
    shop.wavefile(
        """
        settings: {clean_env: [PATH, APPLE]}
        probes: {p: {run: "echo ${APPLE-none} ${PEAR-none}"}}
        steps:
          a: {outputs: a, inputs: "probe:p", run: "touch a", checks: "test -z ${PEAR-} && test -n $APPLE"}
        """
    )

    assert shop.build().code == 0
    assert shop.plan() == {"a": "MAYBE"}
    shop.setenv(PEAR="4")
    assert shop.build().outcomes == {"a": "kept"}


def test_the_list_is_no_reason_to_run(shop: Workshop):
    """As the values that it lets through are none."""
    shop.wavefile("settings: {clean_env: [PATH, JOURNAL]}\nsteps: {a: {outputs: a, run: note a; touch a}}")
    shop.settle()

    shop.wavefile("settings: {clean_env: [PATH, JOURNAL, PEAR]}\nsteps: {a: {outputs: a, run: note a; touch a}}")

    assert shop.plan() == {"a": "FRESH"}
    assert shop.build().ran == []


def test_a_profile_and_the_caller_replace_it(shop: Workshop):
    """The nearer to the person, the stronger."""
    shop.wavefile(
        f"""
        settings: {{clean_env: [PATH]}}
        profiles: {{fruit: {{settings: {{clean_env: [PATH, PEAR]}}}}}}
        steps: {{a: {{outputs: a, run: "{SHOW}a"}}}}
        """
    )
    shop.build(profile="fruit")
    assert shop.read("a").split() == ["PATH", "PEAR", "PYTHONUNBUFFERED"]

    shop.setenv(WAVEBUILD_CLEAN_ENV="PATH, APPLE")
    shop.build(profile="fruit", force=True)
    assert shop.read("a").split() == ["APPLE", "PATH", "PYTHONUNBUFFERED"]


@pytest.mark.parametrize(
    ("written", "said"), [("[A=B]", "a pattern of variables"), ("{PATH: 1}", "expected"), ("['']", "empty")]
)
def test_what_is_wrong_with_it_is_said_with_its_place(shop: Workshop, written: str, said: str):
    """Before anything runs."""
    shop.wavefile(f"settings:\n  clean_env: {written}\nsteps: {{a: {{run: note a}}}}\n")

    with pytest.raises(WavebuildError, match=said) as raised:
        shop.build()

    assert "Wavefile:2:" in str(raised.value)
    assert shop.ran() == []
