"""Commands as an operator types them: how they end and what they say."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import psutil
import pytest

from flyball.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """The exit code, and all that was printed; with `--json` only what is for programs."""
    with pytest.raises(SystemExit) as end:
        main([*map(str, words)])
    assert isinstance(end.value.code, int)
    told = capsys.readouterr()
    return end.value.code, told.out if "--json" in words else told.out + told.err


def asked(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    """What a command that ends well tells programs."""
    code, out = run(capsys, *words, "--json")
    assert code == 0
    return json.loads(out)


def killed(first: subprocess.Popen[str], beside: Iterable[psutil.Process]) -> None:
    """Leave nothing of a command and of the processes that it started."""
    first.kill()
    for process in beside:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    first.communicate()
