"""What a code of a mistake means, with an example of the mistake and of the line mended."""

from __future__ import annotations

import textwrap
from difflib import SequenceMatcher

from flyball.cli.show import as_json, print_line, table
from flyball.core.rules.codes import CODES
from flyball.core.rules.explanations import EXAMPLES
from flyball.errors import NotFound

_WIDTH = 100


def explain(code: str | None, *, json: bool) -> int:
    """Explain one code, or list them all. An unknown one raises NotFound with the near one."""
    if code is None:
        return _all(json=json)
    known = code.upper()
    if known not in CODES:
        raise NotFound(f"there is no code `{code}`{_near(known)} `flyball rules explain` lists them all")
    if json:
        as_json(_plain(known))
        return 0
    example = EXAMPLES[known]
    print_line(textwrap.fill(f"{known}  {CODES[known]}", _WIDTH, subsequent_indent="      "))
    for name, lines in (("wrong", example.wrong), ("mended", example.mended)):
        print_line(f"\n{name}:")
        for line in lines.splitlines():
            print_line(_shown(line))
    return 0


def _all(*, json: bool) -> int:
    if json:
        as_json([_plain(code) for code in CODES])
    else:
        print_line(table([(code, meaning) for code, meaning in CODES.items()], ("code", "meaning")))
    return 0


def _plain(code: str) -> dict[str, str]:
    severity = "warning" if code.startswith("W") else "error"
    example = EXAMPLES[code]
    return {
        "code": code,
        "severity": severity,
        "meaning": CODES[code],
        "wrong": example.wrong,
        "mended": example.mended,
    }


def _near(code: str) -> str:
    """The code that is most like it, place by place."""

    def alike(known: str) -> tuple[int, float]:
        same = sum(one == other for one, other in zip(known, code, strict=False))
        return same, SequenceMatcher(None, known, code).ratio()

    found = max(CODES, key=alike)
    return f"; did you mean `{found}`?" if alike(found)[1] >= 0.5 else ";"


def _shown(line: str) -> str:
    """A line of an example, folded where it would leave the terminal."""
    lead = " " * (4 + len(line) - len(line.lstrip()))
    return textwrap.fill(
        line.strip(), _WIDTH, initial_indent=lead, subsequent_indent=f"{lead}    ", break_on_hyphens=False
    )
