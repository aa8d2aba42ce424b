"""Loops that are asked about their rules: what tests of `why`, `replay` and `diff` share."""

from __future__ import annotations

from tests.loops import facts

from flyball.adapters.rule_file import read
from flyball.bootstrap import App
from flyball.cli.rules import CATALOGUE
from flyball.core.control import KnobState
from flyball.core.facts import DecisionMade, Looked
from flyball.core.rules.model import Ruleset
from flyball.core.rules.replay_model import Replayed
from flyball.core.rules.why import Catalogues
from flyball.work.recording import Recording
from flyball.work.replay import Past

CATALOGUES = Catalogues(CATALOGUE.signals, CATALOGUE.knobs)


def rules_of(text: str) -> Ruleset:
    """The rules of a text."""
    return read(text.encode(), "rules.yaml", CATALOGUE)[0]


def past_of(app: App) -> Past:
    """A loop's recording."""
    settings = app.settings
    knobs = KnobState.start({"loop.architecture": settings.loop.architecture, **settings.knobs})
    recording = Recording(app.tools.store.log, knobs, lambda content, name: read(content, name, CATALOGUE)[0])
    return Past(recording, CATALOGUES)


def replayed(app: App, new: str, since: float = 0.0, old: str | None = None) -> Replayed:
    """The whole recording through a file, from so many seconds after the first look on."""
    past = past_of(app)
    first, last = past.recording.ends()
    return past.replay(rules_of(new), first.due + since, last.due, None if old is None else rules_of(old))


def looks_of(app: App) -> list[Looked]:
    """Every look."""
    return [each.fact for each in facts(app, "looked") if isinstance(each.fact, Looked)]


def decisions_of(app: App) -> list[DecisionMade]:
    """Every decision."""
    return [each.fact for each in facts(app, "decision-made") if isinstance(each.fact, DecisionMade)]
