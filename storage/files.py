"""Bytes of documents under readable names; whole, or not there at all."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.bucket import ObjectFiles

ASIDE = "_до восстановления"
"""Where a restore moves the papers that no row names any more: for a person to look through, and not to be swept."""


def open_files(url: str | None, folder: Path) -> "DiskFiles | ObjectFiles":
    """Where the papers are: the object store that was named, else a folder."""
    if url is None:
        return DiskFiles(folder)
    from storage import bucket  # noqa: PLC0415 - a folder needs none of it, and it is large

    return bucket.open_bucket(url)


class DiskFiles:
    """A folder. Paths are relative to it and may not leave it."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def _place(self, path: str) -> Path:
        place = (self.root / path).resolve()
        if not place.is_relative_to(self.root) or place == self.root:
            raise ValueError(f"{path!r} is outside the documents root")
        return place

    async def put(self, path: str, content: bytes) -> None:
        """Keep the bytes, durable on return. Raises FileExistsError when the name is taken."""
        await asyncio.to_thread(self._put, self._place(path), content)

    @staticmethod
    def _put(place: Path, content: bytes) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".part-", dir=place.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            # A hard link refuses a name that is taken, where a rename would replace somebody's paper.
            os.link(temporary, place)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)  # noqa: PTH108
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    async def get(self, path: str) -> bytes:
        return await asyncio.to_thread(self._place(path).read_bytes)

    async def delete(self, path: str) -> None:
        await asyncio.to_thread(self._place(path).unlink, missing_ok=True)

    async def names(self, *, older_than: float | None = None) -> AsyncIterator[str]:
        """Every path that is kept; or what has lain there for so many seconds, half-written things included."""
        for place in await asyncio.to_thread(self._places, older_than):
            yield place.relative_to(self.root).as_posix()

    def _places(self, older_than: float | None) -> list[Path]:
        files = (place for place in self.root.rglob("*") if place.is_file())
        if older_than is None:
            return [place for place in files if not place.name.startswith(".part-")]
        found, before = [], time.time() - older_than
        for place in files:
            with suppress(FileNotFoundError):  # put away in this moment
                if place.stat().st_mtime <= before:
                    found.append(place)
        return found
