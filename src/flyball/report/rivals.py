"""What the loop is compared with: played in processes beside this one, and kept beside the loop."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from flyball.adapters.learners import open_learner
from flyball.adapters.segments import parquet, table_of
from flyball.adapters.segments_s3 import open_segments
from flyball.adapters.stream import open_stream
from flyball.bootstrap import Reading, driver, simulate
from flyball.bootstrap.parts import code_digest
from flyball.core.facts import ItemsArrived, ModelPromoted
from flyball.core.ids import Digest, Instant, canonical, digest_of
from flyball.core.table import Table
from flyball.ports import Log
from flyball.report.data import Story
from flyball.report.quality import LOOP, RANDOM, STATIC
from flyball.settings import Settings, config_digest
from flyball.twin import baselines

#: Where results are kept, in the loop's directory.
KEPT = "report"
#: How often a word is said while something is played, in seconds.
SAY_EVERY = 10.0


@dataclass(frozen=True, slots=True)
class Rivals:
    """What each contender predicted of the items that came, and the true labels; `notes` say what is missing.

    `asked`: how many labels the random baseline asked for.
    """

    truth: Table = field(default_factory=lambda: Table({}))
    predictions: Mapping[str, Table] = field(default_factory=dict)
    asked: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to play: its name, what tells its result from any other, and how it is done."""

    name: str
    words: str
    key: Digest
    play: Callable[[], Table]


def rivals_of(read: Reading, say: Callable[[str], None]) -> Rivals:
    """The loop's own predictions, those of its rivals and the truth: played now, or as kept from before."""
    settings = read.settings
    segments = open_segments(settings)
    own = baselines.scored(read.log, segments)
    if settings.stream.label is None:
        note = "No column holds true labels (stream.label), so nothing could be compared on all items."
        return Rivals(notes=(note,))
    if not len(own):
        return Rivals(notes=("No item was scored when it came, so there is nothing to compare yet.",))
    tasks, notes = _tasks(read)
    tables, failures = played(tasks, settings.directory / KEPT, say)
    if STATIC not in tables:
        return Rivals(notes=(*notes, *failures))
    asked = 0
    if RANDOM in tables and len(tables[RANDOM]):
        asked = int(tables[RANDOM]["asked"][0])
    truth = tables[STATIC].select(["item", "time", "label"])
    return Rivals(truth, {LOOP: own, **tables}, asked, (*notes, *failures))


def notes_of(story: Story, rivals: Rivals) -> tuple[str, ...]:
    """What a reader should know about the comparisons."""
    notes = list(rivals.notes)
    if rivals.predictions and story.config_changed:
        notes.append(
            "The loop was last started with other settings than loop.toml has now, such as flags over it;"
            " what it is compared with follows loop.toml."
        )
    if rivals.asked not in (0, story.read.state.asked):
        notes.append(f"Random sampling came to ask for {rivals.asked:,} labels, not as many as the loop did.")
    return tuple(notes)


def play_random(settings: Settings, spend: int, arrived: int, until: Instant) -> Table:
    """What the same loop would have predicted, had chance chosen its items; `asked`: for how many labels."""
    with tempfile.TemporaryDirectory() as directory:
        rules = Path(directory) / "quiet.yaml"
        rules.write_text(baselines.QUIET_RULES)
        settings = baselines.at_random(settings, spend, arrived, rules)
        app = simulate(settings, open_stream(settings))
        try:
            for _ in driver(app).play(until):
                pass
            table = baselines.scored(app.tools.store.log, app.tools.segments)
            return table.having(asked=np.full(len(table), app.tools.state.asked)) if len(table) else table
        finally:
            app.close()


def play_static(settings: Settings, snapshot: Digest, arrived: tuple[Digest, ...]) -> Table:
    """What the loop's first model would have predicted of all that came after it; `label`: the truth."""
    segments = open_segments(settings)
    opened = open_stream(settings)
    learner = open_learner(settings.learner.name, settings.learner.parameters)
    tables = (segments.get(digest) for digest in arrived)
    table = baselines.static(learner, segments.get(snapshot), opened.stream.features, settings.seed, tables)
    assert opened.truth is not None, "a stream with `stream.label` knows the truth"
    return table.having(label=opened.truth.of(table["item"].tolist())) if len(table) else table


def arrived_before_the_last(log: Log) -> int:
    """How many items had come when the last batch but one went out.

    A loop that may have spent all of its budget by then comes to spend it by the end, whenever its
    annotators sleep.
    """
    arrived = before = last = 0
    for recorded in log.read(kinds=["items-arrived", "batch-released"]):
        match recorded.fact:
            case ItemsArrived(count=count):
                arrived += count
            case _:
                before, last = last, arrived
    return before or last


def _tasks(read: Reading) -> tuple[list[Task], tuple[str, ...]]:
    settings, state = read.settings, read.state
    pins = [config_digest(settings), code_digest()]
    first = state.models[min(state.models)]
    since = next(r.seq for r in read.log.read(kinds=["model-promoted"]) if isinstance(r.fact, ModelPromoted))
    arrived = tuple(
        r.fact.segment
        for r in read.log.read(since, kinds=["items-arrived"])
        if isinstance(r.fact, ItemsArrived) and r.fact.count
    )
    tasks = [
        Task(
            STATIC,
            "the first model, never trained again",
            digest_of(canonical([*pins, first.snapshot, state.cursor])),
            partial(play_static, settings, first.snapshot, arrived),
        )
    ]
    if settings.team.source == "none":
        note = "Nobody is simulated who could label other items, so random sampling was not played."
        return tasks, (note,)
    spend = (state.asked, arrived_before_the_last(read.log), state.at)
    random = Task(
        RANDOM,
        f"the same loop with {state.asked:,} labels at random",
        digest_of(canonical([*pins, *spend])),
        partial(play_random, settings, *spend),
    )
    return [random, *tasks], ()


def played(
    tasks: Sequence[Task], directory: Path, say: Callable[[str], None]
) -> tuple[dict[str, Table], tuple[str, ...]]:
    """The result of each task that could be played, and in words what failed."""
    found = {task.name: kept for task in tasks if (kept := _kept(task, directory)) is not None}
    wanted = [task for task in tasks if task.name not in found]
    if not wanted:
        return found, ()
    failures = []
    began = time.monotonic()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(wanted), mp_context=spawn) as pool:
        under_way: dict[Future[Table], Task] = {}
        for task in wanted:
            say(f"playing {task.words}, to compare with")
            under_way[pool.submit(task.play)] = task
        while under_way:
            done, _ = wait(under_way, timeout=SAY_EVERY, return_when=FIRST_COMPLETED)
            if not done:
                names = " and ".join(task.words for task in under_way.values())
                say(f"still playing {names} ({time.monotonic() - began:.0f} s)")
            for future in done:
                task = under_way.pop(future)
                try:
                    found[task.name] = _keep(task, directory, future.result())
                except Exception as error:  # streams and learners of users may throw anything
                    failures.append(f"It was not possible to play {task.words}: {error}")
                    say(failures[-1])
    return found, tuple(failures)


def _path(task: Task, directory: Path) -> Path:
    return directory / f"{task.name}-{task.key[:16]}.parquet"


def _kept(task: Task, directory: Path) -> Table | None:
    path = _path(task, directory)
    if not path.exists():
        return None
    try:
        return table_of(path.read_bytes())
    except (OSError, ValueError):  # cut short or damaged: it is played again
        return None


def _keep(task: Task, directory: Path, table: Table) -> Table:
    directory.mkdir(exist_ok=True)
    for old in directory.glob(f"{task.name}-*.parquet"):
        old.unlink()
    new = directory / f".{task.name}.new"
    new.write_bytes(parquet(table))
    new.replace(_path(task, directory))
    return table
