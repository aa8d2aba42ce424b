"""Show where answers come in from, ask a source at once, and try a map on a file."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyball.cli.show import as_json, moment, print_line, table
from flyball.errors import BadUsage, NotFound

if TYPE_CHECKING:
    from flyball.settings import Settings, SourceSettings
    from flyball.work.deliveries import Delivery

#: So many problems and answers are listed for people; --json lists all.
SHOWN = 20
#: How often a file that somebody may still be writing is looked at again, and the time between.
LOOKS, PAUSE = 3, 1.1


def ls(loop: Path, *, json: bool) -> int:
    """List them."""
    from flyball.bootstrap import opened_store, settings_of
    from flyball.work.source_list import listed

    settings = settings_of(loop)
    with opened_store(settings) as store:
        found = listed(settings, store.log, store.evidence)
    if json:
        as_json(found)
        return 0
    if not found:
        print_line("no sources; name them in loop.toml as [sources.NAME]")
        return 0
    rows = [_row(each) for each in found]
    print_line(table(rows, ("name", "kind", "from", "last change", "answers", "unread")))
    for each in found:
        raised = [line.removeprefix(f"{each['name']}: ") for line in each["alerts"]]
        stands = [line for line in _told(each["last"]) if not any(line in one for one in raised)]
        for line in (*raised, *stands, *each["remarks"]):
            print_line(f"{each['name']}: {line}")
        for problem in each["problems"]:
            print_line(
                f"{each['name']}: {problem['count']} unread, such as {problem['where']}: {problem['what']}"
            )
    return 0


def pull(loop: Path, name: str, *, again: bool, json: bool) -> int:
    """Ask one at once."""
    from flyball.bootstrap import App, reach

    app = reach(loop, {"command": "source-pull", "name": name, "again": again})
    if not isinstance(app, App):
        return _asked(app, json)
    try:
        if app.sources is None:
            raise BadUsage("this loop has no sources; name them in loop.toml as [sources.NAME]")
        total = app.sources.pull(name, again)
        for _ in range(LOOKS):
            if not total.more:
                break
            time.sleep(PAUSE)
            total = total.then(app.sources.pull(name, again))
    finally:
        app.close()
    from flyball.work.intake import told

    if json:
        as_json(told(total))
        return 1 if total.bad else 0
    print_line(
        f"{total.new} new, {total.again} known, {total.conflicts} contradict what is known,"
        f" {total.unread} could not be read and are kept"
    )
    for line in _told(told(total)):
        print_line(line)
    return 1 if total.bad else 0


def test(loop: Path, name: str, file: Path, *, json: bool) -> int:
    """Try a file on a source's map."""
    from flyball.bootstrap import settings_of

    settings = settings_of(loop)
    if name not in settings.sources:
        known = ", ".join(settings.sources) or "there is none"
        raise NotFound(f"there is no [sources.{name}] in loop.toml; {known}")
    if not file.is_file():
        raise BadUsage(f"{file} is no file")
    found = list(_deliveries(settings, name, settings.sources[name], file))
    answers = [answer for _, each in found for answer in each.answers]
    flaws = [(where, flaw) for where, each in found for flaw in each.flaws]
    if json:
        as_json(_plain(found))
        return 1 if flaws else 0
    rows = [
        (
            each.item,
            each.annotator,
            each.label or ("taken back" if each.withdrawn else "-"),
            moment(each.said_at),
            each.event_id[:60],
        )
        for each in answers[:SHOWN]
    ]
    if rows:
        print_line(table(rows, ("item", "annotator", "label", "said at", "id")))
    more = f", the first {SHOWN} of them above" if len(answers) > SHOWN else ""
    counts = f"{_many(len(found), 'row')}, {_many(len(answers), 'answer')}{more}"
    print_line(f"{counts}; {_many(len(flaws), 'mistake')}. Nothing was written.")
    lacking = _lacking(found)
    for line in lacking:
        print_line(f"{line}: no row of {file.name} has it")
    shown = [(where, flaw) for where, flaw in flaws if flaw.message not in lacking]
    for where, flaw in shown[:SHOWN]:
        print_line(": ".join(part for part in (where, flaw.where, flaw.message) if part))
    for about in sorted({each.about for _, each in found if each.about}):
        print_line(about)
    for gone in [gone.word for _, each in found for gone in each.gone][:SHOWN]:
        print_line(f"deleted in the tool: {gone}")
    return 1 if flaws else 0


def _deliveries(
    settings: Settings, name: str, source: SourceSettings, file: Path
) -> Iterator[tuple[str, Delivery]]:
    from flyball.core.strict_json import Flaw
    from flyball.work.deliveries import Delivery, Origin, of_bytes, of_value, source_of, unread
    from flyball.work.file_rows import KINDS, BadRows, Rows, suffix_of
    from flyball.work.source_settings import map_of

    by = map_of(name, source)
    if source.kind not in ("folder", "kafka"):
        yield file.name, of_bytes(file.read_bytes(), by, Origin(source_of(name), file.name))
        return
    if suffix_of(file.name) not in KINDS:
        raise BadUsage(f"{file.name} is not read; files end in {', '.join(KINDS)}")
    with file.open("rb") as content:
        rows = Rows(content, file.name, file.stat().st_size)
        try:
            for row in rows:
                origin = Origin(source_of(name), f"{file.name}:{row.line}")
                flawed = unread(row.raw, row.flaws, origin) if row.flaws else None
                yield origin.where, flawed or of_value(row.value, row.raw, by, origin)
        except BadRows as error:
            said = str(error).removeprefix(f"{file.name}: ")
            yield file.name, Delivery(flaws=(Flaw("bad_file", said),))
        if rows.unfinished:
            what = "the file ends in the middle of a line; what stands there would wait for its end"
            yield file.name, Delivery(flaws=(Flaw("unfinished", what),))


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _lacking(found: Sequence[tuple[str, Delivery]]) -> list[str]:
    """What is missing in each of several rows alike: it is said once of all of them."""
    if len(found) < 2:
        return []
    missing = [{flaw.message for flaw in each.flaws if flaw.code == "missing"} for _, each in found]
    return sorted(set.intersection(*missing))


def _plain(found: list[tuple[str, Delivery]]) -> list[dict[str, Any]]:
    from dataclasses import asdict

    return [
        {
            "where": where,
            "answers": [
                {name: value for name, value in asdict(answer).items() if name != "raw"}
                for answer in each.answers
            ],
            "mistakes": [asdict(flaw) for flaw in each.flaws],
            "deleted": [gone.word for gone in each.gone],
            "about": each.about,
        }
        for where, each in found
    ]


def _row(each: Mapping[str, Any]) -> tuple[str, ...]:
    last = each["last"] or {}
    return (
        each["name"],
        each["kind"],
        each["from"],
        moment(last.get("at")),
        str(last.get("new", "-")),
        str(each["unread"]),
    )


def _told(last: Mapping[str, Any] | None) -> Iterator[str]:
    if last is not None:
        yield from last["bad"]
        if last["waiting"]:
            yield f"waits for the end of {', '.join(last['waiting'][:5])}"


def _asked(told: Mapping[str, Any], json: bool) -> int:
    if json:
        as_json(told)
    else:
        print_line(f"the process that runs this loop asks {told['asked']} now; see `flyball sources ls`")
    return 0
