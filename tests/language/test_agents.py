"""``agents``, ``prompt``, ``advisors``, ``review``: who is told what, who judges it, and what a rejection brings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.workshop import Built, Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError

WRITER = r"""
note write
lines=1
if [ -n "${WAVEBUILD_FEEDBACK:-}" ]; then
  grep -q '"more lines"' "$WAVEBUILD_FEEDBACK"
  lines=$(($(wc -l < "$WAVEBUILD_PREVIOUS/$2") + 1))
fi
cp "$1" seen
yes line | head -n $lines > "$2"
"""
CRITIC = r"""
note judge
lines=$(wc -l < "$1")
echo judged >&2
awk -v n=$lines 'BEGIN { printf "{\"score\": %.1f, \"approved\": true, ", n / 10 }'
echo '"critical_issues": ["more lines"]}'
"""
PIPELINE = """
vars: {subject: lamps}
agents:
  writer: {run: "sh writer.sh {{ prompt_file }} {{ outputs }}"}
advisors:
  critic: {run: "sh critic.sh {{ outputs }}"}
thresholds: {default: 0.3}
steps:
  draft:
    agent: writer
    prompt: draft.md
    inputs: notes
    outputs: out/draft
    review: {advisor: critic, retries: 2}
  use:
    inputs: out/draft
    outputs: used
    run: note use; cp out/draft used
"""


@pytest.fixture
def crew(shop: Workshop) -> Workshop:
    shop.wavefile(PIPELINE)
    shop.put("writer.sh", WRITER)
    shop.put("critic.sh", CRITIC)
    shop.put("draft.md", "Write of {{ subject }} by {{ inputs }}.\n")
    shop.put("notes", "n")
    return shop


def change(shop: Workshop, old: str, new: str) -> None:
    text = shop.read("Wavefile")
    assert old in text
    shop.wavefile(text.replace(old, new))


class TestGate:
    def test_a_rejected_draft_is_made_anew_with_the_review_at_hand(self, crew: Workshop):
        """The third draft is long enough: each built on the one before it."""
        built = crew.settle()

        assert built.ran == ["write", "judge", "write", "judge", "write", "judge", "use"]
        assert crew.read("used") == "line\n" * 3
        review = built.steps["draft"].review
        assert review is not None
        assert (review.score, review.threshold, built.steps["draft"].attempts) == (0.3, 0.3, 3)

    def test_after_the_last_retry_the_step_has_failed(self, crew: Workshop):
        """Its readers are blocked, its draft is kept for a person, its outputs are not there."""
        change(crew, "retries: 2", "retries: 1")

        built = crew.build()

        assert built.outcomes == {"draft": "failed", "use": "blocked"}
        assert (built.code, built.steps["draft"].failure) == (1, "rejected")
        assert "score 0.2, at least 0.3 is wanted" in built.steps["draft"].detail
        assert "- more lines" in built.steps["draft"].detail
        assert crew.read(".wavebuild/failed/draft/out/draft") == "line\n" * 2
        assert not (crew.root / "out/draft").exists()

    def test_a_former_result_stands_again_after_a_rejection(self, crew: Workshop):
        crew.settle()
        change(crew, "retries: 2", "retries: 0")
        crew.put("notes", "other")

        built = crew.build()

        assert built.outcomes == {"draft": "failed", "use": "blocked"}
        assert crew.read("out/draft") == "line\n" * 3

    def test_what_is_not_approved_does_not_pass_whatever_its_score(self, crew: Workshop):
        crew.put("critic.sh", 'note judge; echo \'{"score": 1, "approved": false}\'')

        assert crew.build().steps["draft"].failure == "rejected"

    @pytest.mark.parametrize("how", [{"jobs": 1}, {"jobs": 4}, {"jobs": 4, "schedule": "barrier"}])
    def test_the_gate_is_the_same_in_every_order(self, crew: Workshop, how: dict[str, Any]):
        built = crew.build(**how)

        assert [built.steps["draft"].attempts, crew.read("used")] == [3, "line\n" * 3]

    def test_checks_come_before_the_advisor(self, crew: Workshop):
        """Nobody is asked about what is broken anyhow."""
        change(crew, "outputs: out/draft\n    review", "outputs: out/draft\n    checks: 'false'\n    review")

        built = crew.build()

        assert (built.ran, built.steps["draft"].failure) == (["write"], "check")

    def test_a_step_of_any_kind_can_be_reviewed(self, crew: Workshop):
        """The next try of a command hears of the review as an agent does."""
        crew.wavefile("""
advisors: {critic: {run: "sh critic.sh {{ outputs }}"}}
steps:
  a:
    outputs: o
    run: note run ${WAVEBUILD_ATTEMPT}; if [ -n "${WAVEBUILD_FEEDBACK:-}" ]; then seq 9; else seq 2; fi > o
    review: {advisor: critic, retries: 1}
""")

        assert crew.settle().ran == ["run 1", "judge", "run 2", "judge"]

    def test_a_review_is_merged_by_key(self, crew: Workshop):
        """The step says what score is enough; who judges, and how often, is the category's."""
        own = "    category: text\n    review: {threshold: 0.2}\n"
        change(crew, "    review: {advisor: critic, retries: 2}\n", own)
        crew.wavefile("categories: {text: {review: {advisor: critic, retries: 2}}}\n" + crew.read("Wavefile"))

        assert crew.settle().ran == ["write", "judge", "write", "judge", "use"]

    def test_a_review_of_all_steps_suits_those_that_nothing_makes_anew(self, crew: Workshop):
        """Its retries are of those that can be tried again."""
        crew.wavefile("""
advisors: {critic: {run: "note judge; echo '{\\"score\\": 0.1, \\"approved\\": true}'"}}
defaults: {review: {advisor: critic, retries: 2}}
steps:
  placed: {manual: place it, outputs: o}
  checked: {inputs: notes, checks: test -s notes}
""")
        crew.put("o", "1\n")

        built = crew.build(keep_going=True)

        assert (built.ran, {each.failure for each in built.steps.values()}) == (["judge", "judge"], {"rejected"})

    def test_a_mistake_in_the_defaults_around_an_included_file_has_its_place_there(self, crew: Workshop):
        crew.put("sub/Wavefile", "steps: {a: {outputs: o, run: echo > o}}\n")
        crew.wavefile("include: [sub/Wavefile]\n\ndefaults: {review: {advisor: cricket}}\n")

        with pytest.raises(WavebuildError) as caught:
            crew.build()

        assert [str(problem.place) for problem in caught.value.problems] == ["Wavefile:3:21"]

    def test_a_persons_file_is_judged_and_not_made_anew(self, crew: Workshop):
        crew.wavefile("""
advisors: {critic: {run: "sh critic.sh {{ outputs }}"}}
steps: {a: {manual: place it, outputs: o, review: {advisor: critic, threshold: 0.2}}}
""")
        crew.put("o", "1\n")
        rejected = crew.build()
        crew.put("o", "1\n2\n")
        accepted = crew.settle()

        assert (rejected.steps["a"].failure, rejected.ran) == ("rejected", ["judge"])
        assert (accepted.outcomes, accepted.ran) == ({"a": "kept"}, ["judge"])


class TestThresholds:
    def test_a_changed_threshold_judges_what_stands_and_runs_no_agent(self, crew: Workshop):
        crew.settle()
        change(crew, "default: 0.3", "default: 0.2")

        assert crew.plan() == {"draft": "RECHECK", "use": "FRESH"}
        lower = crew.settle()
        change(crew, "default: 0.2", "default: 0.9")
        higher = crew.build()

        assert (lower.ran, lower.outcomes["draft"]) == (["judge"], "kept")
        assert (higher.ran, higher.outcomes) == (["judge"], {"draft": "failed", "use": "blocked"})
        assert crew.read("out/draft") == "line\n" * 3

    def test_the_smallest_change_of_a_threshold_counts(self, crew: Workshop):
        crew.settle()
        change(crew, "default: 0.3", "default: 0.30000001")

        assert crew.build().steps["draft"].failure == "rejected"

    def test_the_steps_own_threshold_wins_then_the_categorys_then_the_default(self, crew: Workshop):
        text = crew.read("Wavefile").replace("prompt: draft.md", "prompt: draft.md\n    category: hard")
        crew.wavefile(text.replace("default: 0.3", "default: 0.3, hard: 0.2"))
        by_category = crew.build()
        crew.wavefile(
            text.replace("default: 0.3", "default: 0.3, hard: 0.2").replace("critic,", "critic, threshold: 0.1,")
        )
        own = crew.build(force=True)
        crew.wavefile(PIPELINE.replace("thresholds: {default: 0.3}\n", "").replace("retries: 2", "retries: 0"))
        usual = crew.build(force=True)

        found = [built.steps["draft"].review.threshold for built in (by_category, own, usual)]  # type: ignore[union-attr]
        assert found == [0.2, 0.1, 0.85]

    def test_a_changed_advisor_judges_again(self, crew: Workshop):
        crew.settle()
        change(crew, "sh critic.sh", "sh  critic.sh")

        assert crew.build().ran == ["judge"]

    def test_what_an_advisor_reads_is_of_the_gate_alone(self, crew: Workshop):
        """Its program changes, and it judges again what stands."""
        change(crew, 'sh critic.sh {{ outputs }}"', 'sh critic.sh {{ outputs }}", inputs: critic.sh')
        crew.settle()
        crew.put("critic.sh", CRITIC + "# stricter\n")

        assert crew.plan()["draft"] == "RECHECK"
        assert crew.settle().ran == ["judge"]


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            ("I like it", "not JSON"),
            ("", "answered nothing"),
            ("[1]", "no JSON object"),
            ('{"approved": true}', "has no 'score'"),
            ('{"score": 0.9}', "has no 'approved'"),
            ('{"score": "high", "approved": true}', 'no number: "high"'),
            ('{"score": 1.7, "approved": true}', "not from 0 to 1: 1.7"),
            ('{"score": NaN, "approved": true}', "not from 0 to 1: NaN"),
            ('{"score": true, "approved": true}', "no number: true"),
            ('{"score": 1, "approved": "yes"}', "neither true nor false"),
            ('{"score": 1, "approved": true, "suggestions": "none"}', "no list"),
        ],
    )
    def test_what_is_no_review_fails_the_step_and_is_shown(self, crew: Workshop, answer: str, why: str):
        """It is not tried again as if it were a rejection: nobody has judged."""
        crew.put("answer", answer)
        crew.put("critic.sh", "note judge; cat answer")

        built = crew.build()

        assert (built.ran, built.steps["draft"].failure) == (["write", "judge"], "review")
        assert why in built.steps["draft"].detail
        assert answer in built.steps["draft"].detail

    def test_an_advisor_that_fails_or_hangs_fails_the_step(self, crew: Workshop):
        """Its own timeout ends it, whatever the step's is."""
        crew.put("critic.sh", "exit 3")
        broken = crew.build()
        crew.put("critic.sh", "sleep 60")
        change(crew, 'run: "sh critic.sh {{ outputs }}"', 'run: "sh critic.sh {{ outputs }}", timeout: 0.3s')
        hung = crew.build()

        assert [broken.steps["draft"].failure, hung.steps["draft"].failure] == ["review", "review"]
        assert hung.result.seconds < 30

    def test_a_secret_in_a_review_is_masked_wherever_it_goes(self, crew: Workshop):
        crew.setenv(TOKEN="sesame-open")
        crew.put("critic.sh", 'echo "{\\"score\\": 1, \\"approved\\": true, \\"summary\\": \\"$TOKEN\\"}"')
        crew.wavefile("secrets: [TOKEN]\n" + crew.read("Wavefile"))

        built = crew.settle()

        assert built.steps["draft"].review.summary == "***"  # type: ignore[union-attr]
        kept = (path for path in crew.root.rglob("*") if path.is_file())
        assert not any(b"sesame-open" in path.read_bytes() for path in kept)


class TestPrompts:
    def test_a_prompt_in_a_file_is_an_input_with_its_templates_filled(self, crew: Workshop):
        crew.settle()
        assert crew.read("seen").startswith("Write of lamps by notes.\n")

        crew.put("draft.md", "Write well of {{ subject }}.\n")

        assert crew.plan()["draft"] == "RUN"
        assert crew.settle().ran[0] == "write"
        assert crew.read("seen").startswith("Write well of lamps.\n")

    def test_a_value_that_a_prompt_uses_makes_its_step_stale_and_no_other_does(self, crew: Workshop):
        change(crew, "subject: lamps", "subject: lamps, other: 1")
        crew.settle()
        change(crew, "other: 1", "other: 2")
        unused = crew.build()
        change(crew, "subject: lamps", "subject: chairs")

        assert unused.ran == []
        assert crew.settle().ran[0] == "write"
        assert "chairs" in crew.read("seen")

    def test_a_prompt_in_the_wavefile_is_part_of_the_definition(self, crew: Workshop):
        change(crew, "prompt: draft.md", "prompt: {text: 'Make $HOME of \"{{ inputs }}\" now'}")
        crew.settle()
        seen = crew.read("seen")
        change(crew, "now'", "then'")

        assert seen.startswith('Make $HOME of "notes" now')
        assert crew.plan()["draft"] == "RUN"

    def test_a_prompt_that_a_step_makes_is_awaited(self, crew: Workshop):
        text = (
            crew.read("Wavefile")
            + "  ask: {inputs: notes, outputs: draft.md, run: 'note ask; echo by {{ subject }} > draft.md'}\n"
        )
        crew.wavefile(text)
        (crew.root / "draft.md").unlink()

        built = crew.settle()

        assert built.ran[:2] == ["ask", "write"]
        assert crew.read("seen").startswith("by lamps\n")

    def test_a_prompt_that_is_made_anew_is_told_as_it_is_then(self, crew: Workshop):
        text = crew.read("Wavefile") + "  ask: {inputs: notes, outputs: draft.md, run: 'cat notes > draft.md'}\n"
        crew.wavefile(text)
        (crew.root / "draft.md").unlink()
        crew.settle()
        crew.put("notes", "Write more.\n")

        crew.settle()

        assert crew.read("seen").startswith("Write more.\n")

    def test_a_prompt_that_changes_while_others_are_at_work_is_not_told_as_it_was(self, crew: Workshop):
        """The agent would be asked the old thing, and the trace would say the new one."""
        change(crew, "inputs: notes", "inputs: notes\n    needs: before")
        before = "  before: {outputs: b, run: 'note before; echo Other. > draft.md; echo > b'}\n"
        crew.wavefile(crew.read("Wavefile") + before)

        built = crew.build()

        assert (built.ran, built.outcomes["draft"]) == (["before"], "failed")
        assert "draft.md was changed after this build began" in built.steps["draft"].detail
        crew.settle()
        assert crew.read("seen").startswith("Other.\n")

    def test_the_prompt_of_the_next_draft_ends_with_the_review(self, crew: Workshop):
        crew.settle()

        seen = crew.read("seen")
        assert "rejected" in seen
        assert "- more lines" in seen
        logs = crew.root / ".wavebuild/logs"
        assert len([*logs.rglob("draft*~prompt.md")]) == 3
        found = json.loads(next(iter(logs.rglob("draft~review.json"))).read_text())
        assert (found["score"], found["threshold"]) == (0.1, 0.3)

    @pytest.mark.parametrize(
        ("old", "new", "code"),
        [
            ("    prompt: draft.md\n", "", "missing-key"),
            ("agent: writer\n", "run: make\n", "no-action"),
            ("agent: writer\n", "agent: wrtier\n", "unknown-agent"),
            ("advisor: critic", "advisor: cricket", "unknown-advisor"),
            ("prompt: draft.md", "prompt: prompts/", "bad-path"),
            ("retries: 2", "retires: 2", "unknown-key"),
            ("default: 0.3", "default: 1.3", "out-of-range"),
            ('run: "sh writer.sh', 'timeout: 3s, run: "sh writer.sh', "unknown-key"),
            ("prompt: draft.md", "prompt: {text: '{{ sbject }}'}", "undefined-name"),
            ("prompt: draft.md", "prompt: {text: '{{ prompt_file }}'}", "template-place"),
        ],
    )
    def test_a_mistake_is_told_with_its_place(self, crew: Workshop, old: str, new: str, code: str):
        change(crew, old, new)

        with pytest.raises(WavebuildError) as caught:
            crew.build()

        assert [problem.code for problem in caught.value.problems] == [code]
        assert caught.value.problems[0].place is not None

    def test_a_mistake_in_a_prompt_file_has_its_place_there(self, crew: Workshop):
        crew.put("draft.md", "one\ntwo {{ sbject }}\n")

        with pytest.raises(WavebuildError) as caught:
            crew.build()

        (problem,) = caught.value.problems
        assert str(problem.place) == "draft.md:2:8"


class TestPythonAgents:
    @pytest.fixture
    def functions(self, shop: Workshop) -> Workshop:
        shop.put(
            "crew.py",
            """
import os
def write(outputs, prompt, mem, feedback, suffix):
    os.system("note write")
    text = prompt + suffix + (feedback["summary"] if feedback else "")
    open(outputs[0], "w").write(text)
    return {"length": len(text)}
def judge(outputs, mem, least):
    os.system("note judge")
    long = mem["length"] >= least
    return {"score": 1.0 if long else 0.5, "approved": True, "summary": "far too short"}
""",
        )
        shop.wavefile("""
agents: {writer: {call: "crew:write", with: {suffix: "!"}}}
advisors: {critic: {call: "crew:judge", with: {least: 10}}}
steps:
  a:
    agent: writer
    prompt: {text: hi}
    outputs: [o, mem:length]
    review: {advisor: critic, retries: 1}
""")
        return shop

    def test_functions_get_the_prompt_the_feedback_and_what_was_written(self, functions: Workshop):
        built = functions.settle()

        assert built.ran == ["write", "judge", "write", "judge"]
        assert functions.read("o").startswith("hi!far too short") or "far too short" in functions.read("o")

    def test_an_edited_advisor_judges_again_and_the_agent_rests(self, functions: Workshop):
        """Their code is an input: that of the advisor of the gate alone."""
        text = functions.read("crew.py")
        agent, _, judge = text.partition("def judge")
        functions.put("crew.py", agent)
        functions.put("critics.py", "import os\ndef judge" + judge)
        functions.wavefile(functions.read("Wavefile").replace("crew:judge", "critics:judge"))
        functions.settle()
        functions.put("critics.py", functions.read("critics.py").replace("0.5", "0.6"))

        assert functions.settle().ran == ["judge"]


class TestHands:
    def test_an_edited_draft_is_not_overwritten(self, crew: Workshop):
        """What an agent makes is dear, and what a person made of it more: `fail` is the usual way."""
        crew.settle()
        crew.put("out/draft", "mine\n")
        crew.put("notes", "other")

        built = crew.build()

        assert (built.steps["draft"].failure, crew.read("out/draft")) == ("edited", "mine\n")

    def test_what_a_person_made_of_a_draft_has_no_review(self, crew: Workshop):
        """The advisor's was of other bytes; a changed threshold has the advisor judge what stands now."""
        judged = crew.settle().steps["draft"].review
        crew.put("out/draft", "mine\n" * 9)
        engine.accept(crew.request(), ["out/draft"])
        accepted = crew.settle()
        change(crew, "default: 0.3", "default: 0.8")
        again = crew.build()

        assert judged is not None
        assert (accepted.outcomes["draft"], accepted.steps["draft"].review) == ("kept", None)
        assert accepted.ran == ["use"]
        review = again.steps["draft"].review
        assert review is not None
        assert (again.ran, review.score) == (["judge"], 0.9)

    def test_a_reviewed_step_is_touched_only_by_force(self, crew: Workshop):
        """A touch would pass what nobody has judged."""
        crew.put("out/draft", "mine\n")

        with pytest.raises(WavebuildError) as caught:
            crew.touch("draft")

        assert caught.value.problems[0].code == "reviewed"

    def test_a_sandboxed_agent_finds_prompt_review_and_draft(self, crew: Workshop):
        """They lie in its private folder."""
        change(crew, "agent: writer", "agent: writer\n    sandbox: true")
        crew.put("writer.sh", WRITER.replace('cp "$1" seen', 'cp "$1" "$TMPDIR/seen"'))
        change(crew, "inputs: notes", "inputs: [notes, writer.sh, critic.sh]")

        built = crew.settle()

        assert (crew.read("used"), built.steps["draft"].attempts) == ("line\n" * 3, 3)


class TestAdvisorsAtWork:
    """What goes wrong while a draft is judged costs no other draft."""

    SANDBOX = "agent: writer\n    sandbox: true"

    @pytest.fixture(params=[False, True], ids=["in the project", "in a sandbox"])
    def placed(self, crew: Workshop, request: pytest.FixtureRequest) -> Workshop:
        change(crew, "inputs: notes", "inputs: [notes, writer.sh, critic.sh]")
        # From behind the walls no journal can be kept: agent and advisor speak to the log.
        crew.put("writer.sh", WRITER.replace("note write", "echo wrote").replace('cp "$1" seen\n', ""))
        crew.put("critic.sh", CRITIC.replace("note judge\n", ""))
        if request.param:
            change(crew, "agent: writer", "agent: writer\n    sandbox: true")
        return crew

    def said(self, shop: Workshop, built: Built) -> list[str]:
        """What agent and advisor said in a build, attempt by attempt."""
        folder = shop.root / ".wavebuild/logs" / built.result.run
        logs = [folder / f"draft{attempt}.log" for attempt in ("", "~2", "~3", "~4", "~5")]
        return [word for log in logs if log.exists() for word in log.read_text().split()]

    def test_one_that_changes_the_draft_fails_the_step(self, placed: Workshop):
        """What it judged is not what would be recorded."""
        placed.put("critic.sh", 'echo more >> "$1"; echo judged >&2; echo \'{"score": 1, "approved": true}\'')

        built = placed.build()

        assert (self.said(placed, built), built.steps["draft"].failure) == (["wrote", "judged"], "review")
        assert "out/draft changed while the advisor 'critic' judged" in built.steps["draft"].detail
        assert not (placed.root / "out/draft").exists()

    def test_one_that_failed_is_asked_again_about_the_same_draft(self, placed: Workshop):
        """`retries` of the step: the agent is not asked for another."""
        change(placed, "retries: 2}", "retries: 2}\n    retries: 1")
        answer = 'echo \'{"score": 1, "approved": true}\''
        crash = "[ $WAVEBUILD_ATTEMPT != 1 ] || exit 3"
        placed.put("critic.sh", f'echo judged >&2; grep -q line "$1" || exit 4; {crash}; {answer}')

        built = placed.settle()

        assert (self.said(placed, built), built.steps["draft"].attempts) == (["wrote", "judged", "judged"], 2)
        change(placed, "default: 0.3", "default: 0.2")
        again = placed.settle()
        assert (self.said(placed, again), again.outcomes["draft"]) == (["judged", "judged"], "kept")

    def test_an_attempt_that_breaks_off_does_not_lose_the_draft_before_it(self, placed: Workshop):
        """The next one finds it, with its review."""
        change(placed, "retries: 2}", "retries: 2}\n    retries: 1")
        crash = '[ $WAVEBUILD_ATTEMPT != 2 ] || { echo part > "$2"; exit 1; }\nyes'
        placed.put("writer.sh", placed.read("writer.sh").replace("yes", crash))

        built = placed.settle()

        assert self.said(placed, built) == ["wrote", "judged", "wrote", "wrote", "judged", "wrote", "judged"]
        assert placed.read("used") == "line\n" * 3

    def test_what_was_asked_is_kept_beside_the_log(self, placed: Workshop):
        placed.settle()

        logs = placed.root / ".wavebuild/logs"
        assert sorted(path.name for path in logs.rglob("draft*~prompt.md")) == [
            "draft~2~prompt.md",
            "draft~3~prompt.md",
            "draft~prompt.md",
        ]

    def test_a_draft_that_passed_is_not_told_as_rejected_when_something_else_fails(self, crew: Workshop):
        change(crew, "retries: 2}", "retries: 2}\n    retries: 1")
        change(crew, "default: 0.3", "default: 0.1")
        digest = "test -e ok || { touch ok; false; }; cat {{ path }}"
        change(crew, "outputs: out/draft\n    r", f"outputs: {{path: out/draft, digest: {{run: '{digest}'}}}}\n    r")
        crew.put("writer.sh", "note write ${WAVEBUILD_FEEDBACK:+heard}\n" + WRITER.replace("note write\n", ""))

        assert crew.settle().ran == ["write", "judge", "write", "judge", "use"]

    def test_what_an_advisor_reads_counts_however_many_inputs_the_step_has(self, crew: Workshop):
        """And its prompt is not among them: steps with many inputs are looked at in a shorter way."""
        many = [f"in/{number}" for number in range(70)]
        for path in many:
            crew.put(path, "x")
        change(crew, "inputs: notes", f"inputs: [{', '.join(many)}]")
        change(crew, 'sh critic.sh {{ outputs }}"', 'sh critic.sh {{ outputs }}", inputs: critic.sh')
        crew.settle()
        assert "draft.md" not in crew.read("seen")

        crew.put("critic.sh", CRITIC + "# stricter\n")

        assert crew.plan()["draft"] == "RECHECK"
        assert crew.settle().ran == ["judge"]

    def test_what_an_advisor_reads_is_known_before_the_instances_are(self, shop: Workshop):
        """The graph does not depend on the list that is made during the build."""
        shop.wavefile("""
advisors:
  critic: {run: "note judge; cat guide > /dev/null; echo '{\\"score\\": 1, \\"approved\\": true}'", inputs: guide}
steps:
  names: {outputs: names.csv, run: "printf 'n\\na\\n' > names.csv"}
  d:
    foreach: {n: {path: names.csv, column: n}}
    outputs: "out/{{ n }}"
    run: "note write; echo hi > {{ outputs }}"
    review: {advisor: critic}
  guide: {outputs: guide, run: "note guide; echo g > guide"}
""")

        assert "guide" in shop.plan("d")
        assert shop.build("d").ran == ["guide", "write", "judge"]

    def test_in_an_included_file_the_draft_lies_as_it_does_alone(self, shop: Workshop):
        """Under its path relative to the root of that file."""
        for path, text in {"writer.sh": WRITER, "critic.sh": CRITIC, "draft.md": "Write.\n", "notes": "n"}.items():
            shop.put(f"sub/{path}", text)
        shop.put("sub/Wavefile", PIPELINE)
        shop.wavefile("include: [sub/Wavefile]\n")

        shop.settle()

        assert shop.read("sub/used") == "line\n" * 3


class TestOddAnswers:
    def answering(self, crew: Workshop, answer: str) -> Workshop:
        crew.put("answer", answer)
        crew.put("critic.sh", "note judge; cat answer")
        return crew

    def test_a_score_of_any_length_is_told(self, crew: Workshop):
        built = self.answering(crew, f'{{"score": 1{"0" * 400}, "approved": true}}').build()

        assert built.steps["draft"].failure == "review"
        assert "its score is not from 0 to 1: 1000" in built.steps["draft"].detail

    def test_halves_of_signs_are_replaced(self, crew: Workshop):
        """JSON can hold them; UTF-8, and so what is recorded, cannot."""
        built = self.answering(crew, '{"score": 1, "approved": true, "summary": "a\\ud800b"}').settle()

        assert built.steps["draft"].review.summary == "a?b"  # type: ignore[union-attr]

    def test_a_secret_is_masked_however_json_spells_it(self, crew: Workshop):
        crew.setenv(TOKEN="sesame-open")
        crew.wavefile("secrets: [TOKEN]\n" + crew.read("Wavefile"))
        spelled = "\\u0073esame-open"
        answer = f'{{"score": 1, "approved": true, "summary": "{spelled}", "suggestions": ["say {spelled}"]}}'

        review = self.answering(crew, answer).settle().steps["draft"].review

        assert review is not None
        assert (review.summary, review.suggestions) == ("***", ("say ***",))

    def test_a_secret_is_no_input_of_an_advisor(self, crew: Workshop):
        """Its digest would be in the trace."""
        change(crew, 'sh critic.sh {{ outputs }}"', 'sh critic.sh {{ outputs }}", inputs: "env:TOKEN"')
        crew.wavefile("secrets: [TOKEN]\n" + crew.read("Wavefile"))

        with pytest.raises(WavebuildError) as caught:
            crew.build()

        assert [problem.code for problem in caught.value.problems] == ["secret-told"]


class TestWaysOut:
    def test_a_result_that_is_rejected_later_stays_and_how_to_have_another_is_told(self, crew: Workshop):
        crew.settle()
        change(crew, "default: 0.3", "default: 0.9")
        rejected = crew.build()

        assert "wavebuild -B --only draft" in rejected.steps["draft"].detail
        assert crew.read("out/draft") == "line\n" * 3

    def test_of_a_persons_file_that_is_to_change_it(self, crew: Workshop):
        crew.wavefile("""
advisors: {critic: {run: "sh critic.sh {{ outputs }}"}}
steps: {a: {manual: place it, outputs: o, review: {advisor: critic}}}
""")
        crew.put("o", "1\n")

        assert "It is yours, and stays: change it" in crew.build().steps["a"].detail

    def test_an_edit_of_a_result_whose_last_run_was_rejected_can_be_accepted(self, crew: Workshop):
        """With it the result is taken as good again."""
        crew.settle()
        change(crew, "retries: 2", "retries: 0")
        assert crew.build("draft", force=True).steps["draft"].failure == "rejected"
        crew.put("out/draft", "mine\n")
        stopped = crew.build()
        assert "wavebuild accept draft" in stopped.steps["draft"].detail

        crew.accept("draft")

        assert crew.settle().ran == ["use"]

    def test_an_accepted_draft_that_is_stale_again_can_be_kept_all_the_same(self, crew: Workshop):
        crew.settle()
        crew.put("out/draft", "mine\n")
        crew.accept("out/draft")
        crew.put("notes", "other")
        stopped = crew.build()
        assert "wavebuild -t --force draft" in stopped.steps["draft"].detail

        engine.touch(crew.request("draft", force=True))

        assert (crew.settle().ran, crew.read("used")) == (["use"], "mine\n")
