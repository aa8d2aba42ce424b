"""People at the knobs: set one over every rule for a time, take that off again, pause a rule."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyball.bootstrap import Reading, reading
from flyball.cli.rules_write import in_force
from flyball.cli.show import as_json, lasting, moment, number, print_line
from flyball.cli.write import now_of, sent
from flyball.core.control import Target, fault
from flyball.core.knobs import KNOBS
from flyball.errors import BadUsage
from flyball.work import turn
from flyball.work.transition import ARCHITECTURE, CYCLES


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks of a knob, as it was typed. `lasts` None: until it is cleared.

    `about`: the annotator or the rule. `shadow`: for how many cycles a new architecture first runs in
    shadow; None where nobody said.
    """

    knob: str
    value: str
    about: str | None = None
    lasts: str | None = None
    shadow: int | None = None

    @property
    def transition(self) -> bool:
        """Whether the architecture is to change for good, and so by way of the shadow."""
        return self.knob == ARCHITECTURE and self.lasts is None and self.about is None

    def check(self) -> None:
        """Raises BadUsage where `--shadow` would say nothing."""
        if self.shadow is None or self.transition:
            return
        if self.knob != ARCHITECTURE:
            raise BadUsage(
                f"--shadow is for a change of {ARCHITECTURE}, which first runs beside the one in force;"
                f" {self.knob} is turned at once. Leave --shadow away"
            )
        raise BadUsage(
            "--shadow leads to an architecture that stays, so it goes neither with --for nor with --about;"
            " leave them away, or leave --shadow away"
        )


def set_(loop: Path, asked: Asked, *, because: str, json: bool, dry_run: bool) -> int:
    """Override a knob; a new architecture takes over by way of the shadow."""
    asked.check()
    if asked.transition:
        return _change_architecture(loop, asked, because=because, json=json, dry_run=dry_run)
    found = setting(
        loop,
        asked.knob,
        asked.value,
        about=asked.about,
        lasts=asked.lasts,
        because=because,
        dry_run=dry_run,
    )
    if json:
        as_json({**found, "dry_run": dry_run})
        return 0
    name = _name(found)
    print_line(f"{name} {'would be' if dry_run else 'is now'} {number(found['value'])}, {_until(found)}")
    print_line(f"  before: {number(found['before'])}" + _instead(found))
    print_line(f"  it lies above every rule; take it off:  flyball knobs clear {_option(found)}")
    if not found["takes_effect"]:
        print_line("  nothing in this version of Flyball reads this knob yet: it is only written down")
    return 0


def _change_architecture(loop: Path, asked: Asked, *, because: str, json: bool, dry_run: bool) -> int:
    """Change the architecture, with so many cycles of the new one in shadow first."""
    to, cycles = asked.value, CYCLES if asked.shadow is None else asked.shadow
    wrong = fault(KNOBS, ARCHITECTURE, to)
    if wrong or not because.strip():
        raise BadUsage(wrong or 'say why with --because "…"; it is kept with the change')
    request = {"command": "architecture", "to": to, "cycles": cycles, "because": because}
    if dry_run:
        with reading(loop) as read:
            before = read.knobs.value(ARCHITECTURE, now_of(read))
        found: Mapping[str, Any] = {
            "to": to,
            "transition": {"before": before, "cycles": cycles} if cycles else None,
        }
    else:
        found = sent(loop, {**request, "by": getpass.getuser()})
    if json:
        as_json({**found, "dry_run": dry_run})
        return 0
    if dry_run:
        print_line("this would be done:")
    if (began := found["transition"]) is None:
        print_line(f"the loop is {to} from now on")
    else:
        print_line(
            f"{to} runs in shadow for {began['cycles']} cycles beside {began['before']}, then takes over"
        )
        print_line("  what it would have started sooner is written down:  flyball decisions")
        print_line(f"  call it off:  flyball knobs set {ARCHITECTURE} {began['before']} --because …")
    return 0


def clear(loop: Path, knob: str, *, about: str | None, because: str, json: bool, dry_run: bool) -> int:
    """Take an override off."""
    found = clearing(loop, knob, about=about, because=because, dry_run=dry_run)
    if json:
        as_json({**found, "dry_run": dry_run})
        return 0
    for each in found["taken_off"]:
        verb = "would be taken off" if dry_run else "is taken off"
        print_line(
            f"{each['by']}'s {number(each['value'])} {verb} {_name(found)} (it was: {each['because']})"
        )
    print_line(f"  its value {'would be' if dry_run else 'is'} {number(found['value'])} now")
    return 0


def pause(loop: Path, rule: str, *, lasts: str | None, because: str, json: bool, dry_run: bool) -> int:
    """Pause a rule."""
    found = setting(loop, turn.PAUSED, "true", about=rule, lasts=lasts, because=because, dry_run=dry_run)
    if json:
        as_json({**found, "dry_run": dry_run})
        return 0
    verb = "would be paused" if dry_run else "is paused"
    print_line(f"{rule} {verb}, {_until(found)}{_instead(found)}")
    print_line("  from the next look on it does not fire, and what it holds is taken off")
    print_line(f"  go on sooner:  flyball rules resume {rule}")
    return 0


def resume(loop: Path, rule: str, *, because: str, json: bool, dry_run: bool) -> int:
    """Let a paused rule go on."""
    found = clearing(loop, turn.PAUSED, about=rule, because=because, dry_run=dry_run)
    if json:
        as_json({**found, "dry_run": dry_run})
        return 0
    if found["value"]:
        print_line(f"{rule} stays paused: all rules are; `flyball knobs clear rule.paused` ends that")
    else:
        verb = "would be looked at" if dry_run else "is looked at"
        print_line(f"{rule} {verb} again from the next look on; it begins idle")
    return 0


def setting(
    loop: Path,
    knob: str,
    value: str,
    *,
    about: str | None,
    lasts: str | None,
    because: str,
    dry_run: bool,
) -> Mapping[str, Any]:
    """Set an override, or say what would come of it. Raises BadUsage, NotFound."""
    seconds = None if lasts is None else turn.lasting(lasts)
    ask = turn.Ask(knob, value, getpass.getuser(), because, about, seconds)
    if dry_run:
        with reading(loop) as read:
            return turn.setting(read.knobs, _rules(read), ask, now_of(read))[1]
    given = {"knob": knob, "value": value, "by": ask.by, "because": because}
    return sent(loop, {"command": "knob-set", **given, "about": about, "lasts": seconds})


def clearing(loop: Path, knob: str, *, about: str | None, because: str, dry_run: bool) -> Mapping[str, Any]:
    """Take an override off, or say what would come of it. Raises BadUsage, NotFound."""
    by = getpass.getuser()
    if dry_run:
        with reading(loop) as read:
            target = Target(knob, about)
            return turn.clearing(read.knobs, _rules(read), target, by, because, now_of(read))[1]
    request = {"command": "knob-clear", "knob": knob, "about": about, "by": by, "because": because}
    return sent(loop, request)


def override(told: Mapping[str, Any]) -> str:
    """An override in a line: what, by whom, how long still, why."""
    left = "until it is cleared"
    if told["until"] is not None:
        left = f"for {lasting(told['left'])} more (until {moment(told['until'])})"
    return f"{_name(told)} {number(told['value'])} by {told['by']} {left}: {told['because']}"


def paused(told: Mapping[str, Any]) -> str:
    """A pause in a line: which rule, by whom, how long still, why."""
    left = "until it is resumed"
    if told["until"] is not None:
        left = f"for {lasting(told['left'])} more (until {moment(told['until'])})"
    return f"{told['about'] or 'all rules'} by {told['by']} {left}: {told['because']}"


def _until(found: Mapping[str, Any]) -> str:
    if found["until"] is None:
        return f"by {found['by']}, until somebody clears it: {found['because']}"
    for_ = lasting(found["until"] - found["at"])
    return f"by {found['by']} for {for_}, until {moment(found['until'])} UTC: {found['because']}"


def _instead(found: Mapping[str, Any]) -> str:
    return "".join(
        f"; in place of {each['by']}'s {number(each['value'])} ({each['because']})"
        for each in found["replaces"]
    )


def _option(found: Mapping[str, Any]) -> str:
    return str(found["knob"]) + (f" --about {found['about']}" if found["about"] else "")


def _name(told: Mapping[str, Any]) -> str:
    return f"{told['knob']}@{told['about']}" if told["about"] else str(told["knob"])


def _rules(read: Reading) -> list[str]:
    """The rules in force by their names."""
    rules = in_force(read.log)
    if rules is None:
        raise BadUsage("this loop has not loaded a rule file yet; `flyball run` does")
    return [str(rule.id) for rule in rules.rules]
