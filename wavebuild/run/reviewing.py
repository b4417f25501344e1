"""The prompt, the review and the rejected draft of one step, where its commands find them.

It does not know whether a rejected draft is made anew: that is the rebuilder's.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from msgspec.structs import replace

from wavebuild import disk
from wavebuild.declare.model import Prompt, Step
from wavebuild.declare.values import json_text
from wavebuild.errors import WavebuildError, mistake
from wavebuild.judge.trace import Trace
from wavebuild.run import reviews, transaction
from wavebuild.run.events import Opinion, StepReviewed
from wavebuild.run.jobs import Invocation, Try, prompt_text
from wavebuild.run.life import Life
from wavebuild.run.records import log_path


class Reviews:
    """``secrets``: texts that nothing written here may show."""

    def __init__(self, invocation: Invocation, secrets: Collection[str]) -> None:
        self._invocation = invocation
        self._secrets = secrets
        self._root = invocation.root

    def told(self, this: Try, life: Life) -> Try:
        """The try with its prompt and the last review written. Raises OSError, WavebuildError."""
        step = this.step
        if life.reviewing:
            disk.remove(self._answer(step, life))
            this = replace(this, reviewing=True, answer=self._answer(step, life))
        elif life.checking:
            return this
        else:
            this = self._with_feedback(this, life)
        if step.prompt is None:
            return this
        if not life.reviewing:
            self._refuse_outdated(step.prompt)
        path = self._path(step, life, "prompt.md")
        text = prompt_text(self._invocation, this)
        if life.heard is not None:
            text += reviews.feedback(life.heard, self._previous(step, life))
        for file in dict.fromkeys((path, self._beside_log(step, life, "prompt.md"))):  # a private folder is gone soon
            disk.make_folder(os.path.dirname(file))
            disk.write(file, text.encode("utf-8", "surrogatepass"))
        return replace(this, prompt=path)

    def _refuse_outdated(self, prompt: Prompt) -> None:
        """What an agent is told must be what its input says now: the trace has the digest of that."""
        if prompt.digest and disk.sha256(os.path.join(self._root, prompt.path))[0] != prompt.digest:
            message = f"the prompt {prompt.path} was changed after this build began"
            raise mistake("prompt-changed", message, remedy="build again: the agent has not been asked")

    def _with_feedback(self, this: Try, life: Life) -> Try:
        if life.heard is None:
            return this
        path = self._path(this.step, life, "feedback.json")
        disk.write(path, reviews.as_text(life.heard, life.rejected_values).encode("utf-8", "surrogatepass"))
        previous = self._previous(this.step, life)
        if previous:
            disk.make_folder(previous)
        if life.private and life.draft:
            for member, entry in disk.walk(os.path.join(self._root, life.draft)):
                disk.copy(entry.path, f"{life.private.top}/previous/{member}")
        return replace(this, feedback=path, draft=previous)

    def _previous(self, step: Step, life: Life) -> str:
        """The folder of the rejected draft as the step sees it: what stands for the root of its own Wavefile there."""
        if not life.draft:
            return ""
        top = f"{life.private.top}/previous" if life.private else os.path.join(self._root, life.draft)
        return f"{top}/{step.folder}" if step.folder else top

    def _answer(self, step: Step, life: Life) -> str:
        return self._path(step, life, "answer.json")

    def _path(self, step: Step, life: Life, what: str) -> str:
        """A file for this try: in its private folder, or beside its log."""
        return f"{life.private.top}/{what}" if life.private else self._beside_log(step, life, what)

    def _beside_log(self, step: Step, life: Life, what: str) -> str:
        log = log_path(self._invocation.run, step.name, life.tries)
        return os.path.join(self._root, f"{log.removesuffix('.log')}~{what}")

    def take_in(self, step: Step, life: Life) -> str:
        """Takes what the advisor answered; in words what is wrong with it, "" if it is a review."""
        assert step.review is not None
        path = self._answer(step, life)
        try:
            life.opinion = reviews.take_in(path, step.review, self._secrets)
        except WavebuildError as error:
            problem = error.problems[0]
            return f"{problem.message}\n{problem.remedy}"
        finally:
            disk.remove(path)
        kept = self._beside_log(step, life, "review.json")
        disk.make_folder(os.path.dirname(kept))
        disk.write(kept, reviews.as_text(life.opinion).encode("utf-8", "surrogatepass"))
        return ""

    def reviewed(self, step: Step, life: Life) -> StepReviewed:
        assert life.opinion is not None
        return StepReviewed(self._invocation.run, self._invocation.clock(), step.name, life.tries, life.opinion)

    def in_words(self, life: Life) -> str:
        """Why the draft was rejected, and what the advisor said."""
        assert life.opinion is not None
        return reviews.in_words(life.opinion)

    def kept_draft(self, step: Step, life: Life, left: bool) -> str:
        """Where the last draft that was rejected lies now, relative to the root; "" if it has no files.

        ``left``: the try that just failed has left something in the failed folder.
        """
        if life.opinion is None or life.opinion.passes:
            return transaction.one_older(life.draft) if life.draft and left else life.draft
        life.heard, life.rejected_values = life.opinion, dict(life.remembered)
        return f"{transaction.FAILED}/{step.name}" if left else ""

    def recorded(self, life: Life) -> str:
        """What a trace keeps of the review."""
        return reviews.as_line(life.opinion) if life.opinion is not None else ""

    def as_value(self, opinion: Opinion) -> str:
        """The review as a value of the shared memory."""
        return json_text(reviews.as_record(opinion))

    def of(self, trace: Trace) -> Opinion | None:
        return reviews.of_trace(trace.review)
