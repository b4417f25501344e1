"""`console: true` where there is no terminal: a step as any other. How it owns one is shown in tests/e2e."""

from __future__ import annotations

from tests.support.workshop import Workshop


def test_without_a_terminal_it_has_no_input_and_a_log(shop: Workshop):
    """In CI, under a pipe, in the background; its second run is idle, and the key is no reason to run."""
    text = "steps: {ask: {outputs: out, console: true, run: 'note ask; echo asked; cat > out'}}"
    shop.wavefile(text)
    settled = shop.settle().steps["ask"]

    assert settled.log
    assert (shop.read(settled.log), shop.read("out")) == ("asked\n", "")
    shop.wavefile(text.replace("console: true, ", ""))
    assert (shop.plan(), shop.stale(), shop.build().ran) == ({"ask": "FRESH"}, False, [])


def test_a_category_may_give_it_and_such_steps_take_turns(shop: Workshop):
    """One at a time, with a terminal or without."""
    shop.wavefile(
        """
        categories: {talks: {console: true}}
        defaults: {category: talks, run: "mkdir one; sleep 0.1; rmdir one"}
        steps: {a: {}, b: {}, c: {}}
        """
    )

    assert shop.build(jobs=3).code == 0
