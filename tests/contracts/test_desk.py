"""What every desk promises, and what the simulated team's answers depend on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import label_studio as real
from tests.stores import chance

from flyball.adapters.desk_label_studio import LabelStudioDesk
from flyball.adapters.desk_nobody import NobodyDesk
from flyball.adapters.desk_simulated import Hours, SimulatedDesk
from flyball.adapters.label_studio_client import LabelStudio
from flyball.adapters.label_studio_http import LabelStudioHttp
from flyball.adapters.label_studio_tasks import Rows
from flyball.adapters.label_studio_turns import Workplace
from flyball.adapters.memory_store import memory_store
from flyball.adapters.segments import MemorySegments
from flyball.core.ids import BatchId, ItemId
from flyball.core.table import Column, texts
from flyball.ports import Answer, Desk, Offer
from flyball.settings import TeamSettings
from flyball.settings.values import Shift

HOUR, DAY = 3600.0, 86400.0
#: A Thursday, midnight UTC.
START = 0.0
END = 1000 * DAY
OFFICE = Shift(9 * HOUR, 17 * HOUR)


class Evens:
    """An item with an even number is "yes", an odd one "no", one without a number unknown."""

    def of(self, items: Sequence[ItemId]) -> Column:
        return texts(None if not item.isdigit() else "yes" if int(item) % 2 == 0 else "no" for item in items)


def when(answer: Answer) -> float:
    """When an answer was given; a simulated team always says."""
    assert answer.said_at is not None
    return answer.said_at


def offer(batch: int, items: Sequence[int | str], answers_needed: int = 1) -> Offer:
    return Offer(BatchId(f"batch-{batch}"), tuple(ItemId(str(item)) for item in items), answers_needed)


def simulated(
    team: TeamSettings | None = None,
    seed: int = 7,
    classes: Sequence[str] = ("no", "yes"),
    history: Sequence[tuple[Offer, float]] = (),
) -> SimulatedDesk:
    return SimulatedDesk(team or TeamSettings(size=3), Evens(), classes, seed, history)


@pytest.fixture(params=[simulated, NobodyDesk], ids=["simulated", "nobody"])
def desk(request: pytest.FixtureRequest) -> Desk:
    make: Callable[[], Desk] = request.param
    return make()


@contextmanager
def label_studio() -> Iterator[Desk]:
    """A desk at a project of its own, in which nobody sits."""
    server, store, title = real.needed(), memory_store(chance()), f"contract {time.monotonic_ns()}"
    studio = LabelStudio(LabelStudioHttp(server.url, server.token))
    place = Workplace("studio", title, ("no", "yes"))
    desk = LabelStudioDesk(studio, place, Rows(store.items, MemorySegments()), store.log, store.evidence)
    yield desk
    desk.wait()
    if (project := studio.project_named(title)) is not None:
        studio.delete("projects", project.id)
    desk.close()
    store.close()


@pytest.fixture(params=["simulated", "nobody", pytest.param("label studio", marks=pytest.mark.slow)])
def any_desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Also those of which nobody knows when people will say something."""
    if request.param == "label studio":
        with label_studio() as desk:
            yield desk
    else:
        yield simulated() if request.param == "simulated" else NobodyDesk()


def test_an_answer_is_about_an_offered_item_and_comes_once_in_order_of_time(any_desk: Desk) -> None:
    desk = any_desk
    desk.offer(offer(1, range(20)), START)
    desk.offer(offer(1, range(20)), START + 5.0)
    early = desk.collect(START + 400.0)
    answers = early + desk.collect(END)
    assert all(when(answer) <= START + 400.0 for answer in early)
    assert all(when(before) <= when(after) for before, after in pairwise(answers))
    assert len({answer.event_id for answer in answers}) == len(answers)
    assert {answer.item for answer in answers} <= set(offer(1, range(20)).items)
    assert desk.collect(END) == ()


def test_the_next_moment_brings_something_or_is_not_known(desk: Desk) -> None:
    desk.offer(offer(1, range(3)), START)
    next_at = desk.next_at(START)
    if next_at is not None:
        assert desk.collect(next_at - 0.001) == ()
        assert len(desk.collect(next_at)) == 1


def test_a_team_is_never_more_idle_than_it_is_there(any_desk: Desk) -> None:
    desk = any_desk
    desk.offer(offer(1, range(5)), START)
    for hour in range(100):
        team = desk.team(START + hour * HOUR)
        assert 0 <= team.idle <= team.active
        assert team.waiting >= 0


# --- the simulated team ---------------------------------------------------------------------------


def test_a_simulated_team_answers_every_item_it_can_know() -> None:
    desk = simulated()
    desk.offer(offer(1, ["1", "2", "what", "4"]), START)
    assert sorted(answer.item for answer in desk.collect(END)) == ["1", "2", "4"]


@pytest.mark.parametrize("needed", [1, 2, 3, 5])
def test_each_item_gets_the_answers_it_needs_from_different_people(needed: int) -> None:
    desk = simulated()
    desk.offer(offer(1, range(50), needed), START)
    answers = desk.collect(END)
    each = Counter(answer.item for answer in answers)
    assert set(each.values()) == {min(needed, 3)}
    assert len({(answer.item, answer.annotator) for answer in answers}) == len(answers)


def test_everyone_has_work_as_long_as_there_is_some() -> None:
    desk = simulated(TeamSettings(size=4, seconds_per_item=100.0))
    assert desk.team(START).idle == 4
    desk.offer(offer(1, range(400)), START)
    team = desk.team(START + 60.0)
    assert (team.active, team.idle) == (4, 0)
    answers = desk.collect(END)
    assert when(answers[-1]) == pytest.approx(400 * 100.0 / 4, rel=0.1)
    shares = Counter(answer.annotator for answer in answers)
    assert min(shares.values()) > 80
    over = desk.team(when(answers[-1]))
    assert (over.idle, over.waiting) == (4, 0)


def test_nobody_does_two_things_at_once_also_across_batches() -> None:
    desk = simulated()
    for batch in range(5):
        desk.offer(offer(batch, range(batch * 20, batch * 20 + 20), 2), START + batch * 500.0)
    by_annotator: dict[str, list[Answer]] = {}
    for answer in desk.collect(END):
        by_annotator.setdefault(answer.annotator, []).append(answer)
    for answers in by_annotator.values():
        for before, after in pairwise(answers):
            assert after.seconds is not None
            assert when(after) - after.seconds >= when(before) - 1e-6


def test_people_are_as_right_as_they_are_said_to_be() -> None:
    desk = simulated(TeamSettings(size=3, accuracy=(1.0, 0.8, 0.0)))
    desk.offer(offer(1, range(3000), 3), START)
    right: Counter[str] = Counter()
    for answer in desk.collect(END):
        right[answer.annotator] += answer.label == ("yes" if int(answer.item) % 2 == 0 else "no")
    assert right["annotator-1"] == 3000
    assert right["annotator-2"] / 3000 == pytest.approx(0.8, abs=0.03)
    assert right["annotator-3"] == 0


def test_where_there_is_one_class_only_nobody_can_be_wrong() -> None:
    desk = simulated(TeamSettings(size=1, accuracy=0.0), classes=("yes",))
    desk.offer(offer(1, [2, 4]), START)
    assert {answer.label for answer in desk.collect(END)} == {"yes"}


@given(
    offers=st.lists(st.tuples(st.floats(0.0, 5000.0), st.integers(1, 12), st.integers(1, 3)), max_size=5),
    looks=st.lists(st.floats(0.0, 20_000.0), max_size=12),
)
def test_answers_do_not_depend_on_who_collects_when(
    offers: list[tuple[float, int, int]], looks: list[float]
) -> None:
    once, often = simulated(), simulated()
    gathered: list[Answer] = []
    number, events = 0, []
    for batch, (at, size, needed) in enumerate(sorted(offers)):
        events.append((at, offer(batch, range(number, number + size), needed)))
        number += size
    for at, made in events:
        once.offer(made, at)
    for at, wanted in sorted([*events, *((look, None) for look in looks)], key=lambda event: event[0]):
        if wanted is None:
            gathered.extend(often.collect(at))
            often.team(at)
            often.next_at(at)
        else:
            often.offer(wanted, at)
    gathered.extend(often.collect(END))
    whole = once.collect(END)
    assert sorted(gathered, key=lambda answer: answer.event_id) == sorted(
        whole, key=lambda answer: answer.event_id
    )


def test_what_is_said_of_an_item_follows_from_seed_item_and_person_alone() -> None:
    def said(desk: SimulatedDesk, offers: Sequence[tuple[Offer, float]]) -> dict[tuple[str, str], object]:
        for made, at in offers:
            desk.offer(made, at)
        return {
            (answer.item, answer.annotator): (answer.label, answer.seconds) for answer in desk.collect(END)
        }

    at_once = [(offer(1, range(40), 3), START)]
    in_parts = [(offer(8, range(10), 3), START), (offer(9, range(39, 9, -1), 3), START + 99.0)]
    assert said(simulated(), at_once) == said(simulated(), in_parts)
    assert said(simulated(), at_once) != said(simulated(seed=8), at_once)


def test_after_a_restart_an_open_batch_gets_the_same_answers_at_the_same_times() -> None:
    batches = [(offer(batch, range(batch * 30, batch * 30 + 30), 2), batch * 900.0) for batch in range(4)]
    first = simulated()
    for made, at in batches:
        first.offer(made, at)
    answers = first.collect(END)
    again = simulated(history=batches)
    for made, _ in batches[2:]:
        again.offer(made, 3000.0)
    again.offer(offer(9, [500]), 3000.0)
    repeated = again.collect(END)
    still_open = {batches[2][0].batch, batches[3][0].batch}
    assert [a for a in repeated if a.batch != "batch-9"] == [a for a in answers if a.batch in still_open]
    (fresh,) = [a for a in repeated if a.batch == "batch-9"]
    assert when(fresh) > when(answers[-4])


# --- shifts -----------------------------------------------------------------------------------------


def test_work_begins_within_a_shift_only() -> None:
    desk = simulated(TeamSettings(size=2, seconds_per_item=600.0, shift=OFFICE, weekend=False))
    desk.offer(offer(1, range(300)), START + 15 * HOUR)
    hours = Hours(OFFICE, weekend=False)
    answers = desk.collect(END)
    assert len(answers) == 300
    for answer in answers:
        assert answer.seconds is not None
        assert hours.at_work(when(answer) - answer.seconds + 0.001)


def test_off_shift_nobody_is_there_and_so_nobody_is_idle() -> None:
    desk = simulated(TeamSettings(size=2, shift=OFFICE, weekend=False))
    night, day, saturday = START + 3 * HOUR, START + 12 * HOUR, START + 2 * DAY + 12 * HOUR
    assert [(desk.team(at).active, desk.team(at).idle) for at in (night, day, saturday)] == [
        (0, 0),
        (2, 2),
        (0, 0),
    ]


@pytest.mark.parametrize(
    ("shift", "weekend", "at", "change"),
    [
        (OFFICE, True, 3 * HOUR, 9 * HOUR),
        (OFFICE, True, 9 * HOUR, 17 * HOUR),
        (OFFICE, False, DAY + 17 * HOUR, 4 * DAY + 9 * HOUR),
        (Shift(), True, 5.0, None),
        (Shift(), False, 5.0, 2 * DAY),
        (Shift(), False, 2 * DAY, 4 * DAY),
    ],
    ids=["before the shift", "at work", "Friday evening", "always", "until Saturday", "until Monday"],
)
def test_the_team_says_when_it_comes_and_goes(
    shift: Shift, weekend: bool, at: float, change: float | None
) -> None:
    desk = simulated(TeamSettings(size=1, shift=shift, weekend=weekend))
    assert desk.next_at(START + at) == (None if change is None else START + change)
