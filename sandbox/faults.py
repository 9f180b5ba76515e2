"""Troubles on demand: what the network and Telegram do to a bot on a bad day, behind switches."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from random import Random
from typing import Any


@dataclass
class Faults:
    """All off by default. Rates are probabilities from 0 to 1; `methods` narrows them to these methods."""

    latency: float = 0.0  # seconds before each answer
    too_many_rate: float = 0.0  # answered 429 …
    retry_after: int = 1  # … with this retry_after
    error_rate: float = 0.0  # answered 500, nothing done
    reset_before_rate: float = 0.0  # connection dropped, nothing done
    reset_after_rate: float = 0.0  # connection dropped after the request had its effect
    duplicate_rate: float = 0.0  # an update is delivered again …
    duplicates: int = 1  # … so many times
    reorder_rate: float = 0.0  # an update is delivered after the one that follows it
    outage: bool = False  # nobody answers, every connection is dropped, and no update leaves
    methods: frozenset[str] = frozenset()  # lower case; empty: all but getUpdates
    random: Random = field(default_factory=lambda: Random(20260101), repr=False, compare=False)  # noqa: S311
    changed: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)  # called by `set` and `clear`

    def covers(self, method: str) -> bool:
        """Whether the switches speak of this method."""
        return method.lower() in self.methods if self.methods else method.lower() != "getupdates"

    def hits(self, rate: float, method: str = "") -> bool:
        return (not method or self.covers(method)) and rate > 0 and self.random.random() < rate

    def set(self, **values: Any) -> None:
        """Change some switches; unknown names are an error."""
        known = {one.name for one in fields(self)} - _INNER
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"no such fault: {name}")
            setattr(self, name, frozenset(str(v).lower() for v in value) if name == "methods" else value)
        self.changed()

    def clear(self) -> None:
        """All switches off."""
        plain = Faults()
        for one in fields(self):
            if one.name not in _INNER:
                setattr(self, one.name, getattr(plain, one.name))
        self.changed()

    def view(self) -> dict[str, Any]:
        shown = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in _INNER}
        return shown | {"methods": sorted(self.methods)}


_INNER = frozenset({"random", "changed"})
