"""The loop's own Prefect server: it lives as long as who started it, and is found by who comes later."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from flyball.adapters.prefect import environment
from flyball.adapters.prefect.server import LocalServer, answers
from flyball.adapters.prefect.server_main import card_of
from flyball.errors import Unreachable

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a user who has never heard of Prefect."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(home))
        yield home


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("loop")


@pytest.fixture(scope="module")
def server(directory: Path, home: Path) -> Iterator[LocalServer]:
    """A server that this process started, on a port that it asked for."""
    with LocalServer(directory, free_port()) as server:
        yield server


@pytest.fixture
def another(server: LocalServer, directory: Path, tmp_path: Path) -> Path:
    """A copy of the loop, its database and all: a new one takes seconds to make."""
    return shutil.copytree(directory, tmp_path / "another")


def ended(process: int) -> bool:
    """Whether a process is gone within the time that it takes to end in order."""
    try:
        psutil.Process(process).wait(timeout=20)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def waiting(script: str) -> subprocess.Popen[str]:
    """A Python process that can be told to end by closing its input."""
    command = [sys.executable, "-c", script]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_server_dies_with_its_starter_even_while_a_child_of_the_starter_lives_on(another: Path) -> None:
    script = f"""
import os, time
from pathlib import Path
from flyball.adapters.prefect.server import LocalServer
server = LocalServer(Path({str(another)!r}))
server.start()
if (child := os.fork()) == 0:
    os.close(1)
    time.sleep(120)
    os._exit(0)
print(server.process, child, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=False)
    server, child = (int(word) for word in done.stdout.split())
    assert psutil.pid_exists(child)
    assert ended(server)
    assert not card_of(another).exists()
    os.kill(child, signal.SIGKILL)


def test_a_server_that_was_killed_is_started_again(another: Path) -> None:
    with LocalServer(another) as server:
        assert server.process is not None
        os.kill(server.process, signal.SIGKILL)
        assert ended(server.process)
        assert not answers(server.url)
        server.start()
        assert answers(server.url)


def test_a_copy_of_a_loop_gets_a_server_of_its_own(server: LocalServer, another: Path) -> None:
    assert card_of(another).exists()
    with LocalServer(another) as its_own:
        assert its_own.url != server.url


def test_a_second_start_uses_the_server_that_is_there_and_leaves_it_there(
    server: LocalServer, directory: Path
) -> None:
    with LocalServer(directory) as found:
        assert (found.url, found.process) == (server.url, None)
    assert answers(server.url)


def test_two_processes_that_start_at_once_share_one_server(another: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from flyball.adapters.prefect.server import LocalServer
with LocalServer(Path({str(another)!r})) as server:
    print(server.url, server.process is None, flush=True)
    sys.stdin.read()
"""
    with waiting(script) as one, waiting(script) as two:
        said = [each.stdout.readline().split() for each in (one, two) if each.stdout is not None]
    assert said[0][0] == said[1][0]
    assert sorted(found for _, found in said) == ["False", "True"]


def test_the_port_that_was_asked_for_is_the_servers(server: LocalServer, directory: Path) -> None:
    other = free_port()
    with pytest.raises(Unreachable, match=rf"is at {server.url} already \(process {server.process}\)"):
        LocalServer(directory, other).start()


def test_a_port_that_is_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unreachable, match=f"port {port} is in use by another program; name another"):
            LocalServer(tmp_path, port).start()


def test_a_server_that_cannot_start_names_its_log(tmp_path: Path) -> None:
    environment.home_of(tmp_path).mkdir()
    environment.database_of(tmp_path).write_bytes(b"not a database " * 1000)
    server = LocalServer(tmp_path)
    with pytest.raises(Unreachable, match="ended while it started") as said:
        server.start()
    assert str(server.log) in str(said.value)
    assert "not a database" in server.log.read_text()


def test_nothing_is_written_into_the_users_home(server: LocalServer, home: Path) -> None:
    assert list(home.iterdir()) == []
