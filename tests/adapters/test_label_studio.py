"""A desk at a real Label Studio: tasks out, annotations in, and webhooks lost, doubled, reordered."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from tests.label_studio import Annotators, Server, choice, needed
from tests.meddling import Asked, Post, answering, passed_on
from tests.stores import chance, ids, released

from flyball.adapters.clock import RealClock
from flyball.adapters.desk_label_studio import LabelStudioDesk
from flyball.adapters.desk_nobody import NobodyDesk
from flyball.adapters.label_studio_client import LabelStudio
from flyball.adapters.label_studio_http import LabelStudioHttp
from flyball.adapters.label_studio_tasks import Rows, said_in
from flyball.adapters.label_studio_turns import Workplace
from flyball.adapters.memory_store import memory_store
from flyball.adapters.segments import MemorySegments
from flyball.bootstrap import App, open_loop
from flyball.core.control import KnobState
from flyball.core.due import Go
from flyball.core.facts import AnswerGiven, ItemsArrived, Recorded
from flyball.core.ids import BatchId, Digest, ModelVersion
from flyball.core.labels.contract import Contract
from flyball.core.labels.merge import Outcome, merge
from flyball.core.mappings import Map, kept, mapped
from flyball.core.table import Table, texts
from flyball.errors import BadUsage, Unreachable
from flyball.ports import Arrivals, Commit, Draft, Offer, Store
from flyball.settings import Settings
from flyball.settings.model import StreamSettings
from flyball.settings.outside import ApiSettings, SourceSettings
from flyball.work import capture
from flyball.work.tools import Tools

pytestmark = pytest.mark.slow

ITEMS = tuple(f"item-{number}" for number in range(6))
CLASSES = ("no", "yes")
EVERY = 3600.0
SECRET = "what-label-studio-shows-us"
#: The user of the server; a second one is made once.
FIRST = 1


@dataclass
class Office:
    """A loop's store with one batch out, a project of its own in Label Studio, and the desk between them."""

    server: Server
    studio: LabelStudio
    people: Annotators
    store: Store
    segments: MemorySegments
    place: Workplace
    now: float
    tools: Tools = field(init=False)
    ids: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        source = SourceSettings(kind="label_studio", secrets=(SECRET,), url=self.server.url, token="x")
        self.tools = Tools(
            settings=Settings(
                id="office", stream=StreamSettings(source="none:none"), sources={self.place.source: source}
            ),
            classes=CLASSES,
            config=Digest("0" * 64),
            code=Digest("0" * 64),
            clock=RealClock(),
            store=self.store,
            segments=self.segments,
            desk=NobodyDesk(),
            shelf=cast(Any, None),
            learner=cast(Any, None),
            knobs=KnobState.start({}),
        )
        self.tools.desk = self.desk()
        self.tools.catch_up()

    def desk(self) -> LabelStudioDesk:
        """A desk as a process that has just started has it."""
        studio = LabelStudio(LabelStudioHttp(self.server.url, self.server.token))
        rows = Rows(self.store.items, self.segments)
        return LabelStudioDesk(studio, self.place, rows, self.store.log, self.store.evidence)

    @property
    def project(self) -> int:
        return int(self.place.project)

    def offer(self, needed: int = 1) -> None:
        """Put the batch before the annotators."""
        scores = dict.fromkeys(ITEMS[:3], (0.25, 0.75))
        offer = Offer(BatchId("batch-1"), ids(*ITEMS), needed, ModelVersion(7), CLASSES, scores)
        self.tools.desk.offer(offer, self.now)

    def pull(self) -> int:
        """Ask Label Studio once what there is, and take it in; gives how many answers that were."""
        desk = cast(LabelStudioDesk, self.tools.desk)
        self.now += EVERY
        before, quiet = len(self.answers()), 0
        try:
            while quiet < 2:  # what a turn brings is taken in by the next one
                quiet = quiet + 1 if desk.next_at(self.now) != self.now else 0
                capture.collect(self.tools, self.now)
                desk.wait()
        except Unreachable as error:
            pytest.fail(str(error))
        return len(self.answers()) - before

    def answers(self) -> list[Recorded]:
        return list(self.store.log.read(kinds=[AnswerGiven.kind]))

    def tasks(self) -> dict[str, Mapping[str, Any]]:
        """The tasks of the project as Label Studio holds them, by item."""
        pages = self.studio.tasks(self.project)
        found = [task for page in pages for task in page]
        assert len({task["meta"]["item"] for task in found}) == len(found)
        return {task["meta"]["item"]: task for task in found}

    def say(self, item: str, label: str | None, by: int = FIRST) -> int:
        """Somebody answers, or skips where there is no label; gives the annotation's id."""
        if item not in self.ids:
            self.ids = {name: int(task["id"]) for name, task in self.tasks().items()}
        return self.people.say(self.ids[item], label, by)

    def held(self) -> dict[tuple[str, str], str]:
        """What stands in Label Studio: the newest annotation of each person about each item."""
        found: dict[tuple[str, str], tuple[str, str, bool]] = {}
        for item, task in self.tasks().items():
            for each in task["annotations"]:
                label = each["result"][0]["value"]["choices"][0] if each["result"] else ""
                word = (each["updated_at"], label, each["was_cancelled"])
                key = (item, str(each["completed_by"]))
                found[key] = max(found.get(key, word), word)
        return {key: label for key, (_, label, skipped) in found.items() if not skipped}

    def captured(self) -> dict[tuple[str, str], str]:
        """What stands in the log: everybody's last word about each item, in the order of merging."""
        last: dict[tuple[str, str], AnswerGiven] = {}
        words = sorted(self.answers(), key=lambda each: (_answer(each).revision or 0.0, each.seq))
        for recorded in words:
            fact = _answer(recorded)
            last[fact.item, fact.annotator] = fact
        return {key: fact.label for key, fact in last.items() if not fact.withdrawn}


def _answer(recorded: Recorded) -> AnswerGiven:
    assert isinstance(recorded.fact, AnswerGiven)
    return recorded.fact


@pytest.fixture(scope="module")
def studio() -> Iterator[LabelStudio]:
    server = needed()
    client = LabelStudio(LabelStudioHttp(server.url, server.token))
    yield client
    client.close()


@pytest.fixture(scope="module")
def people() -> Iterator[Annotators]:
    made = Annotators(needed())
    yield made
    made.close()


@pytest.fixture(scope="module")
def second(people: Annotators) -> int:
    """Another annotator."""
    return people.another()


@pytest.fixture
def office(studio: LabelStudio, people: Annotators) -> Iterator[Office]:
    server, name = needed(), f"tests {time.monotonic_ns()}"
    store, segments = memory_store(chance()), MemorySegments()
    amounts = np.array([10.5 * number for number in range(len(ITEMS))])
    amounts[1] = np.nan
    columns = {"item": texts(ITEMS), "time": np.arange(len(ITEMS), dtype=np.float64)}
    segment = segments.put(Table({**columns, "amount": amounts, "country": texts(["CZ", None] * 3)}))
    fact = ItemsArrived(segment, len(ITEMS), 0.0, 0.0, len(ITEMS))
    now = RealClock().now()
    store.log.append(Commit([Draft(fact)], arrivals=Arrivals(segment, ids(*ITEMS), columns["time"])), now)
    store.log.append(Commit([Draft(released("batch-1", ITEMS))]), now)
    place = Workplace("studio", name, CLASSES, every=EVERY)
    desk = LabelStudioDesk(
        LabelStudio(LabelStudioHttp(server.url, server.token)),
        place,
        Rows(store.items, segments),
        store.log,
        store.evidence,
    )
    desk.collect(now)
    desk.wait()
    desk.close()
    project = studio.project_named(name)
    assert project is not None
    made = Office(server, studio, people, store, segments, replace(place, project=str(project.id)), now)
    yield made
    cast(LabelStudioDesk, made.tools.desk).close()
    store.close()
    studio.delete("projects", project.id)


def test_a_batch_becomes_tasks_with_what_the_model_says_and_the_same_batch_again_changes_nothing(
    office: Office,
) -> None:
    office.offer()
    office.pull()
    tasks = office.tasks()
    assert set(tasks) == set(ITEMS)
    assert tasks["item-2"]["data"]["features"] == {"amount": 21.0, "country": "CZ"}
    assert tasks["item-1"]["data"]["amount"] is None
    assert tasks["item-2"]["meta"] == {"item": "item-2", "batch": "batch-1"}
    (guess,) = tasks["item-0"]["predictions"]
    assert (guess["model_version"], guess["score"], guess["result"]) == ("7", 0.75, choice("yes"))
    assert not tasks["item-5"]["predictions"]
    office.offer()
    office.pull()
    cast(LabelStudioDesk, office.tools.desk).close()
    office.tools.desk = office.desk()  # as after a restart, where the batch is offered again
    office.studio.delete("tasks", tasks["item-3"]["id"])
    office.offer()
    office.pull()
    again = office.tasks()
    assert {item: task["id"] for item, task in again.items() if item != "item-3"} == {
        item: task["id"] for item, task in tasks.items() if item != "item-3"
    }


def test_each_item_is_asked_of_as_many_people_as_are_needed(office: Office) -> None:
    office.offer(needed=2)
    office.pull()
    assert {task["overlap"] for task in office.tasks().values()} == {2}


def test_what_people_say_comes_in_once_with_all_that_label_studio_knows_of_it(
    office: Office, second: int
) -> None:
    office.offer(needed=2)
    office.pull()
    office.say("item-0", "yes")
    office.say("item-0", "no", by=second)
    office.say("item-4", "no")
    assert office.pull() == 3
    assert office.pull() == 0
    said = {(str(fact.item), str(fact.annotator)): fact for fact in map(_answer, office.answers())}
    first = said["item-0", str(FIRST)]
    assert (first.label, first.batch, first.seconds) == ("yes", "batch-1", 4.5)
    assert first.revision == first.said_at
    assert first.definitions == said["item-4", str(FIRST)].definitions
    assert first.definitions is not None
    assert said["item-0", str(second)].label == "no"
    team = office.tools.desk.team(RealClock().now())
    assert (team.idle, team.waiting) == (0, 9)
    assert team.active in (2, 3)  # the third may have begun a draft for a run beside this one


def test_after_a_restart_nothing_comes_twice_and_what_was_said_meanwhile_comes(office: Office) -> None:
    office.offer()
    office.pull()
    office.say("item-0", "yes")
    office.pull()
    cast(LabelStudioDesk, office.tools.desk).close()
    office.say("item-1", "no")
    office.tools.desk = office.desk()
    office.offer()
    assert office.pull() == 1
    assert office.captured() == office.held() == {("item-0", "1"): "yes", ("item-1", "1"): "no"}


def test_changes_skips_and_deletions_are_found_by_the_pull(office: Office, second: int) -> None:
    office.offer()
    office.pull()
    changed, deleted, skipped = (office.say(item, "yes") for item in ITEMS[:3])
    office.say("item-3", "yes")
    office.say("item-2", "no", by=second)
    office.pull()
    office.people.change(changed, "no")
    office.studio.delete("annotations", deleted)
    office.people.change(skipped, None)
    office.studio.delete("tasks", office.tasks()["item-3"]["id"])
    office.pull()
    assert office.captured() == office.held() == {("item-0", "1"): "no", ("item-2", str(second)): "no"}
    office.say("item-1", "no")
    office.pull()
    assert office.captured()["item-1", "1"] == "no"


def test_an_annotation_in_which_nothing_was_chosen_is_captured_and_labels_nothing(office: Office) -> None:
    office.offer()
    office.pull()
    task = office.tasks()["item-0"]["id"]
    office.people.leave_empty(task)
    office.pull()
    (fact,) = map(_answer, office.answers())
    assert (fact.item, fact.label, fact.withdrawn) == ("item-0", "", False)


def test_drafts_are_captured_as_drafts_and_label_nothing_until_they_are_submitted(
    office: Office,
) -> None:
    office.offer(needed=2)
    office.pull()
    tasks = {item: int(task["id"]) for item, task in office.tasks().items()}
    begun, empty = office.people.draft(tasks["item-0"], "yes"), office.people.draft(tasks["item-1"], None)
    another = office.people.draft_by_another(tasks["item-0"], "no")
    assert office.pull() == 3
    assert office.pull() == 0
    said = {(str(fact.item), int(fact.annotator)): fact for fact in map(_answer, office.answers())}
    assert {key: (fact.label, fact.draft) for key, fact in said.items()} == {
        ("item-0", FIRST): ("yes", True),
        ("item-0", another): ("no", True),
        ("item-1", FIRST): ("", True),
    }
    assert {fact.batch for fact in said.values()} == {"batch-1"} and not outcome(office, "item-0").label
    assert office.tools.desk.team(RealClock().now()).waiting == 12  # nobody has answered
    raws = [link.raw or b"" for link in office.store.evidence.links() if link.kind == AnswerGiven.kind]
    assert not any(b"example.org" in raw for raw in raws)
    office.people.redraft(begun, "no")
    assert office.pull() == 1  # a later version of the same draft
    office.people.submit(tasks["item-0"], begun, "no")
    office.people.submit(tasks["item-1"], empty, "yes")
    assert office.pull() == 2
    merged = outcome(office, "item-0")
    assert (merged.label, len(merged.answers), len(merged.superseded)) == ("no", 1, 2)
    # The other one's draft still waits for its end.
    assert [each.status for each in merged.standing.values()].count("pending") == 1
    cast(LabelStudioDesk, office.tools.desk).close()
    office.tools.desk = office.desk()  # as after a restart
    office.offer(needed=2)
    assert office.pull() == 0


def test_many_drafts_are_looked_at_a_few_at_a_time_and_all_in_turn(office: Office) -> None:
    cast(LabelStudioDesk, office.tools.desk).close()
    office.place = replace(office.place, drafts=2)
    office.tools.desk = office.desk()
    office.offer()
    office.pull()
    for task in office.tasks().values():
        office.people.draft(int(task["id"]), "yes")
    taken = [office.pull() for _ in range(4)]
    assert taken == [2, 2, 2, 0]


def outcome(office: Office, item: str) -> Outcome:
    """What all that was said about an item comes to."""
    return merge([each for each in office.answers() if _answer(each).item == item], Contract.implied(CLASSES))


def test_a_personal_token_works_as_well_as_a_legacy_one(studio: LabelStudio, people: Annotators) -> None:
    token = people.personal_token()
    if token is None:
        pytest.skip("this server has given its personal token away; the next server gives another")
    personal = LabelStudio(LabelStudioHttp(needed().url, token))
    assert {each["id"] for each in personal.people()} == {each["id"] for each in studio.people()}
    personal.close()


LOOP = """
version = 1
id = "sat-before-it"
[stream]
source = "items.csv"
item = "id"
time = "at"
classes = ["no", "yes"]
[knobs]
"batch.size" = 10
[team]
source = "source:studio"
[sources.studio]
kind = "label_studio"
url = "{url}"
token = "$STUDIO_TOKEN"
every = "1s"
[stores]
prefect = "none"
"""


def test_a_loop_whose_people_sit_before_label_studio_gets_its_labels_from_there(
    tmp_path: Path, people: Annotators, studio: LabelStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = needed()
    (tmp_path / "items.csv").write_text("id,at,amount\n" + "".join(f"i{n},{n},{n}.5\n" for n in range(12)))
    (tmp_path / "rules.yaml").write_text("version: 1\nevery: 1h\nrules: []\n")
    (tmp_path / "loop.toml").write_text(LOOP.replace("{url}", server.url))
    with pytest.raises(BadUsage, match="the environment has no STUDIO_TOKEN"):
        open_loop(tmp_path)
    monkeypatch.setenv("STUDIO_TOKEN", server.token)
    app = open_loop(tmp_path, {"loop.rules": "rules.yaml"})
    try:
        run(app, "ingest")
        run(app, "annotate")
        batch = next(iter(app.tools.state.open.values())).released
        desk = cast(LabelStudioDesk, app.tools.desk)
        app.capture(app.clock.now())
        desk.wait()
        project = studio.project_named("Flyball sat-before-it")
        assert project is not None
        (tasks,) = studio.tasks(project.id)
        assert {task["meta"]["item"] for task in tasks} == set(batch.items)
        for task in tasks:
            people.say(task["id"], "yes", FIRST)

        def settled() -> bool:
            app.capture(app.clock.now())
            run(app, "integrate")
            return len(list(app.tools.store.log.read(kinds=["label-settled"]))) == 10

        until(settled)
        assert not app.tools.state.open
    finally:
        cast(LabelStudioDesk, app.tools.desk).close()
        app.close()
    studio.delete("projects", project.id)


def run(app: App, name: str) -> None:
    """One pass of a lane, where it is due."""
    now, lane = app.clock.now(), app.lanes[name]
    due = lane.due(now)
    if isinstance(due, Go) and (begun := lane.begin(due, now)) is not None:
        lane.finish(begun, lane.perform(begun), app.clock.now())


# --- webhooks ----------------------------------------------------------------------------------------


def until(holds: Callable[[], bool], patience: float = 10.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_webhook_says_of_an_annotation_what_the_pull_says_of_it(office: Office, second: int) -> None:
    office.offer()
    office.pull()
    letters: list[Asked] = []
    with answering(lambda asked: passed_by(asked, letters)) as (url, _):
        hook = office.studio.webhook(office.project, f"{url}/v1/sources/studio", SECRET)
        assert office.studio.webhook(office.project, f"{url}/v1/sources/studio", SECRET) == hook
        made = office.say("item-0", "yes", by=second)
        office.people.change(made, "no")
        tasks = list(office.tasks().values())
        office.studio.delete("annotations", made)
        until(lambda: len(letters) == 3)
        office.studio.delete("webhooks", hook)
    assert {each.headers["Authorization"] for each in letters} == {f"Bearer {SECRET}"}
    payloads = [json.loads(each.body) for each in letters]
    assert [each["action"] for each in payloads] == [
        "ANNOTATION_CREATED",
        "ANNOTATION_UPDATED",
        "ANNOTATIONS_DELETED",
    ]
    tokens = [str(each["project"]["token"]).encode() for each in payloads]
    for letter, token in zip(letters, tokens, strict=True):
        assert token in letter.body and token not in kept(letter.body, Map("label_studio"))
    created, updated, gone = (mapped(each, Map("label_studio")) for each in payloads)
    (first,), (last,) = created.said, updated.said
    definitions = first.definitions
    ((pulled, _),) = said_in(tasks, Map("label_studio"), cast(Digest, definitions))
    assert replace(last, part=None) == replace(pulled, part=None)
    assert (first.label, last.label, first.word) == ("yes", "no", last.word)
    assert (first.revision or 0.0) < (last.revision or 0.0)
    assert payloads[2]["annotations"] == [{"id": made}]
    assert [each.word for each in gone.gone] == [last.word]


def passed_by(asked: Asked, letters: list[Asked]) -> Any:
    """Keep a letter and say that it arrived."""
    return Post(random.Random(0), letters).take(asked)


def test_lost_doubled_and_reordered_webhooks_are_mended_by_one_pull(office: Office, second: int) -> None:
    from flyball.web.server import serving

    office.offer()
    office.pull()
    dice = random.Random(5)
    post = Post(dice)
    unlike = 0
    with serving(office.tools, ApiSettings(port=0)) as (_, address), answering(post.take) as (url, _):
        hook = office.studio.webhook(office.project, f"{url}/v1/sources/studio", SECRET)
        made: list[int] = []
        for _ in range(2):
            for _ in range(6):
                what = dice.choice(["say", "say", "say", "change", "skip", "delete"])
                if what == "say" or not made:
                    item, by = dice.choice(ITEMS), dice.choice([FIRST, second])
                    made.append(office.say(item, dice.choice(CLASSES), by))
                elif what == "delete":
                    office.studio.delete("annotations", made.pop(dice.randrange(len(made))))
                else:
                    label = None if what == "skip" else dice.choice(CLASSES)
                    office.people.change(dice.choice(made), label)
            until(lambda: len(post.letters) > 0)
            answers = post.deliver(address)
            assert set(answers) <= {200, 202}
            unlike += office.captured() != office.held()
            office.pull()
            assert office.captured() == office.held()
        office.studio.delete("webhooks", hook)
    assert unlike, "the webhooks arrived as they were sent, and this test shows nothing"


def test_a_call_with_another_secret_is_not_believed(office: Office) -> None:
    from flyball.web.server import serving

    with serving(office.tools, ApiSettings(port=0)) as (_, address):
        forged = Asked("POST", "/v1/sources/studio", {"Authorization": "Bearer guessed"}, b"{}")
        assert passed_on(forged, address).status == 401
    assert office.answers() == []
