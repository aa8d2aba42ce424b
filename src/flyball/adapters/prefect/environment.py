"""What Prefect is told by its environment: where it lives, what it keeps to itself, how it retries."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def home_of(directory: Path) -> Path:
    """Where Prefect keeps its files for the loop in this directory."""
    return directory.resolve() / "prefect"


def database_of(directory: Path) -> Path:
    """The SQLite file of the loop's own Prefect server."""
    return home_of(directory) / "prefect.db"


def settings_for(directory: Path, api_url: str | None = None) -> dict[str, str]:
    """The environment of everything that talks to Prefect for the loop in this directory.

    Nothing leaves the machine, and nobody's own profile is read or written. `api_url` None leaves out
    the address, for what does not talk to a server yet.
    """
    found = {
        "PREFECT_HOME": str(home_of(directory)),
        "DO_NOT_TRACK": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        # A failure's reason is in the run's state; sending logs too starts a thread that outlives a
        # server which went away, and holds up the end of the process for minutes.
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        # SQLite answers "busy" under load, which the client meets with a pause of seconds each time.
        "PREFECT_CLIENT_MAX_RETRIES": "10",
        # Server and client come from one environment; asking each time costs a request per flow run.
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    return found if api_url is None else {**found, "PREFECT_API_URL": api_url}


def server_settings_for(directory: Path) -> dict[str, str]:
    """The environment of the loop's own server: SQLite, and only the services that a loop needs.

    Schedules, concurrency limits, cancellation, events and automations work; marking runs late and
    ending pauses, which no flow of a loop uses, would only take turns at the database. Kinds of
    blocks are registered when one is first saved, not at each start.
    """
    return {
        **settings_for(directory),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{database_of(directory)}",
        "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
        "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
    }


@contextmanager
def applied(settings: Mapping[str, str]) -> Iterator[None]:
    """Let this process talk to Prefect with these settings, also when Prefect was imported before.

    Heartbeats are off inside: the process that hosts the lanes closes what it left behind when it
    starts again, and a heartbeat is a thread and an event for each flow run.
    """
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        with _in_force():
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _in_force() -> Iterator[None]:
    from prefect.context import SettingsContext
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, Settings
    from prefect.settings.profiles import Profile

    # No environment variable can say "never" here; only a value given in code can.
    settings = Settings().copy_with_update(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    with SettingsContext(profile=Profile(name="flyball"), settings=settings):
        yield
