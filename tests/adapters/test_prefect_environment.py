"""What Prefect is told: to stay in the loop's directory, and to keep to itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flyball.adapters.prefect import environment

MODULES = ("environment", "server", "server_main", "gate", "calls", "runs", "hosting")


def test_everything_of_prefect_stays_in_the_loops_directory(tmp_path: Path) -> None:
    settings = environment.server_settings_for(tmp_path)
    assert Path(settings["PREFECT_HOME"]).is_relative_to(tmp_path)
    assert str(tmp_path) in settings["PREFECT_API_DATABASE_CONNECTION_URL"]


def test_prefect_reads_the_settings_as_they_are_meant(tmp_path: Path) -> None:
    from prefect.settings import get_current_settings

    with environment.applied(environment.settings_for(tmp_path, "http://127.0.0.1:1/api")):
        settings = get_current_settings()
        assert settings.api.url == "http://127.0.0.1:1/api"
        assert settings.home == environment.home_of(tmp_path)
        assert settings.flows.heartbeat_frequency is None
        assert not settings.server.analytics_enabled
        assert not settings.cloud.enable_orchestration_telemetry
        assert settings.runner.poll_frequency == 1
    assert get_current_settings().api.url != "http://127.0.0.1:1/api"


@pytest.mark.parametrize("before", [None, "http://elsewhere/api"], ids=["unset before", "set before"])
def test_the_environment_is_afterwards_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    if before is not None:
        monkeypatch.setenv("PREFECT_API_URL", before)
    was = dict(os.environ)
    with environment.applied(environment.settings_for(tmp_path, "http://127.0.0.1:1/api")):
        assert os.environ["PREFECT_API_URL"] == "http://127.0.0.1:1/api"
    assert dict(os.environ) == was


def test_nothing_of_prefect_is_imported_before_it_is_used() -> None:
    imports = ", ".join(f"flyball.adapters.prefect.{name}" for name in MODULES)
    code = f"import sys, {imports}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"prefect", "httpx", "uvicorn", "fastapi"} & set(done.stdout.split())
