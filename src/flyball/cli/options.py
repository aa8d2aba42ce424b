"""The options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

Loop = Annotated[Path, Parameter(name="--loop", help="The loop's directory.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Answer in JSON.")]
DryRun = Annotated[
    bool, Parameter(name="--dry-run", negative="", help="Say what would be done, and do nothing.")
]
HERE = Path()
AT_LEAST_0, AT_LEAST_1 = validators.Number(gte=0), validators.Number(gte=1)
