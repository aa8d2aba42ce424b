"""The parts of a loop that follow from its settings: clock, desk, steering, lanes."""

from __future__ import annotations

import os
from functools import cache, partial
from pathlib import Path

from flyball.adapters.clock import RealClock, SpedClock, VirtualClock
from flyball.adapters.contract_file import ContractDisk
from flyball.adapters.contract_file import read as read_contract
from flyball.adapters.desk_nobody import NobodyDesk
from flyball.adapters.desk_simulated import SimulatedDesk
from flyball.adapters.durable_rules import DurableEngine
from flyball.adapters.rule_disk import RuleDisk
from flyball.adapters.rule_file import read as read_rules
from flyball.adapters.stream import OpenedStream
from flyball.bootstrap.app import Clock
from flyball.core.drift.detector import Cusum, Detector
from flyball.core.due import Due, Wait
from flyball.core.facts import BatchReleased
from flyball.core.gauges import Gauges
from flyball.core.ids import Digest, Instant, digest_of
from flyball.core.knobs import ACTIONS, KNOBS
from flyball.core.rules.words import Catalogue
from flyball.core.signals import SIGNALS
from flyball.errors import BadUsage
from flyball.ports import Desk, Offer, Segments, Store, Stream
from flyball.settings import Settings
from flyball.work import annotate, contract, ingest, integrate, score, train
from flyball.work.canary import Canary
from flyball.work.contract import ContractBook
from flyball.work.lanes import Lane, failed, guarded
from flyball.work.measure import Watch
from flyball.work.rulebook import Rulebook
from flyball.work.steer import Steering
from flyball.work.tools import Tools
from flyball.work.transition import Transition

#: The alert that says that the labels there are cannot be found out.
LACKING = "classes"


@cache
def code_digest() -> Digest:
    """The digest of this Flyball's own code: one of the pins of every run."""
    package = Path(__file__).parent.parent
    names = sorted(package.rglob("*.py"))
    written = (path.relative_to(package).as_posix().encode() + path.read_bytes() for path in names)
    return digest_of(b"\0".join(written))


def make_clock(settings: Settings, start: Instant) -> Clock:
    """The clock that the settings ask for, in a world that begins at `start`."""
    match settings.clock.kind:
        case "sped":
            return SpedClock(start, settings.clock.speed)
        case "virtual":
            return VirtualClock(start)
        case _:
            return RealClock()


def make_desk(settings: Settings, opened: OpenedStream, store: Store, segments: Segments) -> Desk:
    """Where answers come from: a labelling tool, a simulated team with what it was offered, or nobody.

    Nobody is asked while the labels there are cannot be found out.
    """
    if settings.team.source == "none" or opened.lacking:
        return NobodyDesk()
    if settings.team.source.startswith("source:"):
        from flyball.bootstrap.desks import label_studio_desk

        name = settings.team.source.removeprefix("source:")
        return label_studio_desk(settings, name, opened.classes, store, segments, os.environ)
    if opened.truth is None:
        raise BadUsage(
            "a simulated team needs to know the true labels: name their column as stream.label in loop.toml"
        )
    released = [(r.at, r.fact) for r in store.log.read(kinds=["batch-released"])]
    history = [
        (Offer(fact.batch, fact.items, fact.answers_needed), at)
        for at, fact in released
        if isinstance(fact, BatchReleased)
    ]
    return SimulatedDesk(settings.team, opened.truth, opened.classes, settings.seed, history)


def make_contracts(settings: Settings) -> ContractBook:
    """Where the contract about labels is kept: the file that the settings name, if it is there."""
    path = settings.path(settings.loop.contract)
    return ContractBook.of(
        ContractDisk(path, settings.loop.contract), lambda content, name: read_contract(content, name)[0]
    )


def make_steering(tools: Tools, stream: Stream, now: Instant) -> Steering:
    """Steering with its rule file, engine and gauges, taken up from where the last process left off."""
    catalogue = Catalogue(SIGNALS, KNOBS, ACTIONS)
    path = tools.settings.path(tools.settings.loop.rules)
    rulebook = Rulebook(
        tools=tools,
        engine=DurableEngine(),
        file=RuleDisk(path, tools.settings.loop.rules),
        read=lambda content, name: read_rules(content, name, catalogue)[0],
    )
    steering = Steering(
        tools=tools,
        features=lambda: stream.features,
        watch=Watch(_detector(tools.settings.drift.detector)),
        gauges=Gauges(tools.settings.budget),
        rulebook=rulebook,
        canary=Canary(tools, rulebook),
        transition=Transition(
            tools,
            {
                "release": lambda architecture, at: annotate.due(tools, stream, at, architecture),
                "train": lambda architecture, at: train.due(tools, at, architecture),
            },
        ),
    )
    steering.wake(now)
    return steering


def note_lacking(tools: Tools, lacking: str, now: Instant) -> None:
    """Have an alert while the labels there are are not known, and no contract lists them."""
    if lacking and not contract.listed(tools):
        tools.alert(now, LACKING, lacking)
    else:
        tools.clear(now, LACKING)


def make_lanes(tools: Tools, opened: OpenedStream, steering: Steering) -> dict[str, Lane]:
    """The six lanes, each guarded so that a failure of one stops none of the others."""
    stream = opened.stream
    lanes = (
        Lane(
            "ingest",
            partial(ingest.due, tools, stream),
            partial(ingest.begin, tools, stream),
            partial(ingest.perform, tools),
            partial(ingest.finish, tools),
            failed,
        ),
        Lane(
            "integrate",
            partial(_merging_due, tools, opened.lacking),
            partial(integrate.begin, tools),
            partial(integrate.perform, tools),
            partial(integrate.finish, tools),
            partial(integrate.fail, tools),
        ),
        Lane(
            "train",
            partial(train.due, tools),
            lambda go, now: train.begin(tools, stream.features, go, now),
            partial(train.perform, tools),
            partial(train.finish, tools),
            partial(train.fail, tools),
        ),
        Lane("steer", steering.due, steering.begin, steering.perform, steering.finish, failed),
        Lane(
            "score",
            partial(score.due, tools),
            lambda go, now: score.begin(tools, stream.features, go, now),
            partial(score.perform, tools),
            partial(score.finish, tools),
            partial(score.fail, tools),
        ),
        Lane(
            "annotate",
            partial(annotate.due, tools, stream),
            partial(annotate.begin, tools),
            lambda begun: None,
            lambda begun, outcome, now: annotate.finish(begun),
            failed,
        ),
    )
    return {lane.name: guarded(lane, tools) for lane in lanes}


def _merging_due(tools: Tools, lacking: str, now: Instant) -> Due:
    """Where nobody knows which labels there are, a slip of the pen would become one."""
    if lacking:
        contract.reload(tools, now)
        if not contract.listed(tools):
            return Wait(lacking)
    return integrate.due(tools, now)


def _detector(name: str) -> Detector:
    if name == "cusum":
        return Cusum()
    # What it brings along takes seconds to load, and commands that only read need none.
    from flyball.adapters.detector_river import adwin, page_hinkley

    return adwin() if name == "adwin" else page_hinkley()
