"""Where a loop stands: a running fold of its facts, the same for the same facts."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from flyball.core.facts import (
    ActionAsked,
    ActionRefused,
    AlertCleared,
    AlertRaised,
    AnswerGiven,
    BatchReleased,
    BatchSettled,
    CanaryBegan,
    CanaryEnded,
    ChallengerKept,
    DecisionMade,
    DriftMeasured,
    ItemsArrived,
    LabelSettled,
    LabelsKnown,
    LabelWithdrawn,
    ModelPromoted,
    ModelTrained,
    PoolScored,
    QualityMeasured,
    Recorded,
    RulesLoaded,
    RunBegan,
    RunEnded,
    RunFailed,
    ShadowDue,
    TransitionBegan,
    TransitionEnded,
)
from flyball.core.ids import START, BatchId, Digest, Instant, ItemId, ModelVersion, Position, RunId
from flyball.core.loop_parts import Judgements, Merging, OpenBatch, Transition, relabel

#: Why a run ended without a result: something outside was away; its settings or code are not these.
OUTSIDE, OUTDATED = "outside", "outdated"
#: How many of the newest items are kept at hand to see how the world moves.
RECENT_KEPT = 2000


@dataclass(slots=True)
class LoopState:
    """What happened so far, as far as the next step depends on it.

    `evolve` takes facts in order, each once. Everything here is a function of those facts.
    """

    seq: Position = START
    at: Instant = 0.0
    # the stream
    cursor: int = 0
    labels_cursor: int = 0
    arrived: int = 0
    newest_item: Instant = float("-inf")
    # batches
    open: dict[BatchId, OpenBatch] = field(default_factory=dict)
    released: int = 0
    released_at: Instant | None = None
    asked: int = 0
    cycles: int = 0
    # labels
    classes: Counter[str] = field(default_factory=Counter)
    labels_at: Position = START
    #: The label that each item has now by what people say.
    answered: dict[ItemId, str] = field(default_factory=dict)
    answered_labels: int = 0
    judged: Judgements = field(default_factory=Judgements)
    # runs and models
    running: dict[RunId, Recorded] = field(default_factory=dict)
    again_at: dict[RunId, Instant] = field(default_factory=dict)
    #: How often a run failed and wrote it down; and how often it was the work's own fault.
    failures: Counter[RunId] = field(default_factory=Counter)
    faults: Counter[RunId] = field(default_factory=Counter)
    trained_to: Position = START
    trained_before: Position = START
    trained_cycles: int = 0
    trained_labels: int = 0
    trained_at: Instant | None = None
    models: dict[ModelVersion, ModelTrained] = field(default_factory=dict)
    champion: ModelVersion | None = None
    challenger: ModelVersion | None = None
    past_champions: list[ModelVersion] = field(default_factory=list)
    # scoring
    unscored: deque[ItemsArrived] = field(default_factory=deque)
    #: The newest scores of the pool, and of what arrived since by the same model.
    pool_scores: list[PoolScored] = field(default_factory=list)
    pool_scored_at: Instant | None = None
    pool_scored_for: tuple[ModelVersion, int] | None = None
    scoring_failed: bool = False
    # what was asked for
    asks: dict[str, Recorded] = field(default_factory=dict)
    drift_changed: bool = False
    rules: Digest | None = None
    #: The newest decision that turned a knob.
    decided: Position | None = None
    #: The same of the rules that are tried as a canary.
    decided_in_canary: Position | None = None
    alerts: dict[str, Recorded] = field(default_factory=dict)
    # what is tried before it governs
    canary: Recorded | None = None
    transition: Transition | None = None
    # what the world looked like when the newest training began, and looks like now
    measured_cycles: int = 0
    measured_at: Position = START
    recent: deque[ItemsArrived] = field(default_factory=deque)
    reference: tuple[ItemsArrived, ...] = ()
    merging: Merging = field(default_factory=Merging)

    def evolve(self, recorded: Recorded) -> None:
        """Take one fact in. A kind that does not matter here changes nothing but the position."""
        self.seq, self.at = recorded.seq, recorded.at
        self.merging.evolve(recorded)
        match recorded.fact:
            case ItemsArrived() as fact:
                self.cursor, self.arrived = fact.cursor, self.arrived + fact.count
                self.newest_item = max(self.newest_item, fact.last)
                self.unscored.append(fact)
                self._remember(fact)
            case LabelsKnown() as fact:
                self.labels_cursor = fact.cursor
                self.classes.update(fact.classes)
                self.labels_at = recorded.seq
            case PoolScored() as fact:
                self._scored(fact, recorded)
            case BatchReleased() as fact:
                self._released(fact, recorded.at)
            case AnswerGiven(item=item, batch=batch, draft=False) if batch in self.open:
                self.open[batch].unanswered.discard(item)
            case LabelSettled() as fact:
                self._settled(fact, recorded.seq)
            case LabelWithdrawn() as fact:
                self._withdrawn(fact, recorded.seq)
            case BatchSettled(batch=batch):
                self.open.pop(batch, None)
                self.cycles += 1
            case RunBegan() | RunEnded() | RunFailed() | ModelTrained() | ModelPromoted() | ChallengerKept():
                self._worked(recorded)
            case ActionAsked(action=action):
                self.asks[action] = recorded
            case DriftMeasured(changed=changed):
                self.drift_changed = self.drift_changed or changed
            case ActionRefused(action=action):
                self.asks.pop(action, None)
            case RulesLoaded(digest=digest):
                self.rules = digest
            case DecisionMade(live=True, changes=changes, rules=rules) if changes:
                self._decided(rules, recorded.seq)
            case QualityMeasured():
                self.measured_cycles, self.measured_at = self.cycles, recorded.seq
            case CanaryBegan() | CanaryEnded() | TransitionBegan() | ShadowDue() | TransitionEnded():
                self._tried(recorded)
            case AlertRaised(key=key):
                self.alerts[key] = recorded
            case AlertCleared(key=key):
                self.alerts.pop(key, None)
            case _:
                pass

    def _decided(self, rules: Digest, seq: Position) -> None:
        tried = self.canary.fact if self.canary else None
        if isinstance(tried, CanaryBegan) and rules == tried.digest:
            self.decided_in_canary = seq
        else:
            self.decided = seq

    def _tried(self, recorded: Recorded) -> None:
        match recorded.fact:
            case CanaryBegan():
                self.canary, self.decided_in_canary = recorded, None
            case CanaryEnded():
                self.canary = None
            case TransitionBegan() as fact:
                self.transition = Transition(fact, recorded.at, self.cycles)
            case ShadowDue(work=work) if self.transition is not None:
                self.transition.ahead[work] = recorded.at
            case TransitionEnded():
                self.transition = None
            case _:
                pass

    def in_flight(self) -> int:
        """How many items are out and have no answer."""
        return sum(len(batch.unanswered) for batch in self.open.values())

    def run_of(self, work: str) -> Recorded | None:
        """The run of this kind that began and did not end, if there is one."""
        for recorded in self.running.values():
            if isinstance(recorded.fact, RunBegan) and recorded.fact.work == work:
                return recorded
        return None

    def asked_for(self, *actions: str) -> Recorded | None:
        """The newest of these actions that was asked for and not served yet."""
        found = [self.asks[action] for action in actions if action in self.asks]
        return max(found, key=lambda recorded: recorded.seq, default=None)

    def _remember(self, fact: ItemsArrived) -> None:
        self.recent.append(fact)
        while sum(arrived.count for arrived in self.recent) - self.recent[0].count >= RECENT_KEPT:
            self.recent.popleft()

    def _released(self, fact: BatchReleased, at: Instant) -> None:
        if self.transition is not None:
            self.transition.ahead.pop("release", None)
        self.open[fact.batch] = OpenBatch(fact, at, set(fact.items), set(fact.items))
        self.released, self.released_at = fact.number, at
        self.asked += len(fact.items) * fact.answers_needed

    def _settled(self, fact: LabelSettled, seq: Position) -> None:
        relabel(self.answered, self.classes, fact.item, fact.label)
        self.labels_at, self.answered_labels = seq, len(self.answered)
        batch = self.open.get(fact.batch) if fact.batch else None
        if batch is None or fact.item not in batch.unsettled:
            self.judged.anew(fact.item, fact.label)
            return
        batch.settled(fact.item)
        self.judged.settled(batch.released, fact, seq)

    def _withdrawn(self, fact: LabelWithdrawn, seq: Position) -> None:
        relabel(self.answered, self.classes, fact.item, None)
        self.labels_at, self.answered_labels = seq, len(self.answered)
        if (batch := self.open.get(fact.batch) if fact.batch else None) is not None:
            batch.asked_again(fact.item)
        self.judged.withdrawn(fact.item)

    def _scored(self, fact: PoolScored, recorded: Recorded) -> None:
        while self.unscored and self.unscored[0].cursor <= fact.cursor:
            self.unscored.popleft()
        if fact.purpose == "pool":
            self.pool_scores, self.pool_scored_at = [fact], recorded.at
            self.scoring_failed = False
        elif self.pool_scores and self.pool_scores[0].model == fact.model:
            self.pool_scores.append(fact)

    def _worked(self, recorded: Recorded) -> None:
        match recorded.fact:
            case RunBegan(run=run, work=work, pins=pins):
                self.running[run] = recorded
                if self.transition is not None:
                    self.transition.ahead.pop(work, None)
                if work == "train":
                    self.trained_before, self.trained_to = self.trained_to, pins.labels_up_to
                    self.trained_cycles = self.cycles
                    self.trained_labels, self.trained_at = self.answered_labels, recorded.at
                    self.drift_changed = False
                    self.reference = tuple(self.recent)
                    for action in ("retrain", "refresh"):
                        self.asks.pop(action, None)
                elif pins.more["purpose"] == "pool":
                    self.pool_scored_for = (ModelVersion(pins.more["model"]), pins.more["released"])
            case RunEnded(run=run):
                self.running.pop(run, None)
            case RunFailed() as fact:
                self._failed(fact)
            case ModelTrained(model=model) as fact:
                self.models[model] = fact
                self.asks.pop("promote", None)  # it was asked for of the challenger before
                self.challenger = model
            case ModelPromoted(model=model):
                if self.champion is None:
                    self.unscored.clear()
                elif model in self.past_champions:  # a way back: what lies between is behind us
                    del self.past_champions[self.past_champions.index(model) :]
                elif self.champion != model:
                    self.past_champions.append(self.champion)
                self.champion = model
                self.challenger = None if self.challenger == model else self.challenger
                self.asks.pop("promote", None)
                self.asks.pop("rollback", None)
            case ChallengerKept():
                self.challenger = None
            case _:
                pass

    def _failed(self, fact: RunFailed) -> None:
        if not fact.final and fact.again_at is not None:
            self.again_at[fact.run] = fact.again_at
            self.failures[fact.run] += 1
            self.faults[fact.run] += fact.code != OUTSIDE
            return
        self.running.pop(fact.run, None)
        self.scoring_failed = self.scoring_failed or fact.work == "score"
        if fact.code == OUTDATED:  # it may begin anew, on the same labels with other pins
            self.trained_to = self.trained_before


def fold(facts: Iterable[Recorded], state: LoopState | None = None) -> LoopState:
    """Take facts in order into a state (a new one where none is given)."""
    state = state or LoopState()
    for recorded in facts:
        state.evolve(recorded)
    return state
