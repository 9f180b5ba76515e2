"""Where "now" comes from, so that a year can be walked through in a test or in the sandbox."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path


class SystemClock:
    """The real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True)
class OffsetClock:
    """The real time plus the seconds written in a file, read anew each time: the sandbox travels by writing it."""

    offset_file: Path

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset()

    def _offset(self) -> timedelta:
        try:
            return timedelta(seconds=float(self.offset_file.read_text(encoding="ascii")))
        except (OSError, ValueError):
            # Not written yet, or caught half-way through a write: the traveller has not left.
            return timedelta()


def clock_from(offset_file: Path | None) -> SystemClock | OffsetClock:
    """The clock that the settings ask for."""
    return SystemClock() if offset_file is None else OffsetClock(offset_file)
