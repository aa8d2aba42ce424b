"""HTML that cannot be broken by data: what is not HTML already is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

#: Elements that have no end.
_VOID = {"input", "meta"}


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def html(value: object) -> Html:
    """A value as HTML.

    >>> html("a < b")
    'a &lt; b'
    """
    return value if isinstance(value, Html) else Html(escape(str(value)))


def join(parts: Iterable[object]) -> Html:
    """Parts one after the other."""
    return Html("".join(html(part) for part in parts))


def tag(name: str, /, *inner: object, **attributes: object) -> Html:
    """An element. `class_` is the attribute class; an attribute that is True has no value, None is left out.

    >>> tag("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{written}>" + ("" if name in _VOID else f"{join(inner)}</{name}>"))


def table(
    label: str,
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    numbers: Sequence[int] = (),
    prose: Sequence[int] = (),
) -> Html:
    """A table in a box of its own that scrolls, under a head that stays.

    `numbers` are columns set to the right, `prose` those whose lines may break.
    """

    def side(column: int) -> str | None:
        return "number" if column in numbers else "prose" if column in prose else None

    heads = join(tag("th", name, scope="col", class_=side(column)) for column, name in enumerate(head))
    body = join(
        tag("tr", join(tag("td", cell, class_=side(column)) for column, cell in enumerate(row)))
        for row in rows
    )
    inner = tag("table", tag("thead", tag("tr", heads)), tag("tbody", body))
    return tag("div", inner, class_="table", tabindex="0", role="region", aria_label=label)


def details(summary: str, *inner: object) -> Html:
    """Something that is there for those who want to see it."""
    return tag("details", tag("summary", summary), *inner)
