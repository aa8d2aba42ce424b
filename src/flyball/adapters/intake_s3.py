"""A prefix of a bucket in which exported files are put. An object is whole from its first moment on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from flyball.adapters.s3_files import Bucket, Object
from flyball.ports.intake import Found


class S3Drop:
    """The `Drop` port over the objects whose keys begin with a prefix.

    An object is read as it was listed: one that is replaced meanwhile is Unreachable and read anew the next
    time. It is fetched into a file of our own first, so that its size does not matter.
    """

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket, self._prefix = bucket, prefix

    def found(self) -> Iterator[Found]:
        """See `ports.intake.Drop`."""
        for each in self._bucket.listed(self._prefix):
            if not each.key.endswith("/"):
                yield Found(each.key, each.size, each.etag, settled=True)

    @contextmanager
    def opened(self, found: Found) -> Iterator[IO[bytes]]:
        """See `ports.intake.Drop`."""
        with tempfile.TemporaryFile(prefix="flyball-") as file:
            self._bucket.fetch(Object(found.name, found.stamp, found.size), file)
            file.seek(0)
            yield file

    def still(self, found: Found) -> bool:
        """See `ports.intake.Drop`."""
        return True
