"""What a supervisor asks: is it alive, may it be given work, how much has it done."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from bot.metrics import Metrics

Check = Callable[[], Awaitable[str | None]]
"""Returns what is wrong, or None."""


class Health:
    """/healthz answers while the loop turns, /readyz when this process can do its part, /metrics for Prometheus.

    What all replicas share and none could do better is a warning: a balancer must not send everybody away for it.
    """

    def __init__(
        self,
        metrics: Metrics,
        checks: dict[str, Check],
        warnings: dict[str, Check],
        measure: Callable[[], Awaitable[dict[str, Any]]],
    ) -> None:
        self._metrics, self._checks, self._warnings, self._measure = metrics, checks, warnings, measure
        self.app = web.Application()
        self.app.router.add_get("/healthz", self._alive)
        self.app.router.add_get("/readyz", self._ready)
        self.app.router.add_get("/metrics", self._count)

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _ready(self, _request: web.Request) -> web.Response:
        reasons, warnings = await _found(self._checks), await _found(self._warnings)
        body = {"status": "not ready" if reasons else "ready", "reasons": reasons, "warnings": warnings}
        return web.json_response(body, status=503 if reasons else 200, dumps=_dumps)

    async def _count(self, _request: web.Request) -> web.Response:
        # Depths come from the database: when it is away, the rest is still worth having.
        await _asked(self._measured)
        return web.Response(body=self._metrics.page(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _measured(self) -> None:
        await self._measure()


async def _found(checks: dict[str, Check]) -> dict[str, str]:
    return {name: reason for name, check in checks.items() if (reason := await _asked(check)) is not None}


async def _asked(check: Check) -> str | None:
    try:
        return await check()
    except Exception as error:  # noqa: BLE001 - a check that cannot be made is a reason
        return f"{type(error).__name__}: {error}".partition("\n")[0]


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()
