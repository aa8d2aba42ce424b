"""What is asked of Label Studio, turn by turn, in a thread of its own: the loop never waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flyball.adapters.label_studio_client import LabelStudio, Project
from flyball.adapters.label_studio_http import Away
from flyball.adapters.label_studio_tasks import (
    Drafted,
    Pulled,
    Rows,
    about_of,
    drafts_in,
    said_in,
    tasks_of,
)
from flyball.core.ids import Instant, Seconds
from flyball.core.mappings.label_config import config_of, deciding, definitions_of, unsayable
from flyball.core.mappings.paths import Map
from flyball.errors import FlyballError
from flyball.ports import Offer

#: How far behind the newest change that was seen the next pull begins.
OVERLAP = 86400.0
#: What failed rests so long, twice as long each time; and so long where a person must act first.
FIRST_REST, LONGEST_REST, PAUSE = 5.0, 300.0, 3600.0
#: So many tasks with drafts are looked at in one pull, each by a request of its own; others in the next.
DRAFTS = 100
#: What a project of ours says about itself.
ABOUT = "Made by Flyball. The batches of its loop come in here by themselves."


@dataclass(frozen=True, slots=True)
class Workplace:
    """Which project a desk is, by the settings of its source.

    `project`: its id; "": the one of the title, made where there is none. `calls`: the address under
    which Label Studio reaches us, and the secret that it shows there; "" where it does not call.
    `drafts`: in so many tasks at the most each pull looks for them.
    """

    source: str
    title: str
    classes: tuple[str, ...]
    project: str = ""
    every: Seconds = 3600.0
    map: Map = field(default_factory=lambda: Map("label_studio"))
    calls: str = ""
    secret: str = ""
    drafts: int = DRAFTS


@dataclass(slots=True)
class Errand:
    """One thing that is asked again and again: when the next time is, and what went wrong the last time."""

    at: Instant = float("-inf")
    failures: int = 0
    failure: str = ""
    began: Instant = float("-inf")

    def due(self, now: Instant) -> bool:
        """Whether it is time; also where the clock was set back behind the last time."""
        return not self.began <= now < self.at

    def done(self, next_at: Instant, now: Instant) -> None:
        """It went well."""
        self.at, self.failures, self.failure, self.began = next_at, 0, "", now

    def failed(self, error: Exception, now: Instant) -> None:
        """It rests: as long as it was asked to, for an hour where a person must act, else a while."""
        rest = min(FIRST_REST * 2.0 ** min(self.failures, 10), LONGEST_REST)
        self.failure = str(error)
        if isinstance(error, Away):
            rest = PAUSE if error.paused else rest if error.after is None else error.after
        elif not isinstance(error, FlyballError):
            told = f"{type(error).__name__}: {error}"
            self.failure = f"Label Studio answers in a form that is not known to us ({told})."
        self.failures += 1
        self.at, self.began = now + rest, now


class Turns:
    """Puts batches into Label Studio and pulls what was said there, whenever it is time to and nobody waits.

    A pull looks at what changed since the last one and a day before that; the very first one, and one
    after `look_at_all`, at everything. What fails is repeated later, each errand for itself. The first turn
    begins with `gather`, which takes in what is known already and gives the newest moment of it; `gathered`
    is set then.
    """

    def __init__(
        self, studio: LabelStudio, place: Workplace, rows: Rows, gather: Callable[[], Instant | None]
    ) -> None:
        self._studio, self._place, self._rows, self._gather = studio, place, rows, gather
        self.gathered = threading.Event()
        self._gathering = Errand()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._offers: list[Offer] = []
        self._pulled: list[Pulled] = []
        self._drafted: list[Drafted] = []
        self._drafts_after = 0
        self._pulling, self._putting, self._calling = Errand(), Errand(), Errand()
        self._drafting = Errand()
        self._cursor: Instant | None = None

    @property
    def next_at(self) -> Instant:
        """When it is asked the next time what was said."""
        return self._pulling.at

    @property
    def failure(self) -> str:
        """A sentence about what goes wrong at present; "" where nothing does."""
        each = (self._gathering, self._pulling, self._putting, self._calling, self._drafting)
        return next((errand.failure for errand in each if errand.failure), "")

    def put(self, offer: Offer) -> None:
        """Have a batch put in."""
        with self._lock:
            self._offers.append(offer)

    def look_at_all(self) -> None:
        """Have everything pulled, soon."""
        with self._lock:
            self._cursor = None
            self._pulling.at = float("-inf")

    def pulled(self) -> list[Pulled]:
        """What was pulled since this was last asked."""
        with self._lock:
            pulled, self._pulled = self._pulled, []
        return pulled

    def drafted(self) -> list[Drafted]:
        """The drafts that were pulled since this was last asked."""
        with self._lock:
            drafted, self._drafted = self._drafted, []
        return drafted

    def start(self, now: Instant, ask: bool = True) -> None:
        """Begin a turn, where there is something to do and none is under way; `ask`: Label Studio too."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            due = self._due(now, ask)
            if due:
                self._thread = threading.Thread(target=self._take, args=(due, now), daemon=True)
                self._thread.start()

    def wait(self) -> None:
        """Wait for the turn that is under way."""
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Wait for the turn that is under way, and let go of the connections."""
        self.wait()
        self._studio.close()

    def _due(self, now: Instant, ask: bool) -> list[tuple[Errand, Callable[[Instant], Instant]]]:
        wanted = (
            (self._gathering, self._take_up, not self.gathered.is_set()),
            (self._pulling, self._pull, ask),
            (self._putting, self._put, ask and bool(self._offers)),
            (self._calling, self._call, ask and bool(self._place.calls)),
            (self._drafting, self._draft, ask),
        )
        return [(errand, run) for errand, run, there_is in wanted if there_is and errand.due(now)]

    def _take(self, due: list[tuple[Errand, Callable[[Instant], Instant]]], now: Instant) -> None:
        for errand, run in due:
            try:
                errand.done(run(now), now)
            except Exception as error:  # whatever it answers with, the loop goes on
                errand.failed(error, now)
            if not self.gathered.is_set():
                return

    def _take_up(self, now: Instant) -> Instant:
        """Let the first pull look at what changed since the newest word that is known, and a day before."""
        newest = self._gather()
        with self._lock:
            self._cursor = None if newest is None else newest - OVERLAP
        self.gathered.set()
        return now

    def _project(self) -> Project:
        place, studio = self._place, self._studio
        if place.project:
            return studio.project(int(place.project))
        return studio.project_named(place.title) or studio.make_project(
            place.title, config_of(place.classes), ABOUT, self._needed()
        )

    def _needed(self) -> int:
        """How many people a new project asks by itself; a batch for which it is another number says so."""
        with self._lock:
            return max((each.answers_needed for each in self._offers), default=1)

    def _pull(self, now: Instant) -> Instant:
        project = self._project()
        since = self._cursor
        tasks = [task for page in self._studio.tasks(project.id, since) for task in page]
        pulled = Pulled(
            began=now,
            looked_at=None if since is None else frozenset(map(about_of, tasks)),
            said=list(said_in(tasks, self._place.map, definitions_of(project.controls))),
            annotations=self._studio.annotations(project.id),
            people=self._studio.people(),
        )
        changed = [moment for task in tasks if (moment := moment_of(task.get("updated_at"))) is not None]
        with self._lock:
            self._pulled.append(pulled)
            if changed or since is not None:
                self._cursor = max([moment - OVERLAP for moment in changed] + ([since] if since else []))
        return now + self._place.every

    def _draft(self, now: Instant) -> Instant:
        """Pull what people wrote and did not submit, task after task and round again."""
        if self._pulling.failures:  # who does not answer the one question is left alone with the other
            return self._pulling.at
        project, place = self._project(), self._place
        most, tasks = place.drafts, self._studio.drafts(project.id, self._drafts_after, place.drafts)
        drafted = drafts_in(tasks, place.map, definitions_of(project.controls))
        self._drafts_after = int(tasks[-1]["id"]) if len(tasks) == most else 0
        with self._lock:
            self._drafted.append(drafted)
        return now + self._place.every

    def _put(self, now: Instant) -> Instant:
        project, place = self._project(), self._place
        if lacking := unsayable(project.controls, place.classes):
            raise Away(
                f"In project {project.id} of Label Studio ({project.title!r}) nobody can choose"
                f" {', '.join(lacking)}: add it to the labelling interface there, or take it out of the"
                " classes of the loop.",
                paused=True,
            )
        while self._offers:
            self._put_one(project, self._offers[0])
            with self._lock:
                self._offers.pop(0)
        return now

    def _put_one(self, project: Project, offer: Offer) -> None:
        """Put a batch in, but for what is there of it; of two tasks for one item, the unused one goes."""
        there: dict[str, Mapping[str, Any]] = {}
        for page in self._studio.tasks(project.id, where={"batch": str(offer.batch)}):
            for task in page:
                item = str((task.get("meta") or {}).get("item"))
                if item not in there:
                    there[item] = task
                elif not task.get("annotations") and not task.get("draft_exists"):
                    self._studio.delete("tasks", task["id"])
        lacking = [item for item in offer.items if item not in there]
        shown = self._rows.of(lacking) if lacking else {}
        chosen = deciding(project.controls, offer.classes)
        made = self._studio.add(project.id, tasks_of(offer, lacking, shown, chosen)) if lacking else []
        asked = [
            each["id"] for each in there.values() if int(each.get("overlap") or 1) < offer.answers_needed
        ]
        for task in asked + (made if project.maximum < offer.answers_needed else []):
            self._ask_for(task, offer.answers_needed)

    def _ask_for(self, task: int, annotators: int) -> None:
        try:
            self._studio.ask_for(task, annotators)
        except Away as away:
            if away.status != 404:  # somebody deleted it there, and nobody is asked about it any more
                raise

    def _call(self, now: Instant) -> Instant:
        """Have it call us; looked after once an hour, since it may be switched off there."""
        self._studio.webhook(self._project().id, self._place.calls, self._place.secret)
        return now + PAUSE


def moment_of(written: Any) -> Instant | None:
    """A time of Label Studio's; None where there is none."""
    try:
        return datetime.fromisoformat(str(written)).timestamp()
    except ValueError:
        return None
