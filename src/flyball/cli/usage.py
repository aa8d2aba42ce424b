"""What to say of a command line that cannot be read: what is missing, or too much, and what to type."""

from __future__ import annotations

import inspect
import shlex

from cyclopts.exceptions import CycloptsError, MissingArgumentError, UnusedCliTokensError


def told(error: CycloptsError) -> str:
    """A sentence for the person who typed it, with what to type where that can be said."""
    match error:
        case MissingArgumentError():
            return _missing(error)
        case UnusedCliTokensError():
            words = " ".join(map(shlex.quote, error.unused_tokens or ()))
            return (
                f"nothing is known of these words: {words}\n"
                '  a text of several words stands in quotes, such as --because "two are ill"'
            )
        case _:
            error.verbose = False
            return str(error).rstrip()


def _missing(error: MissingArgumentError) -> str:
    assert error.argument is not None
    name = error.keyword or error.argument.name
    command = " ".join(["flyball", *(error.command_chain or ())])
    help = str(error.argument.parameter.help or "").rstrip(".")
    meaning = f" ({help})" if help else ""
    what = f"`{command}` needs {name}{meaning}"
    typed = list(error.root_input_tokens or ())
    if name.startswith("-"):
        without = name in typed
        before = typed[: typed.index(name)] if without else typed
        after = typed[typed.index(name) + 1 :] if without else []
        written = [*map(shlex.quote, before), f'{name} "…"', *map(shlex.quote, after)]
        what = f"`{command}`: after {name} its value is missing" if without else what
        return f"{what}\n  type:  flyball {' '.join(written)}"
    return f"{what}\n  type:  {_form(command, error)}"


def _form(command: str, error: CycloptsError) -> str:
    """A command with everything that it cannot do without."""
    parts = [command]
    given = inspect.signature(error.target).parameters.values() if error.target else ()
    for each in given:
        if each.default is inspect.Parameter.empty:
            option = each.kind is inspect.Parameter.KEYWORD_ONLY
            word = each.name.strip("_").replace("_", "-")
            parts.append(f'--{word} "…"' if option else word.upper())
    return " ".join(parts)
