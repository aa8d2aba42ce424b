"""A real S3 server for the tests, and a proxy before it in which things go wrong."""

from __future__ import annotations

import atexit
import http.client
import itertools
import logging
import os
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

#: What nobody may ever read in a message.
SECRET = "canary/8sYq0PzLk3Jv"
_count = itertools.count(1)


@cache
def server() -> str:
    """The URL of the server."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    started = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    atexit.register(started.stop)
    host, port = started.get_host_and_port()
    return f"http://{host}:{port}"


def known_here(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let this process be somebody, and find the server there."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@cache
def client() -> Any:
    """The server by hand, whatever is before it."""
    import boto3

    keys = {"aws_access_key_id": "by-hand", "aws_secret_access_key": "by-hand"}
    return boto3.client("s3", endpoint_url=server(), region_name="us-east-1", **keys)


def fresh_bucket() -> str:
    """The name of a new bucket."""
    name = f"test-{os.getpid()}-{next(_count)}"
    client().create_bucket(Bucket=name)
    return name


def emptied(bucket: str) -> None:
    """Take every object out of a bucket."""
    for each in client().list_objects_v2(Bucket=bucket).get("Contents", ()):
        client().delete_object(Bucket=bucket, Key=each["Key"])


class Proxy(ThreadingHTTPServer):
    """Hands every request on. `faults` befall the next ones: a status, `cut` (half of the body), `lost` (the
    server takes it and the answer is lost), `drop`.

    `asked` are the requests that came, as method and path; while `away`, connections are dropped,
    and while it is not `open`, nothing is answered.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults: deque[str] = deque()
        self.asked: list[str] = []
        self.away = False
        self.open = threading.Event()
        self.open.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_GET(self) -> None:
        proxy = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        proxy.asked.append(f"{self.command} {self.path}")
        proxy.open.wait(20)
        fault = proxy.faults.popleft() if proxy.faults else ""
        if proxy.away or fault == "drop":
            self.close_connection = True
            return
        if fault.isdigit():
            self._answer(int(fault), {"Content-Type": "application/xml"}, _ERRORS[fault].encode())
            return
        upstream = http.client.HTTPConnection(urlsplit(server()).netloc, timeout=20)
        passed = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
        upstream.request(self.command, self.path, body, passed)
        got = upstream.getresponse()
        content = got.read()
        headers = {
            name: value
            for name, value in got.getheaders()
            if name.lower() not in ("content-length", "connection", "transfer-encoding")
        }
        upstream.close()
        if fault == "lost":
            self.close_connection = True
            return
        self._answer(got.status, headers, content, whole=fault != "cut")

    do_PUT = do_HEAD = do_POST = do_GET  # noqa: N815

    def _answer(self, status: int, headers: dict[str, str], body: bytes, whole: bool = True) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if whole else body[: len(body) // 2])
        if not whole:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


_ERRORS = {
    status: f"<Error><Code>{code}</Code><Message>so it is</Message></Error>"
    for status, code in {
        "403": "AccessDenied",
        "400": "InvalidAccessKeyId",
        "500": "InternalError",
        "501": "NotImplemented",
        "503": "SlowDown",
        "301": "PermanentRedirect",
    }.items()
}


@contextmanager
def a_proxy() -> Iterator[Proxy]:
    """A proxy before the server."""
    server()
    with Proxy() as proxy:
        threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield proxy
        proxy.shutdown()


def nobody() -> str:
    """The URL of a port at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"
