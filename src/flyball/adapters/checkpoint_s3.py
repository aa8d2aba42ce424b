"""Checkpoints in a bucket on S3: an object for each, written once, and one for each public key."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from flyball.adapters.checkpoint_files import held, private_key
from flyball.adapters.s3_files import Bucket, open_bucket
from flyball.core.chain import instant
from flyball.core.checkpoint import Checkpoint, Key, key_of_text, written
from flyball.core.ids import Seconds
from flyball.errors import BadUsage, NotFound, Unreachable
from flyball.ports.checkpoints import Kept

_T = TypeVar("_T")
#: How long the loop waits for the bucket; and for how long it is left alone after it failed.
PATIENCE: Seconds = 10.0
REST: Seconds = 60.0
#: Objects that are read at the same time.
AT_ONCE = 16
_CHECKPOINT, _KEYS = ".checkpoints", "keys/"


class CheckpointBucket:
    """The `Notary` port. The private key is on our own disk, made where there is none.

    Nothing is ever written over: who may only put objects that are not there yet can change no checkpoint.
    A bucket that is slow or away holds the loop up once in `REST` seconds, and for `PATIENCE` at the most.
    """

    def __init__(
        self,
        url: str,
        private: Path,
        origin: str,
        patience: Seconds = PATIENCE,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is asked of the bucket yet. Raises BadUsage for the private key."""
        self.origin = origin
        self._url, (self._bucket, self._prefix) = url.rstrip("/"), _opened(url)
        self._private = private_key(private)
        self._key = Key(origin, self._private.public_key().public_bytes_raw())
        self._published = False
        self._patience, self._ticks = patience, ticks
        self._under_way: Future[Any] | None = None
        self._failed, self._failed_at = "", float("-inf")
        self._lock = threading.Lock()

    def last(self) -> Checkpoint | None:
        """See `ports.Notary`. Raises Unreachable."""
        return self._within(self._last)

    def keep(self, checkpoint: Checkpoint) -> None:
        """See `ports.Notary`."""
        self._within(lambda: self._keep(checkpoint))

    def _within(self, work: Callable[[], _T]) -> _T:
        """Do what asks the bucket, in a thread that may go on where it takes too long."""
        with self._lock:
            if self._under_way is not None and not self._under_way.done():
                raise Unreachable(f"checkpoints cannot be kept at {self._url}: the bucket does not answer")
            if self._ticks() - self._failed_at < REST:
                raise Unreachable(self._failed)
            self._under_way = doing = _begun(work)
            try:
                return doing.result(self._patience)
            except TooLong:
                why = f"the bucket does not answer within {self._patience:g} s"
            except (Unreachable, NotFound) as error:
                why = str(error).rstrip(".")
            self._failed = f"checkpoints cannot be kept at {self._url}: {why}"
            self._failed_at = self._ticks()
            raise Unreachable(self._failed)

    def _last(self) -> Checkpoint | None:
        keys = _keys(self._bucket, self._prefix)
        days = [each for each in self._bucket.folders(self._prefix) if each != f"{self._prefix}{_KEYS}"]
        for day in reversed(days):
            for each in reversed([found.key for found in self._bucket.listed(day)]):
                good = held(each, self._bucket.read(each), keys, [])
                if good:
                    return max((one.checkpoint for one in good), key=lambda one: one.size)
        return None

    def _keep(self, checkpoint: Checkpoint) -> None:
        if not self._published:
            self._put(f"{self._prefix}{_KEYS}{self._key.id.hex()}.pub", f"{self._key}\n".encode())
            self._published = True
        signature = self._private.sign(checkpoint.text().encode())
        day = f"{datetime.fromtimestamp(instant(checkpoint.at), UTC):%Y-%m-%d}"
        key = f"{self._prefix}{day}/{checkpoint.size:015d}{_CHECKPOINT}"
        if self._put(key, written(checkpoint, self._key, signature).encode()):
            return
        # Whoever was interrupted after the write, or another process of this loop, has put it there.
        there = held(key, self._bucket.read(key), _keys(self._bucket, self._prefix), [])
        if not any(each.checkpoint.root == checkpoint.root for each in there):
            raise Unreachable(f"{self._bucket.url(key)} is there, and it is none of this log's checkpoints")

    def _put(self, key: str, content: bytes) -> bool:
        return self._bucket.put(key, content, hashlib.sha256(content).hexdigest())


def read(url: str, keys: Sequence[Key] | None) -> Kept:
    """All checkpoints at a place on S3 that one of these keys signed; None: of the keys beside them.

    Raises NotFound, Unreachable.
    """
    bucket, prefix = _opened(url)
    places = [each.key for each in bucket.listed(prefix) if each.key.endswith(_CHECKPOINT)]
    if not places:
        raise NotFound(
            f"there are no checkpoints at {url}: name their place with --from. The first run of a loop"
            " begins them."
        )
    known = _keys(bucket, prefix) if keys is None else list(keys)
    if not known:
        raise NotFound(f"there is no public key at {url}; name one with --key")
    wrong: list[str] = []
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="checkpoints") as pool:
        contents = pool.map(bucket.read, places)
        found = [
            each
            for place, content in zip(places, contents, strict=True)
            for each in held(place.removeprefix(prefix), content, known, wrong)
        ]
    return Kept(tuple(sorted(found, key=lambda each: each.checkpoint.size)), wrong)


def _opened(url: str) -> tuple[Bucket, str]:
    """A bucket, and the prefix under which all stands, with its slash."""
    bucket, prefix = open_bucket(url)
    prefix = prefix.strip("/")
    return bucket, f"{prefix}/" if prefix else ""


def _keys(bucket: Bucket, prefix: str) -> list[Key]:
    """The public keys that stand there. Raises BadUsage."""
    found = []
    for each in bucket.listed(f"{prefix}{_KEYS}"):
        try:
            found.append(key_of_text(bucket.read(each.key).decode(errors="replace")))
        except ValueError as error:
            raise BadUsage(f"{bucket.url(each.key)}: {error}") from error
    return found


def _begun(work: Callable[[], _T]) -> Future[_T]:
    """Work in a thread that holds up no end of the process."""
    done: Future[_T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, name="checkpoints", daemon=True).start()
    return done
