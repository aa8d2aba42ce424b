"""Tables named by their content on S3: written once, checked against their name when they are read."""

from __future__ import annotations

from contextlib import suppress
from typing import IO

from flyball.adapters.file_cache import FileCache
from flyball.adapters.s3_files import Bucket, open_bucket
from flyball.adapters.segments import FileSegments, is_name, parquet, table_of, unknown
from flyball.core.ids import Digest, digest_of
from flyball.core.table import Table
from flyball.errors import BadFile, NotFound, Problem, Unreachable
from flyball.settings import Settings


class S3Segments:
    """The `Segments` port over objects `PREFIX/ab/abcdef….parquet`, with copies of the last ones here.

    An object is there whole or not at all, and none is written over: the server is asked to refuse that.
    """

    def __init__(self, bucket: Bucket, prefix: str, cache: FileCache) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._cache = cache

    def put(self, table: Table) -> Digest:
        """See `ports.Segments`. The server has it when this returns; raises Unreachable where it cannot."""
        content = parquet(table)
        digest = digest_of(content)
        self._bucket.put(self._key(digest), content, digest)
        self._copy(digest, content)
        return digest

    def get(self, digest: Digest) -> Table:
        """See `ports.Segments`. A copy that was damaged is fetched again; Unreachable without the server."""
        if not is_name(digest):
            raise unknown(digest)
        if (content := self._copied(digest)) is not None:
            return table_of(content)
        try:
            content = self._bucket.read(self._key(digest))
        except NotFound:
            raise unknown(digest) from None
        if digest_of(content) != digest:
            message = (
                "the content of this segment is not what its name says. Restore an earlier version of it."
            )
            raise BadFile([Problem("segment-damaged", message, file=self.path(digest))])
        self._copy(digest, content)
        return table_of(content)

    def path(self, digest: Digest) -> str:
        """Where the table of that name is, or would be."""
        return self._bucket.url(self._key(digest))

    def _key(self, digest: Digest) -> str:
        return f"{self._prefix}{digest[:2]}/{digest}.parquet"

    def _copied(self, digest: Digest) -> bytes | None:
        path = self._cache.find(f"{digest}.parquet")
        if path is None:
            return None
        try:
            content = path.read_bytes()
        except OSError:  # it had to make room meanwhile
            return None
        if digest_of(content) == digest:
            return content
        self._cache.drop(path.name)
        return None

    def _copy(self, digest: Digest, content: bytes) -> None:
        def write(file: IO[bytes]) -> None:
            file.write(content)

        with suppress(Unreachable):  # a full disk here takes nothing from what is there
            self._cache.keep(f"{digest}.parquet", write)


def open_segments(settings: Settings) -> FileSegments | S3Segments:
    """Where `stores.segments` says."""
    where = settings.stores.segments
    if not where.startswith("s3://"):
        return FileSegments(settings.path(where))
    bucket, prefix = open_bucket(where)
    return S3Segments(bucket, prefix, cache_of(settings))


def cache_of(settings: Settings) -> FileCache:
    """Where copies of what is on S3 are kept."""
    return FileCache(settings.path(settings.stores.cache), settings.stores.cache_bytes)
