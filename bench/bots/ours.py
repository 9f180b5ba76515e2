"""Our bot as it is, with what the bench alone wants: the sender's limiter off, or the collector's pauses written down.

python -m bench.bots.ours [--no-limits] [--pauses FILE]
"""

import argparse
import cProfile
import gc
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot import app
from bot.pace import Pace
from bot.settings import load


class Pauses:
    """How long each collection has stopped the process, seconds: by the clock, and of CPU."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, float]] = []
        self._began = (0.0, 0.0)

    def __call__(self, phase: str, _info: dict[str, Any]) -> None:
        if phase == "start":
            self._began = (time.perf_counter(), time.thread_time())
        else:
            self.seen.append((time.perf_counter() - self._began[0], time.thread_time() - self._began[1]))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--no-limits", action="store_true")
    parser.add_argument("--pauses", type=Path)
    parser.add_argument("--profile", type=Path)
    given = parser.parse_args()
    # Forty people press here what four hundred would: what holds one person's flood back is not what is measured.
    pace = replace(Pace(), burst=10**9)
    if given.no_limits:
        pace = replace(pace, per_second=1e6, per_chat=0.0)
    pauses = Pauses()
    if given.pauses:
        gc.callbacks.append(pauses)
        # Asked for by a signal: what came before is the start's.
        signal.signal(signal.SIGUSR1, lambda *_: pauses.seen.clear())
    profile = None
    if given.profile:
        profile = cProfile.Profile(time.process_time)
        signal.signal(signal.SIGUSR1, lambda *_: profile.enable())
    try:
        return app.main(load(env_file=None), pace)
    finally:
        if profile is not None:
            profile.disable()
            profile.dump_stats(given.profile)
        if given.pauses:
            given.pauses.write_text(" ".join(f"{wall:.6f}/{cpu:.6f}" for wall, cpu in pauses.seen))


if __name__ == "__main__":
    sys.exit(main())
