"""Python's collector, kept out of people's way: little to look at, and its longest look while nobody waits."""

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Final

EACH: Final = 300.0
"""Seconds between two looks at everything."""
_PATIENCE: Final = 5.0  # seconds in which a moment between two updates is looked for


def settle() -> None:
    """Once everything is imported and wired: it lives as long as the process, no collection needs to look at it.

    A crowd that comes in one moment makes ten thousand objects that live until it is served. To look for circles among
    them is in vain, and took a twentieth of the CPU when it was done after each five thousand.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 100)
    gc.enable()


async def collect(idle: Callable[[], bool], *, each: float = EACH) -> None:
    """Look at everything in moments when nobody is served, until cancelled.

    What is being served while a shorter look is taken counts as old from then on. Left to itself the collector comes
    to the old only after hours, and memory grows by some megabytes in each of them.
    """
    while True:
        await asyncio.sleep(each)
        until = time.monotonic() + _PATIENCE
        while not idle() and time.monotonic() < until:  # noqa: ASYNC110 - nobody tells, and nobody waits for it
            await asyncio.sleep(0.01)
        gc.collect()
