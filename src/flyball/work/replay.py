"""Ask the log about rules: why one fired or did not, and what another rule file would have done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flyball.core.facts import DecisionMade, Recorded
from flyball.core.ids import Instant, Position
from flyball.core.rules.memory import Memory, carry
from flyball.core.rules.model import Ruleset
from flyball.core.rules.reason import shown
from flyball.core.rules.replay import Replay, decided, same
from flyball.core.rules.replay_lines import Stretches
from flyball.core.rules.replay_model import Replayed
from flyball.core.rules.replay_playback import Opening, Playback
from flyball.core.rules.replay_tally import tallies
from flyball.core.rules.sweep import Sweep, Swept, variants_of
from flyball.core.rules.why import Catalogues, Why, explain
from flyball.core.rules.words import near
from flyball.errors import BadUsage, NotFound
from flyball.work.recording import Recording, looked


@dataclass(slots=True)
class Past:
    """A loop's recording, asked about its rules."""

    recording: Recording
    catalogues: Catalogues

    def why(self, name: str, at: Instant | None, about: str | None) -> tuple[Why, Recorded, bool]:
        """How a rule stood at the last look up to a moment (None: the last of all).

        With it the look, and whether the rules, played again, decided there as the log says.
        """
        first, last = self.recording.ends()
        at = last.due if at is None else at
        seq = self.recording.before(lambda look: look.due > at)
        look = self.recording.look_after(Position(seq - 1)) if seq else None
        if look is None:
            later = shown(first.due - at, "seconds")
            raise NotFound(f"the first look was taken {later} later than that; ask about a time since")
        due = looked(look).due
        opening, begins = self.recording.opening([], due)
        course = opening.course(opening.rules, opening.memory)
        playback = Playback(opening, (course,), self.recording.file, follows=course)
        for passed in playback.looks(self.recording.facts(begins, due)):
            if passed.at < due:
                continue
            taken, rules = passed.taken[0], course.rules
            rule = next((each for each in rules.rules if each.id == name), None)
            if rule is None:
                known = [each.id for each in rules.rules]
                raise NotFound(f"no rule `{name}` in {rules.name} as it stood then{near(name, known)}")
            who = about_whom(name, rule.foreach is not None, about, sorted(taken.snapshot.each))
            made = [each for each in passed.said if each.rule == name and each.about == who]
            before = self.recording.last_decision(name, who, look.seq)
            why = explain(taken, rules, rule, who, passed.before[0], self.catalogues, made, before)
            return why, look, same(decided(taken), passed.said)
        raise AssertionError("the look that was found is in the log")

    def replay(self, new: Ruleset, since: Instant, until: Instant, old: Ruleset | None = None) -> Replayed:
        """The recording through a file, beside what was recorded or beside another file."""
        files = [new] if old is None else [old, new]
        opening, begins = self.recording.opening(files, since)
        played = Replay(
            opening,
            (new, remembered(opening, new)),
            since,
            self.catalogues,
            self.recording.file,
            None if old is None else (old, remembered(opening, old)),
        )
        found = played.play(self.recording.facts(begins, until))
        if not found.looks:
            raise BadUsage("no look was taken in that time; ask for a time in which the loop ran")
        if found.unlike:
            many = f"In {found.unlike:,} of {found.looks:,} looks the recorded rules, played again, decide"
            why = "the loop was restarted, or its settings changed. The log is what counts"
            self.recording.notes.append(f"{many} other than the log says: {why}.")
        return found

    def sweep(self, sweep: Sweep, rules: Ruleset, since: Instant, until: Instant) -> tuple[Swept, ...]:
        """How often each value would have fired; signals and knobs as they were recorded."""
        variants = variants_of(sweep, rules)
        opening, begins = self.recording.opening([variants], since)
        course = opening.course(variants, Memory())
        playback = Playback(opening, (course,), self.recording.file)
        made: list[DecisionMade] = []
        stretches, last = Stretches(Memory(), since), since
        for passed in playback.looks(self.recording.facts(begins, until)):
            if passed.at < since:
                stretches = Stretches(passed.taken[0].memory, since)
                continue
            last = passed.at
            stretches.add(passed.taken[0].memory, last)
            made += decided(passed.taken[0])
        found = tallies(made, stretches.until(last), [each.rule.id for each in sweep.variants])
        return tuple(Swept(each.value, each.text, found[each.rule.id]) for each in sweep.variants)


def remembered(opening: Opening, rules: Ruleset) -> Memory:
    """What those of a file's rules remember that mean the same in the file in force at the opening."""
    return carry(opening.memory, opening.rules, rules)[0]


def about_whom(name: str, each: bool, about: str | None, known: Iterable[str]) -> str | None:
    """For which annotator a rule is asked about. Raises BadUsage where it must be said, or must not."""
    present = list(known)
    if not each:
        if about is not None:
            raise BadUsage(f"`{name}` is not a rule for each annotator; leave --about away")
        return None
    if about is not None and about in present:
        return about
    if about is not None:
        raise NotFound(f"no annotator `{about}` at that moment{near(about, present)}")
    if len(present) == 1:
        return present[0]
    there = ", ".join(present[:20]) or "nobody was there"
    raise BadUsage(f"`{name}` is a rule for each annotator; name one with --about: {there}")
