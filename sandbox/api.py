"""The Bot API over HTTP: what a bot points its API address at instead of api.telegram.org."""

import asyncio
import ipaddress
import json
import socket
import time
from collections.abc import Callable
from typing import Any, Self

from aiohttp import BodyPartReader, web

from sandbox.methods import Methods
from sandbox.requests import Params
from sandbox.rules import MAX_UPLOAD, Refusal
from sandbox.world import Call, Upload, World

JSON = dict[str, Any]


class LocalTelegram:
    """A local Telegram on a loopback port.

    `async with LocalTelegram(port=0) as telegram:` gives `telegram.url` for the bot and `telegram.world` for people.
    `extra_routes` gets the aiohttp application before it starts, to add a page to the same port.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        world: World | None = None,
        extra_routes: Callable[[web.Application], None] | None = None,
    ) -> None:
        self.host = loopback(host)
        self.port = port
        self.world = world or World(token=token)
        self.methods = Methods(self.world, self._reply_to_webhook)
        self.app = web.Application(client_max_size=1 << 30)  # sizes are judged by the rules, not by aiohttp
        self.app[TELEGRAM] = self
        self.app.router.add_route("*", "/bot{token:[^/]*}/{method:[^/]*}", self._handle)
        self.app.router.add_route("*", "/bot{token:[^/]*}/test/{method:[^/]*}", self._handle)
        self.app.router.add_get("/file/bot{token:[^/]*}/{path:.+}", self._download)
        if extra_routes is not None:
            extra_routes(self.app)
        self._runner: web.AppRunner | None = None
        self._numbers = iter(range(1, 1 << 62))

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def token(self) -> str:
        return self.world.token

    async def start(self) -> Self:
        self._runner = web.AppRunner(self.app, access_log=None, handler_cancellation=True, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise OSError(
                error.errno, f"the local Telegram cannot use {self.host}:{self.port}: {error.strerror}"
            ) from None
        server = site._server  # noqa: SLF001 - aiohttp has no public way to learn the port it was given
        sockets: list[socket.socket] = list(getattr(server, "sockets", []))
        self.port = sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        await self.world.delivery.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # --- requests -------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        faults = self.world.faults
        name = request.match_info["method"]
        if faults.outage:
            return _drop(request)
        try:
            self._authorise(request.match_info["token"])
            params = await read_params(request)
            name = name or params.text("method")
        except Refusal as refusal:
            self._record(Call(next(self._numbers), self.world.now(), name, {}), refusal)
            return _answer(refusal)
        if faults.hits(faults.reset_before_rate, name):
            self._record(self._call(name, params), None, dropped=True)
            return _drop(request)
        if faults.latency and faults.covers(name):
            await asyncio.sleep(faults.latency)
        outcome = await self.call(name, params, answered=True)
        if faults.outage or (not isinstance(outcome, Refusal) and faults.hits(faults.reset_after_rate, name)):
            return _drop(request)
        return _answer(outcome)

    async def call(self, name: str, params: Params, *, answered: bool) -> Any:
        """Run one method and record it; gives what it answers, or the refusal."""
        call, began = self._call(name, params), time.monotonic()
        outcome: Any
        try:
            if answered and (fault := self._fault(name)):
                call.injected = True
                raise fault
            outcome = await self.methods.run(name, params, call.remarks)
        except Refusal as refusal:
            outcome = refusal
        call.seconds = time.monotonic() - began
        # An empty answer to getUpdates says nothing and comes all the time.
        if not (name.lower() == "getupdates" and outcome == []):
            self._record(call, outcome)
        return outcome

    def _fault(self, name: str) -> Refusal | None:
        faults = self.world.faults
        if faults.hits(faults.too_many_rate, name):
            after = faults.retry_after
            return Refusal(429, f"Too Many Requests: retry after {after}", {"retry_after": after})
        if faults.hits(faults.error_rate, name):
            return Refusal(500, "Internal Server Error: request aborted")
        return None

    def _authorise(self, token: str) -> None:
        number = token.split(":", 1)[0]
        if ":" not in token or not number.isdecimal() or number.startswith("0") or len(token) > 80:
            raise Refusal(401, "Unauthorized: invalid token specified")
        if token != self.world.token:
            raise Refusal(401, "Unauthorized")

    async def _reply_to_webhook(self, method: str, params: JSON) -> None:
        await self.call(method, Params(as_sent(params), {}), answered=False)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        if self.world.faults.outage:
            return _drop(request)
        try:
            self._authorise(request.match_info["token"])
        except Refusal as refusal:
            return _answer(refusal)
        stored = self.world.file_at(request.match_info["path"])
        if stored is None:
            return _answer(Refusal(404, "Not Found"))
        return web.Response(body=stored.data, content_type="application/octet-stream")

    # --- recording ------------------------------------------------------------------------------------------------

    def _call(self, name: str, params: Params) -> Call:
        shown = {key: _readable(value) for key, value in params.values.items()}
        shown |= {key: f"<{file.name}, {len(file.data)} bytes>" for key, file in params.files.items()}
        return Call(next(self._numbers), self.world.now(), name, shown)

    def _record(self, call: Call, outcome: Any, *, dropped: bool = False) -> None:
        if isinstance(outcome, Refusal):
            call.verdict, call.error = outcome.code, outcome.description
        elif dropped:
            call.injected = True
        else:
            call.verdict, call.result = 200, outcome
        self.world.record(call)


TELEGRAM: web.AppKey[LocalTelegram] = web.AppKey("telegram", LocalTelegram)


def loopback(host: str) -> str:
    """The local Telegram is a toy with an open door: it answers this machine only."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise ValueError(
        f"the local Telegram listens on loopback only (127.0.0.1 or ::1), not on {host!r}: "
        "anybody who reaches it can read every chat and speak as anyone"
    )


async def read_params(request: web.Request) -> Params:
    """Parameters from the query string and a JSON, form or multipart body."""
    values: JSON = dict(request.query)
    files: dict[str, Upload] = {}
    if (request.content_length or 0) > MAX_UPLOAD + (1 << 20):
        async for _ in request.content.iter_any():  # read on, so that the bot sees the answer and not a reset
            pass
        raise Refusal(413, "Request Entity Too Large")
    kind = request.content_type if request.can_read_body else ""
    if kind == "application/json":
        values |= _json_object(await request.read())
    elif kind == "application/x-www-form-urlencoded":
        values |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    elif kind == "multipart/form-data":
        await _read_multipart(request, values, files)
    return Params(values, files)


def _json_object(body: bytes) -> JSON:
    if not body.strip():
        return {}
    try:
        found = json.loads(body)
    except ValueError:
        raise Refusal(400, "Bad Request: can't parse parameter value: Expected string or number") from None
    if not isinstance(found, dict):
        raise Refusal(400, "Bad Request: JSON object expected")
    return as_sent(found)


def as_sent(values: JSON) -> JSON:
    """Parameters of a JSON body as the server reads them: null is no absence there but the text "null"."""
    return {name: "null" if value is None else value for name, value in values.items()}


async def _read_multipart(request: web.Request, values: JSON, files: dict[str, Upload]) -> None:
    reader = await request.multipart()
    async for part in reader:
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise Refusal(400, "Bad Request: field name in multipart/form-data not found")
        data = bytes(await part.read(decode=False))
        if part.filename is None:
            values[part.name] = data.decode("utf-8", "replace")
        elif len(data) > MAX_UPLOAD:
            raise Refusal(413, "Request Entity Too Large")
        else:
            files[part.name] = Upload(part.filename, data, part.headers.get("Content-Type", "").split(";")[0])


def _answer(outcome: Any) -> web.Response:
    if not isinstance(outcome, Refusal):
        return web.json_response({"ok": True, "result": outcome}, dumps=_dumps)
    body: JSON = {"ok": False, "error_code": outcome.code, "description": outcome.description}
    headers = {}
    if outcome.parameters:
        body["parameters"] = outcome.parameters
        if "retry_after" in outcome.parameters:
            headers["Retry-After"] = str(outcome.parameters["retry_after"])
    return web.json_response(body, status=outcome.code, headers=headers)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _drop(request: web.Request) -> web.StreamResponse:
    """Cut the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _readable(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
