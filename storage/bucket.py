"""Bytes of documents in an object store: imported only where one was named."""

import time
from collections.abc import AsyncIterator
from contextlib import suppress

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import ObjectStore, from_url


def open_bucket(url: str) -> "ObjectFiles":
    """The store at an address such as s3://bucket."""
    return ObjectFiles(from_url(url))


class ObjectFiles:
    """A bucket: the same promises, kept by the store's conditional put."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, path: str, content: bytes) -> None:
        """Keep the bytes, durable on return. Raises FileExistsError when the name is taken."""
        try:
            await obstore.put_async(self._store, path, content, mode="create")
        except AlreadyExistsError as error:
            raise FileExistsError(path) from error

    async def get(self, path: str) -> bytes:
        found = await obstore.get_async(self._store, path)
        return bytes(await found.bytes_async())

    async def delete(self, path: str) -> None:
        with suppress(FileNotFoundError):
            await obstore.delete_async(self._store, path)

    async def names(self, *, older_than: float | None = None) -> AsyncIterator[str]:
        """Every path that is kept; or what has lain there for so many seconds. A put is whole or nothing."""
        before = time.time() - (older_than or 0)
        async for batch in obstore.list(self._store):
            for entry in batch:
                if older_than is None or entry["last_modified"].timestamp() <= before:
                    yield entry["path"]
