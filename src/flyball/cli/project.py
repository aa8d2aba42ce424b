"""Write a working loop into a directory: an operator's project is a directory of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from flyball.adapters.project_files import project_files
from flyball.cli.rules_schema import IN_LOOP, schema_text
from flyball.cli.show import as_json, print_line
from flyball.errors import BadUsage


def init(directory: Path, project: Literal["simple", "demo"], *, json: bool, dry_run: bool) -> int:
    """Write loop.toml, rules/, flows/ and prefect.yaml; nothing that stands there is overwritten."""
    files = {**project_files(project), IN_LOOP.as_posix(): schema_text().encode()}
    there = [name for name in files if (directory / name).exists()]
    if there:
        listed = ", ".join(sorted(there))
        raise BadUsage(f"{directory} already holds {listed}; choose another directory, or remove them first")
    if not dry_run:
        for name, content in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    if json:
        as_json({"directory": str(directory), "files": sorted(files), "written": not dry_run})
        return 0
    print_line(f"{'would write' if dry_run else 'wrote'} a loop into {directory}:")
    for name in sorted(files):
        print_line(f"  {name}")
    print_line(f"run it:  flyball run --loop {directory}")
    return 0
