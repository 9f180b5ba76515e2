"""What the services need from outside and do not make themselves: protocols with two implementations each."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The time; injected so that a test or the sandbox can move it."""

    def now(self) -> datetime:
        """Return the current moment, aware, in UTC."""
        ...


class FileStore(Protocol):
    """Where the bytes of documents live: the disk, or an object store."""

    async def put(self, path: str, content: bytes) -> None:
        """Keep the bytes under a path relative to the root, durable on return. Raises FileExistsError."""
        ...

    async def get(self, path: str) -> bytes:
        """Return the bytes. Raises FileNotFoundError."""
        ...

    async def delete(self, path: str) -> None:
        """Forget the bytes; a path that is not there is no error."""
        ...

    def names(self, *, older_than: float | None = None) -> AsyncIterator[str]:
        """Every path that is kept; or what has lain there for so many seconds, half-written things included."""
        ...
