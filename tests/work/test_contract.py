"""The contract of a loop: what is in force, what is refused, and answers that wait until a person knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.contracts_of import NAMED as TEXT
from tests.contracts_of import digest, said
from tests.loops import facts, little, play
from tests.stores import arrivals

from flyball.adapters.clock import VirtualClock
from flyball.adapters.stream import open_stream
from flyball.bootstrap import App, performed
from flyball.bootstrap.opening import assemble
from flyball.core.due import Go
from flyball.core.facts import AnswerParked, ContractLoaded, ContractRefused, DefinitionsApproved
from flyball.core.ids import AnnotatorId, Digest, ItemId, Position
from flyball.core.labels.contract import UNKNOWN_DEFINITIONS
from flyball.errors import BadFile, BadUsage, NotFound, Unreachable
from flyball.ports import Answer, Commit, Draft, Log, NewJob, Receipt
from flyball.work import contract as of
from flyball.work import contract_approval as approval
from flyball.work import contract_parked as parked
from flyball.work.asked import carry_out
from flyball.work.capture import capture
from flyball.work.deadletters import dead

SECOND = """  - {version: 2, by: ana, because: Some cannot be told.}
compatibility: backward
"""
WIDER = (
    TEXT.replace("version: 1\nlabels:", "version: 2\nlabels:\n  unclear: The evidence supports neither.")
    + SECOND
)


class Desk:
    """A loop in memory with its contract file, and a clock that goes when it is told to."""

    def __init__(self, directory: Path, text: str | None = TEXT) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / "contract.yaml"
        self.save(text)
        self.app: App = little(directory)
        self.tools, self.now = self.app.tools, self.app.clock.now()

    def save(self, text: str | None) -> None:
        if text is None:
            self.path.unlink(missing_ok=True)
        else:
            self.path.write_text(text)

    def passes(self, text: str | None) -> None:
        """An integration pass begins after the file was saved."""
        self.save(text)
        self.now += 60.0
        of.reload(self.tools, self.now)

    def versions(self) -> list[int]:
        loaded = [each.fact for each in facts(self.app, "contract-loaded")]
        return [fact.version for fact in loaded if isinstance(fact, ContractLoaded)]

    def alert(self) -> str:
        standing = self.tools.state.alerts.get(of.ALERT)
        return str(getattr(standing.fact, "message", "")) if standing else ""

    def park(
        self, name: str, label: str, definitions: Digest | None, code: str = UNKNOWN_DEFINITIONS
    ) -> Position:
        """An answer that came, and was parked."""
        given = replace(said(label, annotator=name, definitions=definitions), item=ItemId(f"i-{name}"))
        seq = self.tools.write(Commit([Draft(given, "tool", f"{name}-{label}", b"raw")]), self.now)[0].seq
        self.tools.tell(self.now, AnswerParked(seq, "nobody knows its definitions", code))
        return seq

    def jobs(self) -> list[Position]:
        return [job.cause.seq for job in self.tools.store.jobs.claim("merge", self.now, 100, 60.0)]


def test_without_a_file_the_classes_of_the_stream_are_the_contract(tmp_path: Path) -> None:
    desk = Desk(tmp_path, None)
    contract = of.in_force(desk.tools)
    assert {each.id for each in contract.labels} == set(desk.tools.classes)
    assert contract.knows(digest("a"))
    desk.passes(None)
    assert desk.versions() == [] and not desk.alert()


def test_a_contract_is_in_force_from_the_next_pass_on_with_who_made_it_and_why(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert of.in_force(desk.tools).version == 1
    desk.passes(WIDER)
    desk.passes(WIDER)
    assert desk.versions() == [1, 2], "once, however often it is read"
    loaded = facts(desk.app, "contract-loaded")[-1].fact
    assert isinstance(loaded, ContractLoaded)
    assert (loaded.by, loaded.because, loaded.text) == ("ana", "Some cannot be told.", WIDER)
    assert of.in_force(desk.tools).label_of("unclear") == "unclear"
    assert loaded.definitions == of.in_force(desk.tools).definitions


def test_answers_given_under_the_contract_before_are_read_as_long_as_they_mean_the_same(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    first = of.in_force(desk.tools).definitions
    desk.passes(WIDER)
    assert of.in_force(desk.tools).knows(first)
    other = WIDER.replace("Not authorised", "Reported as not authorised").replace("backward", "none")
    desk.passes(
        other.replace("version: 2\nlabels", "version: 3\nlabels").replace("{version: 2,", "{version: 3,")
    )
    assert desk.versions() == [1, 2, 3]
    assert not of.in_force(desk.tools).knows(first)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TEXT.replace("labels:", "labls:"), "did you mean `labels`?"),
        (TEXT[: TEXT.index("fields")], "is missing"),
        (TEXT.replace("Not authorised", "Reported"), "version 1 of `card-fraud` stood for other definitions"),
        (
            WIDER.replace("compatibility: backward\n", ""),
            "compatible backward only, and `compatibility: full`",
        ),
        (TEXT.replace('"1":', "fraud:"), "the stream has the classes `1`, and no label has such an id"),
        ("a: &a [*a]", "the alias `*a` is not read"),
    ],
    ids=[
        "a mistake",
        "half a file",
        "a version twice",
        "less compatible than it says",
        "no id of a class",
        "hostile",
    ],
)
def test_a_contract_that_cannot_be_used_is_refused_once_and_the_one_before_it_stays(
    text: str, told: str, tmp_path: Path
) -> None:
    desk = Desk(tmp_path)
    for _ in range(3):
        desk.passes(text)
    assert desk.versions() == [1] and of.in_force(desk.tools).version == 1
    (refused,) = [each.fact for each in facts(desk.app, "contract-refused")]
    assert isinstance(refused, ContractRefused)
    assert any(told in each for each in refused.problems)
    assert "the contract before it stays in force" in desk.alert()
    desk.passes(TEXT)
    assert not desk.alert()
    assert desk.versions() == [1]


def test_a_contract_that_is_gone_stays_in_force_and_somebody_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.passes(None)
    assert of.in_force(desk.tools).version == 1
    assert "cannot be read" in desk.alert()


def test_a_first_contract_with_mistakes_stops_a_loop_that_begins_and_not_one_that_runs(
    tmp_path: Path,
) -> None:
    with pytest.raises(BadFile, match="C105"):
        Desk(tmp_path / "begins", TEXT + "x: 1\n")
    desk = Desk(tmp_path / "runs", None)
    desk.passes(TEXT + "x: 1\n")
    assert "there is no contract in force" in desk.alert()
    assert not of.in_force(desk.tools).gate
    desk.passes(None)
    assert not desk.alert()


def test_a_file_with_a_byte_order_mark_is_the_same_contract(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.passes("\ufeff" + TEXT)
    assert desk.versions() == [1] and not desk.alert()


def test_an_approval_lets_in_exactly_the_answers_that_wait_for_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    strange, other = digest("a"), digest("b")
    mine = [desk.park("ana", "fraud", strange), desk.park("ben", "legit", strange)]
    desk.park("eva", "fraud", other)
    desk.park("zoe", "fraud", strange, code="unknown-item")
    assert [(each.definitions, len(each.answers)) for each in parked.unknown(desk.tools.store)] == [
        (strange, 2),
        (other, 1),
    ]
    request = {
        "command": "contract-approve",
        "definitions": "aaaa",
        "labels": {"legit": "legitimate"},
        "by": "ana",
        "because": "the same handbook",
    }
    found = carry_out(desk.app.steering, request, desk.now)
    assert (found["answers"], found["labels"]) == (mine, {"legit": "0"})
    assert sorted(desk.jobs()) == mine
    assert of.in_force(desk.tools).knows(strange) and not of.in_force(desk.tools).knows(other)
    assert of.in_force(desk.tools).label_of("legit", strange) == "0"
    (fact,) = [each.fact for each in facts(desk.app, "definitions-approved")]
    assert isinstance(fact, DefinitionsApproved)
    assert (fact.by, fact.because, fact.answers) == ("ana", "the same handbook", tuple(mine))
    assert {each.answer.annotator for each in dead(desk.tools.store)} == {
        "eva",
        "zoe",
    }
    assert parked.unknown(desk.tools.store)[0].definitions == other


class Bounded:
    """A log that takes no more than a thousand jobs at once, and of those commits so many."""

    def __init__(self, log: Log, commits: int) -> None:
        self._log, self._left = log, commits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append(self, commit: Commit, now: float) -> tuple[Receipt, ...]:
        if commit.jobs:
            assert len(commit.jobs) <= 1_000
            self._left -= 1
            if self._left < 0:
                raise Unreachable("the disk is full")
        return self._log.append(commit, now)


def test_an_approval_of_many_answers_goes_in_parts_and_what_was_cut_short_is_approved_again(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    desk.passes(TEXT)
    strange = digest("strange")
    given = [said("fraud", annotator=f"a-{each}", definitions=strange) for each in range(1_200)]
    drafts = [Draft(replace(each, item=ItemId(f"i-{each.annotator}"))) for each in given]
    seqs = [each.seq for each in desk.tools.write(Commit(drafts), desk.now)]
    desk.tools.tell(desk.now, *(AnswerParked(seq, "nobody knows", UNKNOWN_DEFINITIONS) for seq in seqs))
    whole = desk.tools.store
    desk.tools.store = replace(whole, log=Bounded(whole.log, commits=1))
    with pytest.raises(Unreachable):
        approval.approve(desk.tools, strange, {}, "ana", "the same handbook", desk.now)
    assert desk.tools.store.jobs.waiting("merge").ready == 1_000
    desk.tools.store = replace(whole, log=Bounded(whole.log, commits=9))
    approval.approve(desk.tools, strange, {}, "ana", "the same handbook", desk.now)
    assert parked.unknown(whole) == []
    assert set(whole.jobs.causes("merge")) == set(seqs)
    assert whole.jobs.waiting("merge").ready == 1_200


def test_an_approval_while_a_pass_is_under_way_counts_for_that_pass(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.passes(TEXT)
    desk.tools.write(arrivals(["i-ana", "i-eva"]), desk.now)
    strange = digest("strange")
    desk.park("ana", "fraud", strange)
    late = replace(said("fraud", annotator="eva", definitions=strange), item=ItemId("i-eva"))
    commit = Commit([Draft(late)], [NewJob("merge", "i-eva", 0)])
    seq = desk.tools.write(commit, desk.now)[0].seq
    lane = desk.app.lanes["integrate"]
    begun = lane.begin(Go("an answer waits"), desk.now)
    assert begun is not None
    merged = lane.perform(begun)
    approval.approve(desk.tools, strange, {}, "ana", "the same handbook", desk.now)
    lane.finish(begun, merged, desk.now)
    assert desk.tools.store.items.standing([seq]) == {seq: "merged"}


def test_an_approval_can_be_corrected_from_now_on(tmp_path: Path) -> None:
    desk, strange = Desk(tmp_path), digest("a")
    desk.park("ana", "legit", strange)
    approval.approve(desk.tools, "aa", {"legit": "fraud"}, "ana", "a slip of the pen", desk.now)
    told = approval.approve(desk.tools, "aa", {"legit": "legitimate"}, "ana", "as I meant it", desk.now)
    assert told["answers"] == []
    assert of.in_force(desk.tools).label_of("legit", strange) == "0"


def test_an_approval_names_every_label_that_has_no_meaning_here(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for name, label in (("ana", "fraud"), ("ben", "legit"), ("eva", "legit"), ("zoe", "odd")):
        desk.park(name, label, digest("a"))
    with pytest.raises(BadUsage) as refused:
        approval.approve(desk.tools, "a", {"odd": "fraude"}, "ana", "because", desk.now)
    told = str(refused.value).splitlines()
    assert told == [
        "the contract has no label `fraude`; did you mean `fraud`?",
        "2 answers say `legit`, which the contract has not; say what with --map legit=…",
    ]
    assert not facts(desk.app, "definitions-approved") and desk.jobs() == []


def test_an_approval_says_why_and_means_one_digest(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.park("ana", "fraud", Digest("a1" * 32))
    desk.park("ben", "fraud", Digest("a2" * 32))
    with pytest.raises(BadUsage, match="the beginning of several"):
        approval.approve(desk.tools, "a", {}, "ana", "because", desk.now)
    with pytest.raises(BadUsage, match="--because"):
        approval.approve(desk.tools, "a1", {}, "ana", " ", desk.now)
    with pytest.raises(NotFound, match="those that wait: a1a1"):
        approval.approve(desk.tools, "ff", {}, "ana", "because", desk.now)


def test_answers_that_had_to_name_their_definitions_and_did_not_can_be_let_in(tmp_path: Path) -> None:
    desk = Desk(tmp_path, TEXT + "definitions: required\n")
    assert not of.in_force(desk.tools).knows(None)
    seq = desk.park("ana", "fraud", None)
    found = approval.approve(desk.tools, "unstated", {}, "ana", "one tool of ours is old", desk.now)
    assert found["answers"] == [seq]
    assert of.in_force(desk.tools).knows(None)


def test_what_waits_is_told_with_a_few_examples(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for number in range(5):
        desk.park(f"ann-{number}", "fraud" if number else "odd", digest("c"))
    (waiting,) = parked.unknown(desk.tools.store)
    told = parked.told(waiting)
    assert (told["answers"], told["labels"]) == (5, {"fraud": 4, "odd": 1})
    assert len(told["examples"]) == 3 and told["examples"][0]["item"] == "i-ann-0"


def _again(desk: Desk, **store: Any) -> App:
    """The same loop as another process opens it."""
    tools = desk.tools
    shared = replace(tools.store, **store)
    opened = open_stream(tools.settings)
    return assemble(tools.settings, opened, shared, tools.segments, tools.shelf, VirtualClock(opened.start))


def test_after_a_restart_the_last_good_contract_is_in_force_and_a_refusal_is_not_told_again(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    desk.park("ana", "fraud", digest("a"))
    approval.approve(desk.tools, "aa", {}, "ana", "the same handbook", desk.now)
    desk.passes(TEXT + "x: 1\n")
    for _ in range(2):
        app = _again(desk)
        contract = of.in_force(app.tools)
        assert (contract.version, contract.knows(digest("a"))) == (1, True)
        assert len(facts(app, "contract-refused")) == 1 and of.ALERT in app.tools.state.alerts
    desk.save(WIDER)
    assert of.in_force(_again(desk).tools).version == 2


def test_of_several_processes_the_one_that_leads_reads_the_file_and_the_others_follow(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.save(WIDER)
    follower = _again(desk, shared=True, leads=lambda: False)
    assert of.in_force(follower.tools).version == 1 and desk.versions() == [1]
    desk.passes(WIDER)
    of.reload(follower.tools, desk.now)
    assert of.in_force(follower.tools).version == 2 and desk.versions() == [1, 2]


def _pass(desk: Desk, name: str = "integrate") -> None:
    """What is due in a lane, until nothing is."""
    lane = desk.app.lanes[name]
    while isinstance(go := lane.due(desk.now), Go):
        begun = lane.begin(go, desk.now)
        assert begun is not None
        performed(lane, begun, lambda: desk.now)


def test_only_answers_under_other_definitions_wait_and_once_let_in_they_are_merged(tmp_path: Path) -> None:
    desk, strange = Desk(tmp_path), digest("d")
    play(desk.app, 12 * 3600.0)
    desk.now = desk.app.clock.now()
    items = desk.tools.store.items.pool(4).table["item"]
    given = [
        Answer(
            f"e-{number}", ItemId(str(item)), AnnotatorId("ana"), label, None, None, definitions=definitions
        )
        for number, (item, label, definitions) in enumerate(
            [
                (items[0], "scam", None),
                (items[1], "legitimate", of.in_force(desk.tools).definitions),
                (items[2], "chargeback", strange),
                (items[3], "fraud", strange),
            ]
        )
    ]
    capture(desk.tools, given, desk.now, "tool")
    _pass(desk)

    def labels() -> list[str | None]:
        found = desk.tools.store.items.find([each.item for each in given])
        return [found[each.item].label for each in given]

    assert labels() == ["1", "0", None, None]
    assert [name for name in desk.tools.state.alerts if "dddd" in name], "somebody is told"
    (waiting,) = parked.unknown(desk.tools.store)
    assert (waiting.definitions, waiting.labels) == (strange, {"chargeback": 1, "fraud": 1})
    meant = {"chargeback": "fraud", "fraud": "legitimate"}
    approval.approve(desk.tools, strange, meant, "ana", "they swap the words", desk.now)
    _pass(desk)
    assert labels() == ["1", "0", "1", "0"]
    assert parked.unknown(desk.tools.store) == []
    assert not [name for name in desk.tools.state.alerts if "dddd" in name]


def test_a_new_contract_reads_what_waited_for_it_and_nothing_else(tmp_path: Path) -> None:
    desk, strange = Desk(tmp_path), digest("e")
    known = [desk.park("ana", "fraud", strange), desk.park("ben", "unclear", None, code="unknown-label")]
    desk.park("eva", "nonsense", None, code="unknown-label")
    desk.park("ida", "nonsense", strange)
    desk.park("zoe", "fraud", None, code="never-together")
    desk.park("max", "fraud", digest("f"))
    approved = f"approved: [{{definitions: {strange}, by: ana, because: the same handbook}}]\n"
    desk.passes(WIDER + approved)
    assert desk.versions() == [1, 2]
    assert sorted(desk.jobs()) == known
    assert sum(len(each.answers) for each in parked.unknown(desk.tools.store)) == 2


def test_a_look_puts_a_contract_in_force_while_nobody_answers(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    seq = desk.park("ben", "unclear", None, code="unknown-label")
    desk.save(WIDER)
    desk.now += 2 * 3600.0
    _pass(desk, "steer")
    assert desk.versions() == [1, 2]
    assert desk.jobs() == [seq]
