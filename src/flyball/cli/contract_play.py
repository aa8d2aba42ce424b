"""The command `contract test`: whether the answers of the examples come out as the contract's authors say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flyball.adapters import contract_file
from flyball.cli.contract import content_of, file_of
from flyball.cli.problems import counted
from flyball.cli.show import as_json, print_line
from flyball.core.labels.contract_examples import Played, came
from flyball.core.labels.contract_examples import play as played
from flyball.errors import BadUsage


def play(loop: Path, file: Path | None, examples: Path | None, *, json: bool) -> int:
    """Play the examples in a contract and in the file beside it: 1 where one comes out otherwise."""
    path = file or file_of(loop)
    content = content_of(path)
    contract = contract_file.read(content, str(path))[0]
    beside = examples or path.with_name(f"{path.stem}.tests.yaml")
    found = [(path, each) for each in contract_file.examples(content, str(path), contract)]
    if examples or beside.is_file():
        found += [(beside, e) for e in contract_file.examples(content_of(beside), str(beside), contract)]
    if not found:
        raise BadUsage(
            f"{path} has no examples. Write some under `examples`, or into {beside.name} beside it:"
            " answers, and what is to come of them"
        )
    done = [(place, played(example, contract)) for place, example in found]
    if json:
        as_json([_told(place, each) for place, each in done])
    else:
        for place, each in done:
            for line in _lines(place, each):
                print_line(line)
        failed = sum(bool(each.wrong) for _, each in done)
        end = f"{failed} came out otherwise" if failed else "all as expected"
        print_line(f"\n{counted(len(done), 'example')}: {end}")
    return 1 if any(each.wrong for _, each in done) else 0


def _lines(place: Path, each: Played) -> Iterator[str]:
    yield f"{'FAILED' if each.wrong else 'ok':<6}  {each.example.name}"
    for wrong in each.wrong:
        yield f"        {place}:{each.example.line}: {wrong}"


def _told(place: Path, each: Played) -> dict[str, object]:
    return {
        "name": each.example.name,
        "file": str(place),
        "line": each.example.line,
        "passed": not each.wrong,
        "wrong": list(each.wrong),
        "came": came(each.outcome),
        "outcome": each.outcome.kind,
        "label": each.outcome.label,
        "agreed": each.outcome.agreed,
        "answers": [
            {"status": stood.status, "code": stood.code, "reason": stood.reason}
            for _, stood in sorted(each.outcome.standing.items())
        ],
    }
