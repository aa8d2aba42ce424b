"""Bodies that chance made harm nothing; and the judge that says so can say otherwise."""

from __future__ import annotations

from pathlib import Path

from tests.bad_bodies import bad_bodies
from tests.fuzz_bodies import CODES, Found, fuzz, judged

ROOT = Path(__file__).resolve().parents[2]


def test_two_thousand_bodies_that_chance_made(tmp_path: Path) -> None:
    found = fuzz(tmp_path, 2_000, seed=7)
    assert found.wrong == []
    assert found.statuses[202] > 100 and found.statuses[400] > 1_000 and found.statuses[409] > 1
    assert len(found.codes) > 12, "they are bad in many ways"


def test_the_judge_finds_what_is_wrong_with_an_answer() -> None:
    for status, answer, said in (
        (500, b'{"code":"bug","message":"m","where":""}', "status 500"),
        (400, b"oops", "no JSON"),
        (400, b'{"code":"strange","message":"m","where":""}', "unknown code"),
        (400, b'{"code":"empty","message":"","where":""}', "no sentence"),
        (207, b'[{"status":400,"code":"e_x","message":"m","where":""}]', "unknown code"),
    ):
        assert said in judged(status, answer, Found())
    assert judged(202, b'{"id":"a","seq":1}', Found()) == ""


def test_every_code_is_explained_to_those_who_send() -> None:
    page = (ROOT / "docs" / "how-to" / "send-answers.md").read_text()
    used = {bad.code for bad in bad_bodies() if bad.code}
    assert used <= CODES
    assert [code for code in sorted(CODES) if f"`{code}`" not in page] == []
