"""The report on what a loop did: one HTML file to look at, to send and to keep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["write"]


def write(loop: Path, output: Path, say: Callable[[str], None]) -> Path:
    """Write the report on the loop in this directory, also beside the process that runs it.

    What the loop is compared with is played in two processes of its own, and kept in the loop's directory
    for the next time. `say` is told what is going on. The same log gives the same page. Raises BadUsage,
    BadFile, NotFound, Unreachable.
    """
    from flyball.bootstrap import reading
    from flyball.report.data import story_of
    from flyball.report.lanes import lanes_of
    from flyball.report.page import page
    from flyball.report.quality import judged_of, quality_of
    from flyball.report.rivals import notes_of, rivals_of

    with reading(loop) as read:
        story = story_of(read)
        rivals = rivals_of(read, say)
        judged = judged_of(rivals.predictions, rivals.truth)
        quality = None if judged is None else quality_of(judged, read.settings.seed)
        text = page(story, quality, lanes_of(read), notes_of(story, rivals))
    new = output.with_name(f".{output.name}.new")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text, encoding="utf-8")
        new.replace(output)
    except OSError as error:
        from flyball.errors import Unreachable

        raise Unreachable(f"{output} cannot be written: {error.strerror or error}") from error
    return output
