"""Who scores: compare the challenger with the champion, promote it or keep the champion; roll back."""

from __future__ import annotations

import numpy as np

from flyball.core.chance import rng
from flyball.core.facts import ActionAsked, ChallengerKept, Fact, ModelPromoted
from flyball.core.ids import Instant, ItemId, ModelVersion
from flyball.core.learning.compare import Verdict, compare
from flyball.core.learning.metrics import Floats, aligned
from flyball.core.learning.plan import trusted
from flyball.core.loop import LoopState
from flyball.core.table import Feature, texts
from flyball.errors import BadUsage, LearnerFailed, NotFound
from flyball.ports import ItemRows
from flyball.work.integrate_proof import held
from flyball.work.tools import Tools

#: On how many labels two models are compared.
NEWEST = 200


def judge(tools: Tools, features: tuple[Feature, ...], now: Instant) -> Fact | None:
    """Decide about the challenger, if there is one, and let the aliases on the shelf say so."""
    with tools.judging:
        align(tools)
        state = tools.state
        challenger, champion = state.challenger, state.champion
        if challenger is None:
            return None
        fact = _verdict(tools, challenger, champion, features)
        tools.tell(now, fact)
        align(tools)
        return fact


def _verdict(
    tools: Tools, challenger: ModelVersion, champion: ModelVersion | None, features: tuple[Feature, ...]
) -> ModelPromoted | ChallengerKept:
    if champion is None:
        return ModelPromoted(challenger, None, "the first model", proven=False)
    asked = tools.state.asked_for("promote")
    if asked is not None:
        by = asked.fact.by if isinstance(asked.fact, ActionAsked) else "flyball"
        return ModelPromoted(challenger, champion, "promotion was asked for", proven=False, by=by)
    verdict = _compared(tools, champion, challenger, features)
    numbers = dict(verdict.numbers)
    if verdict.promote:
        return ModelPromoted(challenger, champion, verdict.because, verdict.proven, compared=numbers)
    return ChallengerKept(challenger, champion, verdict.because, numbers)


def rollback(tools: Tools, to: ModelVersion | None, by: str, because: str, now: Instant) -> ModelPromoted:
    """Let an earlier model score again: the champion before, or the version that is named."""
    with tools.judging:
        state = tools.state
        to = rollback_target(state, to)
        tools.shelf.get(to)  # what cannot be had cannot score
        fact = ModelPromoted(to, state.champion, because, proven=False, by=by)
        tools.tell(now, fact)
        align(tools)
        return fact


def align(tools: Tools) -> None:
    """Point the shelf's aliases where the log says, unless they point there. Raises Unreachable.

    The log decides: whatever a process that was killed left on the shelf is put right by the next.
    """
    wanted = (tools.state.champion, tools.state.challenger)
    if wanted == tools.aligned or wanted == (None, None):
        return
    tools.shelf.point("champion", wanted[0])
    tools.shelf.point("challenger", wanted[1])
    tools.aligned = wanted


def rollback_target(state: LoopState, to: ModelVersion | None) -> ModelVersion:
    """The version that a rollback leads to. Raises BadUsage, NotFound."""
    if to is None:
        if not state.past_champions:
            raise BadUsage("there is no champion before this one to roll back to; see `flyball model ls`")
        to = state.past_champions[-1]
    if to not in state.models:
        known = ", ".join(map(str, state.models)) or "none yet"
        raise NotFound(f"there is no model version {to}; known: {known}")
    if to == state.champion:
        raise BadUsage(f"model version {to} is the champion already")
    return to


def _compared(
    tools: Tools, champion: ModelVersion, challenger: ModelVersion, features: tuple[Feature, ...]
) -> Verdict:
    rows = _unseen(tools, champion, challenger)
    old, new = tools.model(champion), tools.model(challenger)
    classes = tuple(dict.fromkeys([*old.classes, *new.classes]))
    table = tools.gather(rows).select([feature.name for feature in features]) if len(rows) else None
    scores: list[Floats] = []
    for model, promote in ((new, False), (old, True)):
        try:
            found = model.scores(table) if table is not None else np.zeros((0, len(model.classes)))
        except LearnerFailed as error:  # one of them cannot score: the other one does
            return Verdict(promote, False, f"{'the champion' if promote else 'it'} cannot score: {error}")
        scores.append(aligned(found, model.classes, classes))
    labels = rows.table["label"] if len(rows) else texts([])
    return compare(labels, scores[1], scores[0], classes, rng(tools.settings.seed, "compare", challenger))


def _unseen(tools: Tools, champion: ModelVersion, challenger: ModelVersion) -> ItemRows:
    """The newest reserve labels that neither model learned from."""
    old, new = tools.state.models[champion], tools.state.models[challenger]
    old_away, new_away = set(old.held_out), set(new.held_out)
    labelled = trusted(tools.store.items.labelled(tools.state.labels_at).table, held(tools.state))
    if not len(labelled):
        return ItemRows(labelled)

    def unseen(item: ItemId, seq: int) -> bool:
        return (seq > new.labels_up_to or item in new_away) and (seq > old.labels_up_to or item in old_away)

    reserve = [
        row
        for row, held in enumerate(labelled["reserve"])
        if held and unseen(labelled["item"][row], int(labelled["seq"][row]))
    ]
    return ItemRows(labelled.take(np.array(reserve[-NEWEST:], dtype=np.int64)))
