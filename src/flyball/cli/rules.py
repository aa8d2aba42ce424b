"""Rule files on the command line: everything that is wrong with them, before they are live."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flyball.adapters import rule_file
from flyball.cli.problems import Format, show
from flyball.core.knobs import ACTIONS, KNOBS
from flyball.core.rules.codes import UNREADABLE
from flyball.core.rules.words import Catalogue
from flyball.core.signals import SIGNALS
from flyball.errors import BadFile, BadUsage, Problem

CATALOGUE = Catalogue(SIGNALS, KNOBS, ACTIONS)


def file_of(loop: Path) -> Path:
    """The rule file that a loop's settings name. Raises BadUsage where there is no loop."""
    from flyball.adapters.toml_file import load

    if not (loop / "loop.toml").is_file():
        raise BadUsage("name the rule files, or with --loop DIRECTORY the loop whose rule file is meant")
    settings = load(loop)
    return settings.path(settings.loop.rules)


def check(
    files: Sequence[Path],
    *,
    format: Format = "full",
    catalogue: Catalogue = CATALOGUE,
) -> int:
    """Print what is wrong with rule files, and what is legal but unwise in them.

    The exit code is 0 for files without mistakes, 1 for mistakes, 2 where a file cannot be read at all.
    """
    found = [problem for file in files for problem in _problems(file, catalogue)]
    return show(files, found, format, UNREADABLE)


def _problems(file: Path, catalogue: Catalogue) -> Sequence[Problem]:
    try:
        # A byte more than is allowed tells enough of a file that is too large.
        with file.open("rb") as opened:
            content = opened.read(rule_file.LARGEST + 1)
        return rule_file.read(content, str(file), catalogue)[1]
    except OSError as error:
        return [Problem("R000", f"cannot be read: {error.strerror or error}", str(file))]
    except BadFile as error:
        return error.problems
