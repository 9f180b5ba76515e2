"""A small balancer before replicas: what nginx does with `proxy_next_upstream error`, in forty lines."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle

import aiohttp
from aiohttp import web

from tests.conftest import free_port


class Balancer:
    """Hands each request to the next replica; one that cannot be connected to is passed over."""

    def __init__(self, replicas: list[int]) -> None:
        self.port = free_port()
        self.answers: Counter[int] = Counter()
        self._next, self._count = cycle(replicas), len(replicas)
        self._http: aiohttp.ClientSession

    async def _pass_on(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.startswith(("X-", "Content-Type"))}
        status = 502
        for _ in range(self._count):
            url = f"http://127.0.0.1:{next(self._next)}{request.path}"
            try:
                async with self._http.post(url, data=body, headers=headers) as answer:
                    status = answer.status
                    break
            except aiohttp.ClientConnectorError:
                continue
            except aiohttp.ClientError:
                break  # it may have been heard: whoever asked has to ask again
        self.answers[status] += 1
        return web.Response(status=status)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Balancer"]:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/{tail:.*}", self._pass_on)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        async with aiohttp.ClientSession() as self._http:
            await web.TCPSite(runner, "127.0.0.1", self.port).start()
            try:
                yield self
            finally:
                await runner.cleanup()
