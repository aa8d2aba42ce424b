"""What an operator is told who got something wrong: every mistake in a sentence, and how the command ends."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.loops import RULES
from tests.promises import account_in
from tests.shops import shop, write_shop

from flyball.bootstrap import open_loop
from flyball.cli.main import main

BAD_RULES = Path(__file__).parents[1] / "rules" / "bad"
Told = Callable[..., tuple[int, str]]
Spoil = Callable[[Path], object]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """Run a command in this process; gives its exit code and what it said on stderr."""

    def run(*words: str | Path) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        assert isinstance(end.value.code, int)
        return end.value.code, capsys.readouterr().err

    return run


def _items(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Spoil:
    return lambda loop: change(shop()).to_csv(loop / "items.csv", index=False)


def _file(name: str, content: str | bytes) -> Spoil:
    def write(loop: Path) -> None:
        (loop / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return write


def _with(**more: Any) -> Spoil:
    return lambda loop: write_shop(loop, **more)


def _source(module: str, code: str) -> Spoil:
    def write(loop: Path) -> None:
        write_shop(loop, source=f"{module}:items")
        (loop / f"{module}.py").write_text(code)

    return write


def _learner(module: str, code: str) -> Spoil:
    def write(loop: Path) -> None:
        write_shop(loop, learner=f"{module}.Mine")
        (loop / f"{module}.py").write_text(code)

    return write


def _another_database(loop: Path) -> None:
    with closing(sqlite3.connect(loop / "flyball.db")) as link, link:
        link.execute("CREATE TABLE customers (name TEXT)")


TEN_MISTAKES = [
    re.escape(line.replace("ten-at-once.yaml", "rules.yaml"))
    for line in (BAD_RULES / "ten-at-once.txt").read_text().splitlines()
    if line.startswith("ten-at-once")
]
MISTAKES: dict[str, tuple[Spoil, int, list[str]]] = {
    "a missing column": (
        _items(lambda items: items.drop(columns="time")),
        2,
        [r"loop\.toml:\d+:1: L202 items\.csv has no column `time`; known: id, a, b, label"],
    ),
    "all missing columns at once": (
        _items(lambda items: items.drop(columns=["id", "time", "label"])),
        2,
        ["no column `id`", "no column `time`", "no column `label`"],
    ),
    "a stream without rows": (_items(lambda items: items.iloc[:0]), 2, [r"items\.csv has no rows"]),
    "an empty file": (_file("items.csv", ""), 2, [r"items\.csv has no rows"]),
    "no such file": (
        _with(source="itmes.csv"),
        2,
        [r"there is no file itmes\.csv; did you mean `items\.csv`\?"],
    ),
    "times out of order": (
        _items(lambda items: items.iloc[::-1]),
        2,
        [r"not in order of `time`: row 2 \(.*Z\) is earlier than row 1 \(.*Z\)", r"sort_values\('time'"],
    ),
    "rows without an item id": (
        _items(lambda items: items.assign(id=items["id"].where(items.index != 7))),
        2,
        ["1 rows have no item id, the first of them row 8"],
    ),
    "rows without a time": (
        _items(lambda items: items.assign(time=items["time"].where(items.index != 7))),
        2,
        ["1 rows have no time, the first of them row 8"],
    ),
    "a source that throws": (
        _source("thrower", "def items():\n    raise RuntimeError('the lake is dry')\n"),
        2,
        ["thrower:items raised RuntimeError: the lake is dry"],
    ),
    "an unknown learner": (
        _with(learner="lightgmb"),
        2,
        ["unknown learner `lightgmb`; did you mean `lightgbm`"],
    ),
    "a learner that is not there": (
        _with(learner="sklearn.linear_model.LogisticRegresion"),
        2,
        ["did you mean `sklearn.linear_model.LogisticRegression`"],
    ),
    "a learner that cannot be made": (
        _learner("made_of_clay", "class Mine:\n    def __init__(self):\n        raise OSError('no clay')\n"),
        2,
        ["`made_of_clay.Mine` cannot be made: OSError: no clay"],
    ),
    "a learner that is half an estimator": (
        _learner("half_made", "class Mine:\n    def fit(self, X, y):\n        return self\n"),
        2,
        ["`half_made.Mine` cannot be a learner: it has no predict_proba"],
    ),
    "a learner whose module is broken": (
        _learner("broken_clay", "class Mine:\npass\n"),
        2,
        ["the learner `broken_clay.Mine` cannot be imported: IndentationError"],
    ),
    "no rule file": (
        lambda loop: (loop / "rules.yaml").unlink(),
        2,
        [r"the rule file rules\.yaml cannot be read: No such file", r"loop\.rules in loop\.toml names it"],
    ),
    "a rule file with ten mistakes": (
        _file("rules.yaml", (BAD_RULES / "ten-at-once.yaml").read_bytes()),
        2,
        TEN_MISTAKES,
    ),
    "a loop.toml with many mistakes": (
        _file(
            "loop.toml",
            'id = "My Shop"\nversoin = 1\n[stream]\nsource = "items.csv"\nitm = "id"\nunit = "hours"\n'
            '[knobs]\n"batch.sise" = 3\n"sampler.reserve" = 7\n[team]\nsize = 0\n[clock]\nkind = "fast"\n',
        ),
        2,
        [
            "unknown key `versoin`; did you mean `version`",
            "unknown key `stream.itm`; did you mean `item`",
            "`id`",
            "`stream.unit`",
            r"unknown knob `batch\.sise`; did you mean `batch\.size`",
            r"`sampler\.reserve`",
            r"`team\.size`",
            r"`clock\.kind`",
        ],
    ),
    "no TOML": (
        _file("loop.toml", 'id = "shop"\n[stream\n'),
        2,
        [r"loop\.toml:2:\d+: L101 this is not TOML"],
    ),
    "no UTF-8": (
        _file("loop.toml", b'id = "caf\xe9"\n'),
        2,
        [r"loop\.toml:1:1: L101 this line is not UTF-8"],
    ),
    "no loop.toml": (
        lambda loop: (loop / "loop.toml").unlink(),
        2,
        [r"holds no loop\.toml; name the loop's directory with --loop, or make a loop with `flyball init"],
    ),
    "a database that is none": (
        _file("flyball.db", "not a database " * 1000),
        2,
        [r"flyball\.db is not a store of Flyball\. Name another file\."],
    ),
    "another program's database": (
        _another_database,
        2,
        [r"flyball\.db is a database, and not a store of Flyball"],
    ),
    "a directory where the database should be": (
        lambda loop: (loop / "flyball.db").mkdir(),
        3,
        [r"flyball\.db"],
    ),
}


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [pytest.param(*case, id=name) for name, case in MISTAKES.items()],
)
def test_a_loop_with_a_mistake_does_not_start_and_says_why(
    spoil: Spoil, code: int, said: list[str], told: Told, tmp_path: Path
) -> None:
    loop = write_shop(tmp_path)
    spoil(loop)
    before = _content(loop)
    found, error = told("run", "--loop", loop, "--no-report")
    assert found == code, error
    assert [pattern for pattern in said if not re.search(pattern, error)] == [], error
    assert "Traceback" not in error
    assert {name: content for name, content in _content(loop).items() if name in before} == before
    assert (loop / "flyball.db").is_dir() or "flyball.db" in before or account_in(loop).facts == ()


def _content(loop: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in loop.iterdir() if path.is_file()}


def test_a_loop_that_is_nowhere_is_nowhere_for_every_command(told: Told, tmp_path: Path) -> None:
    for words in (["run"], ["status"], ["decisions"], ["model", "ls"], ["lineage", "1"], ["report"]):
        code, error = told(*words, "--loop", tmp_path / "nowhere")
        assert (code, "Traceback" in error) == (2, False)
        assert "nowhere holds no loop.toml" in error


@pytest.mark.parametrize("words", [["status"], ["decisions"], ["model", "ls"], ["report"]], ids=" ".join)
def test_a_loop_that_has_never_run_says_so(words: list[str], told: Told, tmp_path: Path) -> None:
    code, error = told(*words, "--loop", write_shop(tmp_path))
    assert code == 2
    assert "There is no store at" in error
    assert "The first run of the loop makes it." in error
    assert not (tmp_path / "flyball.db").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rum"], 'Did you mean "run"'),
        (["rules", "chekc"], 'Did you mean "check"'),
        (["run", "--lop", "x"], "Did you mean --loop"),
        (["lineage"], "WHAT"),
        (["dlq", "show", "first"], "NUMBER"),
        (["model", "rollback"], "--because"),
        (["init"], "DIRECTORY"),
        (["init", "there", "--project", "hard"], "--project"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_that_is_not_understood_names_the_word(words: list[str], said: str, told: Told) -> None:
    code, error = told(*words)
    assert code == 2
    assert said in " ".join(error.replace("│", " ").split())
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("clock.sped=3", "unknown key `clock.sped`; did you mean `speed`"),
        ("nonsense", "`nonsense` is not of the form name=value"),
        ("team.size=none", "`team.size`"),
        ("knobs.batch.size=-4", "`batch.size`"),
    ],
)
def test_a_setting_on_the_command_line_is_checked_as_the_file_is(
    setting: str, said: str, told: Told, tmp_path: Path
) -> None:
    code, error = told("run", "--loop", write_shop(tmp_path), "--set", setting)
    assert (code, said in error) == (2, True), error


def test_a_second_process_on_the_same_loop_names_the_first(told: Told, tmp_path: Path) -> None:
    loop = write_shop(tmp_path)
    app = open_loop(loop)
    try:
        code, error = told("run", "--loop", loop)
    finally:
        app.close()
    assert code == 3
    assert re.search(r"process \d+ writes this loop \(it holds .*\)\. Stop it", error)


def test_a_rule_file_with_mistakes_is_a_finding_of_the_check(
    told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = write_shop(tmp_path)
    (loop / "rules.yaml").write_text(RULES.replace("queue.depth", "queue.dept"))
    with pytest.raises(SystemExit) as end:
        main(["rules", "check", "--loop", str(loop)])
    assert end.value.code == 1
    assert "did you mean `queue.depth`" in capsys.readouterr().out
