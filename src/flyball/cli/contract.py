"""The commands `contract check|diff|show|approve`: what labels mean, and whose answers are let in."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyball.adapters import contract_file, rule_file
from flyball.cli.problems import Format, counted
from flyball.cli.problems import show as show_problems
from flyball.cli.show import as_json, moment, print_line, table
from flyball.core.labels.contract import Contract
from flyball.core.labels.contract_codes import UNREADABLE
from flyball.core.labels.contract_diff import Change, changes, together
from flyball.core.labels.contract_fields import Field
from flyball.core.labels.contract_history import lapses
from flyball.core.labels.contract_read import told
from flyball.errors import BadFile, BadUsage, Problem

if TYPE_CHECKING:
    from flyball.ports import Log
    from flyball.work.contract import Known


def file_of(loop: Path) -> Path:
    """The contract that a loop's settings name. Raises BadUsage where there is no loop, or no such file."""
    from flyball.adapters.toml_file import load

    if not (loop / "loop.toml").is_file():
        raise BadUsage("name the contract, or the loop whose contract is meant with --loop")
    settings = load(loop)
    path = settings.path(settings.loop.contract)
    if not path.is_file():
        raise BadUsage(
            f"the loop has no {settings.loop.contract}: any label of the stream's classes may be given, and"
            " the majority decides. Write one, and it is in force from the next pass on"
        )
    return path


def content_of(file: Path) -> bytes:
    """A contract's bytes; a byte more than is allowed tells enough of one that is too large.

    Raises BadFile where it cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return opened.read(rule_file.LARGEST + 1)
    except OSError as error:
        problem = Problem("C000", f"cannot be read: {error.strerror or error}", str(file))
        raise BadFile([problem]) from error


def read(file: Path) -> Contract:
    """A contract as a file says it. Raises BadFile."""
    return contract_file.read(content_of(file), str(file))[0]


def check(loop: Path, file: Path | None, format: Format) -> int:
    """Print what is wrong with a contract: 0 where nothing is, 1 for mistakes, 2 for what is no contract."""
    from flyball.work.contract import breaks

    path = file or file_of(loop)
    try:
        content = content_of(path)
        contract, warnings = contract_file.read(content, str(path))
        contract_file.examples(content, str(path), contract)
        found = [*breaks(contract, _before(loop, contract), _classes(loop), str(path)), *warnings]
    except BadFile as error:
        found = list(error.problems)
    return show_problems([path], found, format, UNREADABLE)


def diff(loop: Path, old: Path, new: Path, *, json: bool) -> int:
    """Show what changed, and how far both can read each other's answers."""
    first, second = read(old), read(new)
    found = changes(first, second)
    earlier = [*_before(loop, second), first]
    lapsed = lapses(second, earlier)
    same = first.definitions == second.definitions
    if json:
        as_json(
            {
                "changes": [asdict(each) | {"reads": each.reads} for each in found],
                "reads": together(found),
                "asked": second.compatibility,
                "same_definitions": same,
                "definitions": {"old": first.definitions, "new": second.definitions},
                "lapses": [asdict(each) for each in lapsed],
            }
        )
        return 1 if lapsed else 0
    for change in found:
        print_line(f"{change.reads:<8}  {change.sentence}")
    if not found:
        print_line("nothing changed but words, orders and comments")
    means = "the definitions are the same" if same else _meaning(found)
    print_line(f"\ntogether: {together(found)} ({second.compatibility} is asked for); {means}")
    for lapse in lapsed:
        print_line(f"LESS THAN ASKED FOR, with version {lapse.version}: {lapse.reads}, and not {lapse.asked}")
    if len(earlier) > 1:
        print_line(f"held against all {len(earlier)} contracts before it")
    return 1 if lapsed else 0


def _meaning(found: Sequence[Change]) -> str:
    if all(each.backward for each in found if each.meaning):
        return "the definitions are others, and answers from before are still read"
    return "the definitions are others, and answers from before wait until somebody approves them"


def show(loop: Path, *, json: bool) -> int:
    """Show what is in force and what waits."""
    from flyball.bootstrap import opened_store, settings_of
    from flyball.work.contract_approval import loaded
    from flyball.work.contract_parked import told as told_of
    from flyball.work.contract_parked import unknown

    with opened_store(settings_of(loop)) as store:
        known, history = _known(store.log), loaded(store.log)
        waiting = [told_of(each) for each in unknown(store)]
    contract = known.contract()
    if json:
        as_json(
            {
                "contract": told(contract) if contract else None,
                "since": history[-1][0] if history else None,
                "versions": [
                    {"version": each.version, "at": at, "definitions": each.definitions}
                    | {"by": each.by, "because": each.because}
                    for at, each in history
                ],
                "parked": waiting,
            }
        )
        return 0
    if contract is None:
        print_line("no contract: any label of the stream's classes may be given, and the majority decides")
    else:
        _print(contract, history[-1][0], history[-1][1].by, history[-1][1].because)
    for each in waiting:
        said = ", ".join(f"{label} {count:,}" for label, count in each["labels"].items())
        wait = "waits" if each["answers"] == 1 else "wait"
        print_line(
            f"\n{counted(each['answers'], 'answer')} {wait}: definitions {each['definitions']} are not known"
        )
        print_line(f"  since {moment(each['since'])}; they say {said}")
        for one in each["examples"]:
            print_line(f"  {one['label']} about {one['item']} by {one['annotator']} (fact {one['fact']})")
        print_line(f'  let them in: flyball contract approve {each["definitions"][:12]} --because "…"')
    return 0


def _print(contract: Contract, since: float, by: str, because: str) -> None:
    print_line(f"{contract.name}, version {contract.version}, in force since {moment(since)} UTC")
    print_line(f"  by           {by or '-'}: {because or '-'}")
    print_line(f"  definitions  {contract.definitions}")
    print_line(f"  policy       {contract.policy}\n")
    rows = [
        (each.id, each.name or "-", ", ".join(each.aliases) or "-", each.definition[:60])
        for each in contract.labels
    ]
    print_line(table(rows, ("label", "name", "also", "definition")))
    if contract.fields:
        print_line()
        print_line(table([(each.name, _shape(each)) for each in contract.fields], ("field", "is")))
    for each in contract.approved:
        print_line(f"\nlet in: {each.definitions}\n  by {each.by or '-'}: {each.because}")
        for said, label in each.labels.items():
            print_line(f"  {said} is {label}")


def _shape(field: Field) -> str:
    flags = {"required": field.required, "null": field.null, "many": field.many}
    return ", ".join([field.type, *(name for name, yes in flags.items() if yes)])


def approve(
    loop: Path,
    definitions: str,
    pairs: Sequence[str],
    by: str | None,
    because: str,
    *,
    json: bool,
    dry_run: bool,
) -> int:
    """Let answers in, through the process that runs the loop where there is one."""
    from flyball.cli.write import sent

    who, labels = by or getpass.getuser(), _pairs(pairs)
    if not because.strip():
        raise BadUsage('say with --because "…" how you know what these labels mean; it is kept')
    if dry_run:
        found = _would(loop, definitions, labels, who, because)
    else:
        request = {"command": "contract-approve", "definitions": definitions, "labels": labels}
        found = dict(sent(loop, request | {"by": who, "because": because}))
    if json:
        as_json(found | {"dry_run": dry_run})
        return 0
    count = len(found["answers"])
    be = "would be" if dry_run else "is" if count == 1 else "are"
    print_line(
        f"definitions {found['definitions'][:16]} {'would be' if dry_run else 'are'} approved by {who}"
    )
    print_line(f"{counted(count, 'answer')} {be} merged in the next pass")
    for said, label in found["labels"].items():
        print_line(f"  {said} is {label}")
    return 0


def _would(loop: Path, digest: str, labels: dict[str, str], by: str, because: str) -> dict[str, Any]:
    from flyball.bootstrap import opened_store, settings_of
    from flyball.work import contract_approval as approval
    from flyball.work.contract_parked import unknown

    with opened_store(settings_of(loop)) as store:
        contract = _known(store.log).contract() or Contract.implied(())
        those = approval.chosen(unknown(store), contract, digest)
        return approval.approval(those, approval.mapped(contract, those, labels), by, because)


def _pairs(written: Sequence[str]) -> dict[str, str]:
    """What was written as old=new. Raises BadUsage with all that was not."""
    wrong = [each for each in written if not all(each.partition("=")[::2])]
    if wrong:
        raise BadUsage(f"--map takes old=new, such as --map chargeback=fraud; not {', '.join(wrong)}")
    return {old: new for old, _, new in (each.partition("=") for each in written)}


def _before(loop: Path, contract: Contract) -> list[Contract]:
    """The contracts that were in force in a loop, where there is one with a log, but for this very file."""
    from flyball.bootstrap import opened_store, settings_of
    from flyball.errors import NotFound

    if not (loop / "loop.toml").is_file():
        return []
    try:
        with opened_store(settings_of(loop)) as store:
            known = _known(store.log)
    except NotFound:  # the loop has not run yet
        return []
    return [each for each in known.loaded if each.digest != contract.digest]


def _classes(loop: Path) -> tuple[str, ...]:
    """The classes that a loop's settings name; what only its stream knows is looked at when it runs."""
    from flyball.adapters.toml_file import load

    return load(loop).stream.classes if (loop / "loop.toml").is_file() else ()


def _known(log: Log) -> Known:
    from flyball.work.contract import known_of

    return known_of(log, lambda content, name: contract_file.read(content, name)[0])
