"""Whatever is saved, applied and paused, a loop that is restarted decides what one that ran on decides."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.rulings import RULES, Station

from flyball.adapters.rule_edit import with_mode
from flyball.adapters.rule_file import read
from flyball.cli.rules import CATALOGUE
from flyball.core.control import PERSON, KnobState
from flyball.core.knobs import Value
from flyball.errors import BadFile, BadUsage, FlyballError, NotFound
from flyball.work import rule_history

FILES = {
    "as it was": RULES,
    "eager": RULES.replace("queue.depth > 20", "queue.depth > 2"),
    "other words": RULES.replace("items wait", "items in the queue"),
    "another order": RULES[: RULES.index("  - id: stale")] + RULES[RULES.index("  - id: once") :]
    + RULES[RULES.index("  - id: stale") : RULES.index("  - id: once")],
    "fewer": RULES[: RULES.index("  - id: stale")],
    "slower": RULES.replace("every: 1m", "every: 2m"),
    "more": RULES + "  - {id: x, because: b, when: queue.depth > 1, hold: {batch.size: 50}, priority: 3}\n",
    "broken": RULES.replace("queue.depth", "queue.dept"),
    "empty": "",
    "marked": "\ufeff" + RULES,
}  # fmt: skip
IDS = ("deep", "stale", "once", "tried")
files = st.sampled_from(sorted(FILES))
ids = st.sampled_from(IDS)


class Edited(RuleBasedStateMachine):
    """Two stations with the same people at them; one of them is restarted now and then."""

    @initialize()
    def begin(self) -> None:
        """Both begin with the same rules, and have looked once."""
        self.room = tempfile.TemporaryDirectory()
        self.both = [Station(Path(self.room.name) / name) for name in ("restarted", "whole")]
        self.seen = [0, 0]
        self.look(0.0, 0.0, 0)

    def teardown(self) -> None:
        """Sweep up."""
        if hasattr(self, "room"):
            self.room.cleanup()

    def asks(self, command: str, **given: Any) -> None:
        """A person's command, to both; what is refused is refused by both in the same words."""
        said = []
        for each in self.both:
            try:
                said.append(str(each.ask(command, **given)))
            except FlyballError as error:
                said.append(str(error))
        assert said[0].replace(str(self.both[0].directory), "") == said[1].replace(
            str(self.both[1].directory), ""
        )

    @rule(name=files)
    def save(self, name: str) -> None:
        """A file is saved by hand."""
        for each in self.both:
            each.path.write_text(FILES[name])

    @rule(name=files, share=st.floats(0.0, 1.0))
    def save_half(self, name: str, share: float) -> None:
        """An editor is killed while it saves: what stands there is a beginning, valid or not."""
        for each in self.both:
            each.path.write_text(FILES[name][: int(len(FILES[name]) * share)])

    @rule()
    def lose(self) -> None:
        """The file is gone."""
        for each in self.both:
            each.path.unlink(missing_ok=True)

    @rule(name=files)
    def put(self, name: str) -> None:
        """A file is put in force with a command."""
        self.asks("rules-put", content=FILES[name], because=name)

    @rule(name=ids, mode=st.sampled_from(["live", "shadow"]))
    def move(self, name: str, mode: Any) -> None:
        """A rule is moved between shadow and live."""
        if self.both[0].path.is_file():
            content = self.both[0].path.read_bytes()
            try:
                edit = with_mode(content, "r", name, mode, lambda c, n: read(c, n, CATALOGUE)[0])
            except (BadFile, BadUsage, NotFound):
                return
            self.asks("rules-put", content=edit.content.decode(), because=f"{name} {mode}")

    @rule()
    def roll_back(self) -> None:
        """Back to the file before."""
        try:
            file = rule_history.previous(self.both[0].loaded())
        except BadUsage:
            return
        self.asks("rules-put", content=rule_history.content_of(file).decode(), because="back")

    @rule(
        depth=st.sampled_from([None, 0.0, 3.0, 15.0, 30.0, 50.0]),
        answers=st.sampled_from([None, 0.0, 50.0]),
        cycle=st.integers(0, 1),
    )
    def look(self, depth: float | None, answers: float | None, cycle: int) -> None:
        """The next look."""
        for each in self.both:
            each.look(cycle, queue_depth=depth, answers_since_train=answers)

    @rule(depth=st.sampled_from([0.0, 30.0, 50.0]), times=st.integers(2, 6))
    def looks(self, depth: float, times: int) -> None:
        """A few looks at the same."""
        for _ in range(times):
            self.look(depth, 50.0, 0)

    @rule(name=ids, lasts=st.sampled_from([None, 60.0, 150.0]))
    def pause(self, name: str, lasts: float | None) -> None:
        """A rule is paused."""
        self.asks("knob-set", knob="rule.paused", value="true", about=name, because="night", lasts=lasts)

    @rule(name=ids)
    def resume(self, name: str) -> None:
        """A paused rule goes on."""
        self.asks("knob-clear", knob="rule.paused", about=name)

    @rule(by=st.sampled_from(["ana", "bob"]), lasts=st.sampled_from([None, 90.0]))
    def turn(self, by: str, lasts: float | None) -> None:
        """A person overrides what rules turn."""
        self.asks("knob-set", knob="sampler.reserve", value="30%", by=by, because="night", lasts=lasts)

    @rule()
    def clear(self) -> None:
        """The override is taken off."""
        self.asks("knob-clear", knob="sampler.reserve")

    @rule(name=files, signal=st.sampled_from(["queue.depth", "cycle.seconds"]))
    def try_out(self, name: str, signal: str) -> None:
        """A file is to govern every other batch, and is judged by five of them."""
        asked = {"share": 0.5, "signal": signal, "better": "lower", "batches": 5, "because": name}
        self.asks("canary-begin", content=FILES[name], **asked)

    @rule()
    def give_up(self) -> None:
        """The canary is stopped."""
        self.asks("canary-stop", because="enough")

    @rule(times=st.integers(1, 12), depth=st.sampled_from([0.0, 30.0, 50.0]))
    def batches(self, times: int, depth: float) -> None:
        """Batches go out and come back: cycles end, and canaries are judged."""
        for _ in range(times):
            for each in self.both:
                each.batch(1, queue_depth=depth, answers_since_train=50.0)

    @rule(to=st.sampled_from(["adaptive", "parallel", "sequential"]), cycles=st.integers(0, 3))
    def rebuild(self, to: str, cycles: int) -> None:
        """The architecture is changed, after some cycles in shadow."""
        self.asks("architecture", to=to, cycles=cycles, because="a new team")

    @rule()
    def restart(self) -> None:
        """The process is killed; the next one takes up the file when it starts, as a look would."""
        self.both[0].restart()
        self.both[1].steering.rulebook.reload(self.both[1].now)

    @invariant()
    def both_say_the_same(self) -> None:
        """Nothing is lost and nothing is there twice: the logs are the same, fact by fact."""
        if not hasattr(self, "both"):
            return
        new = [list(each.store.log.read(seen)) for each, seen in zip(self.both, self.seen, strict=True)]  # type: ignore[arg-type]
        assert [(r.at, r.fact) for r in new[0]] == [(r.at, r.fact) for r in new[1]]
        self.seen = [seen + len(facts) for seen, facts in zip(self.seen, new, strict=True)]
        assert self.both[0].held() == self.both[1].held()
        assert self.both[0].steering.next_look == self.both[1].steering.next_look
        tried = [each.steering.tools.canary for each in self.both]
        if None not in tried:  # it is taken up at the start, and for the other at its next look
            assert len({str(ruled(knobs)) for knobs in tried if knobs is not None}) == 1


def ruled(knobs: KnobState) -> list[tuple[str, list[tuple[str, Value]]]]:
    """What rules turned, whatever people set above it."""
    turned = {
        str(target): [(layer.name, layer.value) for layer in layers if not layer.name.startswith(PERSON)]
        for target, layers in knobs.turned.items()
    }
    return sorted((target, layers) for target, layers in turned.items() if layers)


def play(examples: int, steps: int) -> None:
    """Try so many histories of so many steps."""
    calm = [HealthCheck.too_slow]
    wanted = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=calm
    )
    run_state_machine_as_test(Edited, settings=wanted)


def test_a_restart_changes_no_decision() -> None:
    play(20, 40)


@pytest.mark.slow
def test_a_restart_changes_no_decision_in_many_histories() -> None:
    play(60, 50)
