"""The schema of rule files, for editors: printed, or written where rule files look for it."""

from __future__ import annotations

import json as json_
from os.path import relpath
from pathlib import Path

from flyball.cli.rules import CATALOGUE, file_of
from flyball.cli.show import as_json, print_line
from flyball.core.rules.schema import schema
from flyball.errors import BadUsage

#: Where a loop keeps the schema of its rule files.
IN_LOOP = Path(".flyball") / "rules.schema.json"


def schema_text() -> str:
    """The schema as the text of a file."""
    return json_.dumps(schema(CATALOGUE), indent=1, ensure_ascii=False) + "\n"


def write_schema(loop: Path | None, output: Path | None, *, json: bool, dry_run: bool) -> int:
    """Write the schema into a file, or into a loop's directory; print it where neither is named."""
    if output is None and loop is None:
        print_line(schema_text().rstrip())
        return 0
    if output is None and loop is not None:
        if not (loop / "loop.toml").is_file():
            raise BadUsage(f"{loop} holds no loop.toml; name the file to write with -o")
        output = loop / IN_LOOP
    assert output is not None
    text = schema_text()
    fresh = not output.is_file() or output.read_text() != text
    if not dry_run and fresh:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text)
    if json:
        as_json({"file": str(output), "changed": fresh, "written": fresh and not dry_run})
        return 0
    print_line(f"{'would write' if dry_run else 'wrote'} {output}" if fresh else f"{output} is up to date")
    beside = file_of(loop).parent if loop is not None else output.parent
    path = Path(relpath(output, beside)).as_posix()
    print_line(f"editors read it from the first line of a rule file:  # yaml-language-server: $schema={path}")
    return 0
