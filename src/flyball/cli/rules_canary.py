"""A canary on the command line: let a new file govern a share of the batches, see how it does, stop it."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flyball.bootstrap import Reading, reading
from flyball.cli.show import as_json, print_line
from flyball.cli.write import sent
from flyball.core.canary import outcomes
from flyball.core.facts import CanaryBegan, CanaryEnded
from flyball.core.rules.reason import shown
from flyball.core.rules.words import near
from flyball.core.signals import SIGNALS
from flyball.errors import BadUsage


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks of a canary: its share of the batches, by which signal and how many it is judged."""

    share: str
    signal: str
    better: str | None
    batches: int

    def request(self) -> dict[str, Any]:
        """The same in plain values. Raises BadUsage, with all that is wrong."""
        wrong, share = [], _share(self.share)
        if share is None or not 0 < share <= 0.5:
            wrong.append(f"--canary is a share of the batches up to 50%, such as 20%; {self.share!r} is not")
        signal = SIGNALS.get(self.signal)
        if signal is None or signal.per is not None:
            wrong.append(f"there is no signal `{self.signal}` of the whole loop{near(self.signal, SIGNALS)}")
        better = self.better or (signal.better if signal else None)
        if signal is not None and better is None:
            wrong.append(f"say which way is good for `{self.signal}`: --better higher, or --better lower")
        if wrong:
            raise BadUsage("\n".join(wrong))
        return {"share": share, "signal": self.signal, "better": better, "batches": self.batches}


def begin(loop: Path, content: bytes, asked: Mapping[str, Any], because: str) -> Mapping[str, Any]:
    """Let a checked rule file govern its share of the batches."""
    if not because.strip():
        raise BadUsage('say why with --because "…"; it is kept with the canary')
    request = {"command": "canary-begin", "content": content.decode(), **asked}
    return sent(loop, {**request, "by": getpass.getuser(), "because": because})


def told(found: Mapping[str, Any], file: Path, dry_run: bool) -> None:
    """Say what a canary will do, or would."""
    share, signal = f"{found['share']:.0%}", f"`{found['signal']}` ({found['better']} is better)"
    governs = "would govern" if dry_run else "governs"
    print_line(f"{file} {governs} {share} of the batches from the next one on")
    print_line("  of what it turns, only knobs of batches are used; the rest waits until it is in force")
    print_line(f"  it is judged by {signal} after {found['batches']} batches of its own, and half-way:")
    print_line("  clearly worse, it goes back by itself; else it takes the place of the rules in force")
    print_line("  see how it does:  flyball rules canary        stop it:  flyball rules canary --stop")


def show(loop: Path, *, json: bool) -> int:
    """How the canary does that is under way, or how the last one ended."""
    with reading(loop) as read:
        found = standing(read)
    if json:
        as_json(found)
        return 0
    if found is None:
        print_line("there was no canary yet; `flyball rules apply FILE --canary 20%` begins one")
        return 0
    began = found["began"]
    print_line(f"{began['name']} ({began['digest'][:12]}) by {began['by']}: {began['because']}")
    if (ended := found["ended"]) is not None:
        print_line(f"  {ended['verdict']} by {ended['by']}: {ended['because']}")
        return 0
    print_line(
        f"  governs {began['share']:.0%} of the batches; {found['settled']} of its {began['batches']} settled"
    )
    unit = SIGNALS[began["signal"]].unit if began["signal"] in SIGNALS else ""
    for name in ("canary", "others"):
        mean = shown(found[name]["mean"], unit)
        print_line(f"  {name:<7} `{began['signal']}` {mean} over {found[name]['batches']} batches")
    return 0


def stop(loop: Path, because: str, *, json: bool) -> int:
    """Stop the canary that is under way."""
    if not because.strip():
        raise BadUsage('say why with --because "…"; it is kept with the canary')
    found = sent(loop, {"command": "canary-stop", "by": getpass.getuser(), "because": because})
    if json:
        as_json(found)
    else:
        print_line(f"the canary {found['digest'][:12]} is stopped; batches that are out stay as they are")
    return 0


def standing(read: Reading) -> dict[str, Any] | None:
    """The newest canary with its batches so far; None where there was none."""
    began, seq, ended = None, None, None
    for recorded in read.log.read(kinds=["canary-began", "canary-ended"]):
        match recorded.fact:
            case CanaryBegan() as fact:
                began, seq, ended = fact, recorded.seq, None
            case CanaryEnded() as fact:
                ended = fact
            case _:
                pass
    if began is None or seq is None:
        return None
    facts = read.log.read(seq, kinds=["looked", "batch-released", "batch-settled"])
    means, rules = outcomes(facts, began.signal)
    shown = {name: value for name, value in asdict(began).items() if name != "text"}
    found: dict[str, Any] = {"began": shown, "ended": None if ended is None else asdict(ended)}
    found["settled"] = sum(digest == began.digest for digest in rules.values())
    for name, own in (("canary", True), ("others", False)):
        values = [mean for batch, mean in means.items() if (rules[batch] == began.digest) is own]
        found[name] = {"batches": len(values), "mean": sum(values) / len(values) if values else None}
    return found


def _share(text: str) -> float | None:
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return None
