"""By how much values are nudged: so much that a good scenario notices, and a careless one does not."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: A number is moved by a twentieth, a length of time by a fifth, what is counted by one at least.
STEP, LASTING = 0.05, 0.2
#: What moves a zero, which has no twentieth.
FROM_ZERO = 0.01

_AMOUNT = re.compile(r"(?P<number>\d[\d_]*(?:\.[\d_]+)?|\.\d[\d_]*)(?P<exponent>[eE][+-]?\d+)?(?P<unit>.*)")
_COUNTS = ("look", "looks", "cycle", "cycles")


def threshold(text: str, whole: bool = False) -> Iterator[str]:
    """A number, with its `%` or unit, a little higher and a little lower.

    >>> list(threshold("200")), list(threshold("20%")), list(threshold("3", whole=True))
    (['210', '190'], ['21%', '19%'], ['4', '2'])
    """
    value, unit = _split(text)
    by = abs(value) * STEP or (1.0 if whole else FROM_ZERO)
    by = max(1.0, round(by)) if whole else by
    yield f"{_plain(value + by)}{unit}"
    yield f"{_plain(value - by)}{unit}"


def lasting(text: str) -> Iterator[str]:
    """A length of time, or a number of looks or cycles, longer and shorter.

    >>> list(lasting("10m")), list(lasting("2 looks")), list(lasting("1 cycles"))
    (['12m', '8m'], ['3 looks', '1 looks'], ['2 cycles'])
    """
    value, unit = _split(text)
    counted = not unit.strip() or unit.strip() in _COUNTS
    by = 1.0 if counted else value * LASTING
    for moved in (value + by, value - by):
        if moved > 0:
            yield f"{_plain(moved)}{unit}"


def _split(text: str) -> tuple[float, str]:
    found = _AMOUNT.fullmatch(text.strip())
    assert found is not None, text
    number = float(found["number"].replace("_", "") + (found["exponent"] or ""))
    return number, found["unit"]


def _plain(value: float) -> str:
    # Fixed point: an exponent is one more thing that a reader of a survivor must decode.
    text = f"{value:.12f}".rstrip("0").rstrip(".")
    return text if text not in ("", "-0") else "0"
