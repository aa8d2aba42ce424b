"""A bucket on S3, or on a server that speaks S3: listed, read and written, with a sentence for each trouble.

Who we are and where the server is, prefect-aws's blocks find out as the `aws` command does: from
AWS_ACCESS_KEY_ID, AWS_PROFILE, the machine's role, AWS_ENDPOINT_URL. The blocks themselves know neither
conditions nor ETags, so requests go through the client that they make. It is loaded with the first one.
"""

from __future__ import annotations

import base64
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import IO, Any, TypeVar

from flyball.errors import NotFound, Unreachable
from flyball.settings.stream import bucket_and_key

_T = TypeVar("_T")
#: So often a request is made before its trouble is told; so large is each piece of an object, and so long
#: each page of a list at the most.
TRIES, PIECE, PAGE = 4, 1 << 20, 1000
#: How long a server may take to answer, and to send the next bytes.
_CONNECT, _READ = 5, 30
_PASSING = {"SlowDown", "RequestTimeout", "RequestTimeTooSkewed", "Throttling", "ConditionalRequestConflict"}
_NOBODY = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"}
_STRANGERS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "AuthFailure"}
_REFUSED = {"AccessDenied", "Forbidden", "403", "AllAccessDisabled"}


@dataclass(frozen=True, slots=True)
class Object:
    """One object as it is listed."""

    key: str
    etag: str
    size: int


class Bucket:
    """One bucket. Every method raises Unreachable; what may pass is tried again first."""

    def __init__(self, name: str, pause: Callable[[int], None] | None = None, page: int = PAGE) -> None:
        self.name = name
        self._pause = pause or _pause
        self._page = page
        self._made: Any = None
        self._lock = threading.Lock()
        self._conditions = True

    def url(self, key: str) -> str:
        """An object as a person writes it."""
        return f"s3://{self.name}/{key}"

    def listed(self, prefix: str) -> Iterator[Object]:
        """The objects whose keys begin so, in order of their keys."""
        more: dict[str, str] = {}
        while True:
            page = self._tried(prefix, "listed", partial(self._listed, prefix, more))
            for each in page.get("Contents", ()):
                yield Object(each["Key"], each["ETag"].strip('"'), int(each["Size"]))
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def folders(self, prefix: str) -> list[str]:
        """What the keys that begin so go on with, up to their next slash and with it, in order."""
        found: list[str] = []
        more: dict[str, str] = {}
        while True:
            asked = {"Delimiter": "/", **more}
            page = self._tried(prefix, "listed", partial(self._listed, prefix, asked))
            found += [each["Prefix"] for each in page.get("CommonPrefixes", ())]
            if not page.get("IsTruncated"):
                return found
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def read(self, key: str) -> bytes:
        """The content of a small object. Raises NotFound."""

        def call() -> bytes:
            body: bytes = self._client.get_object(Bucket=self.name, Key=key)["Body"].read()
            return body

        return self._tried(key, "read", call)

    def fetch(self, found: Object, file: IO[bytes]) -> None:
        """Write an object of any size into a file, as it was listed. Raises NotFound.

        A body that breaks off goes on where it broke; one that changes meanwhile is Unreachable.
        """

        def call() -> None:
            begin = file.tell()
            if begin == found.size:
                return
            part = {"Range": f"bytes={begin}-"} if begin else {}
            got = self._client.get_object(Bucket=self.name, Key=found.key, IfMatch=f'"{found.etag}"', **part)
            for piece in got["Body"].iter_chunks(PIECE):
                file.write(piece)

        self._tried(found.key, "read", call, file.tell)
        if file.tell() != found.size:
            raise Unreachable(
                f"{self.url(found.key)} has {file.tell()} bytes and was listed with {found.size}."
            )

    def put(self, key: str, content: bytes, sha256: str) -> bool:
        """Write an object that is not there. False where there is one, which stays as it is.

        A server that knows checksums refuses content that came in damaged.
        """
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()

        def call() -> bool:
            if not self._conditions and any(each.key == key for each in self.listed(key)):
                return False
            condition = {"IfNoneMatch": "*"} if self._conditions else {}
            self._client.put_object(
                Bucket=self.name, Key=key, Body=content, ChecksumSHA256=checksum, **condition
            )
            return True

        try:
            return self._tried(key, "written", call)
        except _There:
            return False
        except _NoConditions:
            # This server is older than conditional writes; content that names itself loses nothing by that.
            self._conditions = False
            return self._tried(key, "written", call)

    def _listed(self, prefix: str, more: dict[str, str]) -> dict[str, Any]:
        page: dict[str, Any] = self._client.list_objects_v2(
            Bucket=self.name, Prefix=prefix, MaxKeys=self._page, **more
        )
        return page

    @property
    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                known = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
                self._made = _client_of(frozenset(known.items()))
            return self._made

    def _tried(
        self, key: str, what: str, call: Callable[[], _T], progress: Callable[[], int] = lambda: 0
    ) -> _T:
        from botocore.exceptions import BotoCoreError, ClientError

        attempt, come = 0, progress()
        while True:
            try:
                return call()
            except (BotoCoreError, ClientError) as error:
                if progress() > come:
                    attempt, come = 0, progress()
                if attempt == TRIES - 1 or not _may_pass(error):
                    raise self._told(error, key, what) from None  # what the client holds may be secret
            self._pause(attempt)
            attempt += 1

    def _told(self, error: Any, key: str, what: str) -> Exception:
        url, bucket = self.url(key), f"s3://{self.name}"
        code, words = _said(error)
        if code in ("PreconditionFailed", "412"):
            return _There(f"{url} was changed while it was read; it is read again the next time.")
        if code in ("NotImplemented", "501"):
            return _NoConditions(f"{url} cannot be {what}: {words}.")
        if code in ("NoSuchKey", "404"):
            return NotFound(f"There is no {url}.")
        if code == "NoSuchBucket":
            return Unreachable(f"There is no bucket {self.name}: make it, or correct its name in loop.toml.")
        if code in _NOBODY:
            return Unreachable(
                f"{bucket} cannot be used: nothing says who we are ({words}). Set AWS_ACCESS_KEY_ID and"
                " AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run where a role is given."
            )
        if code in _STRANGERS:
            return Unreachable(f"{bucket} does not know these credentials ({code}). Correct or renew them.")
        if code in _REFUSED:
            needed = {"listed": "s3:ListBucket", "read": "s3:GetObject", "written": "s3:PutObject"}[what]
            return Unreachable(
                f"{url} may not be {what} with these credentials ({code}): they need {needed}."
            )
        return Unreachable(f"{url} cannot be {what}: {words}.")


def open_bucket(url: str) -> tuple[Bucket, str]:
    """The bucket of a place on S3, and the key or prefix in it."""
    name, key = bucket_and_key(url)
    return Bucket(name), key


class _There(Unreachable):
    """A condition on the object does not hold."""


class _NoConditions(Unreachable):
    """The server does not know a part of the request."""


@lru_cache(maxsize=4)
def _client_of(environment: frozenset[tuple[str, str]]) -> Any:
    """A client for who we are in this environment; making one takes a third of a second."""
    from prefect_aws.client_parameters import AwsClientParameters
    from prefect_aws.credentials import AwsCredentials

    given = dict(environment)
    config: dict[str, Any] = {
        "connect_timeout": _CONNECT,
        "read_timeout": _READ,
        # What may pass is tried again here, bodies that break off too.
        "retries": {"total_max_attempts": 1, "mode": "standard"},
    }
    if given.keys() & {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}:
        config["s3"] = {"addressing_style": "path"}  # a server of one's own has no name for each bucket
    parameters = AwsClientParameters(config=config)
    region = given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION")
    block = AwsCredentials(region_name=region, aws_client_parameters=parameters)
    # Not the block's own client: it shares that with every block of the same words, whatever is set by now.
    return block.get_boto3_session().client("s3", **parameters.get_params_override())


def _said(error: Any) -> tuple[str, str]:
    """What kind of error it is, and its words on one line."""
    said = (getattr(error, "response", None) or {}).get("Error")
    if said is None:
        return type(error).__name__, " ".join(str(error).split()).rstrip(".")
    code = str(said.get("Code", ""))
    words = " ".join(str(said.get("Message") or code).split()).rstrip(".")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
    return code, f"{words} ({status} {code})"


def _may_pass(error: Any) -> bool:
    from botocore.exceptions import (
        BotoCoreError,
        HTTPClientError,
        IncompleteReadError,
    )

    if isinstance(error, BotoCoreError):
        return isinstance(error, HTTPClientError | IncompleteReadError)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status in (429, 500, 502, 503, 504) or _said(error)[0] in _PASSING


def _pause(attempt: int) -> None:
    """A rest that doubles, never the same for two that met once."""
    time.sleep(0.1 * 2**attempt * (0.5 + int.from_bytes(os.urandom(2), "big") / 65_536))
