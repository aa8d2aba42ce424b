"""What a look concluded, as facts: each decision with its reason, and what it turns or asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flyball.core.control import BASE, KnobState
from flyball.core.facts import ActionAsked, DecisionMade, KnobTurned
from flyball.core.ids import Digest, Instant
from flyball.core.rules.conditions import Side
from flyball.core.rules.memory import Instance, taken_off
from flyball.core.rules.model import Do, Rule
from flyball.core.rules.writers import Case, Outcome, turned

Conclusion = DecisionMade | KnobTurned | ActionAsked
#: What to say of a rule, and the numbers that it saw; the second argument is the annotator, if any.
Because = Callable[[Rule, str | None], str]
Seen = Callable[[Rule, str | None], Mapping[str, Side]]


@dataclass(frozen=True, slots=True)
class Telling:
    """What every decision of one look has in common."""

    now: Instant
    rules: Digest
    because: Because
    seen: Seen

    def of(self, case: Case, outcomes: Sequence[Outcome], knobs: KnobState) -> Iterator[Conclusion]:
        """The facts about one case. The case is left knowing what it holds and what it was told."""
        if case.event == "cleared":
            yield from self._cleared(case, knobs)
            return
        done = [each for each in outcomes if each.verdict == "done"]
        known = () if case.event else case.stands.told
        blocked = [each for each in outcomes if each.verdict != "done" and each.want.target not in known]
        case.stands = _remembering(case, outcomes)
        if not (case.event or done or blocked):
            return
        because = self.because(case.rule, case.about)
        actions = [act for act in case.rule.then if isinstance(act, Do)] if case.event else []
        if done or actions or (case.event and not outcomes):
            changes = [*map(_change, done), *({"do": act.action, **act.options} for act in actions)]
            yield self._decision(case, case.event or "repeated", because, changes)
        if case.acts:
            for each in done:
                if each.want.layer != BASE or each.to != each.want.was:
                    yield turned(each.want, each.to, because)
            for act in actions:
                yield ActionAsked(act.action, case.rule.id, because, act.options, case.about)
        for each in blocked:
            why = f"; `{each.want.target}` is frozen: {each.limited_by}" if each.verdict == "guard" else ""
            yield self._decision(
                case, each.verdict, because + why, [_change(each)], overruled_by=each.overruled_by
            )

    def _cleared(self, case: Case, knobs: KnobState) -> Iterator[Conclusion]:
        pause = knobs.person("rule.paused", self.now, case.rule.id)
        because = self.because(case.rule, case.about)
        if pause is not None and pause.value:
            because = f"paused by {pause.by}: {pause.because}"
        off = list(taken_off(case.rule, case.about, case.was, because))
        changes, after = [], knobs
        for fact in off:
            was = after.ruled(fact.knob, self.now, fact.about)
            after = after.evolve(fact)
            to = after.ruled(fact.knob, self.now, fact.about)
            changes.append({"knob": fact.knob, "from": was, "to": to, "how": "off"})
        yield self._decision(case, "cleared", because, changes)
        if case.acts:
            yield from off

    def _decision(
        self,
        case: Case,
        verdict: str,
        because: str,
        changes: Sequence[Mapping[str, Any]],
        overruled_by: str | None = None,
    ) -> DecisionMade:
        return DecisionMade(
            rule=case.rule.id,
            verdict=verdict,
            due=self.now,
            because=because,
            live=case.acts,
            rules=self.rules,
            values=self.seen(case.rule, case.about),
            changes=tuple(changes),
            overruled_by=overruled_by,
            about=case.about,
        )


def _change(outcome: Outcome) -> dict[str, Any]:
    want = outcome.want
    change = {"knob": want.target.knob, "from": want.was, "to": outcome.to, "how": want.how}
    if outcome.to != want.value:
        change["wanted"] = want.value
    return {**change, "limited_by": outcome.limited_by} if outcome.limited_by else change


def _remembering(case: Case, outcomes: Sequence[Outcome]) -> Instance:
    if not outcomes:
        return case.stands
    holds, told = dict(case.stands.holds), dict.fromkeys(case.stands.told)
    for each in outcomes:
        target = each.want.target
        if each.want.layer == BASE:
            continue
        if each.verdict == "done":
            holds[target] = each.to
        if each.limited_by or each.verdict != "done":
            told[target] = None
        else:
            told.pop(target, None)
    return replace(case.stands, holds=holds, told=tuple(told))
