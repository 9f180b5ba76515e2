"""Telegram as fast as one process can play it: takes every call, says yes, notes the moment, and brings updates.

Nothing is checked here (the sandbox does that): what is measured is the bot, so this side must cost little. Updates go
to a webhook over keep-alive connections, or into getUpdates.
"""

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import orjson

TOKEN = "1000001:" + "A" * 35
_UPDATE_IDS = itertools.count(1)
"""Of everybody's updates: a bot that starts anew on its database takes an id that it has seen for a repetition."""

SECRET = "secret"  # noqa: S105 - of a machine that nobody else reaches
BOT = {"id": 1000001, "is_bot": True, "first_name": "Bench", "username": "bench_bot"}
PDF = b"%PDF-1.4\n" + b"0" * 50_000
PATIENCE = 60.0
"""Seconds after which an update without its answer is lost."""

_KINDS = {
    "answerCallbackQuery": "answer",
    "sendMessage": "show",
    "editMessageText": "show",
    "setMessageReaction": "react",
}
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MULTIPART_CHAT = re.compile(rb'name="chat_id"\r\n(?:[^\r\n]+\r\n)*\r\n(\d+)')


class Lost(Exception):
    """An update got no answer, or a refusal."""


@dataclass(slots=True, eq=False)
class Person:
    """A person with a private chat: what he looks at, and what he waits for."""

    id: int
    message_id: int = 1
    text: str = "?"
    markup: str = ""
    taps: int = 0
    began: float = 0.0
    first: float = 0.0
    calls_before_show: int = 0
    left: set[str] = field(default_factory=set)
    done: asyncio.Future[None] | None = None
    unasked: int = 0

    @property
    def who(self) -> dict[str, Any]:
        return {"id": self.id, "is_bot": False, "first_name": "Somebody", "language_code": "ru"}

    @property
    def chat(self) -> dict[str, Any]:
        return {"id": self.id, "first_name": "Somebody", "type": "private"}

    def buttons(self) -> list[str]:
        rows = orjson.loads(self.markup)["inline_keyboard"] if self.markup else []
        return [button["callback_data"] for row in rows for button in row if "callback_data" in button]

    def button(self, widget: str, nth: int = 0, among: Collection[str] | None = None) -> str:
        """The data of a button of the screen, by the id of its widget and its place among several of one widget;
        `among` leaves only the buttons of these items.
        """
        parts = {data: data.rpartition("\x1d")[2].partition(":") for data in self.buttons()}
        found = [data for data, (id_, _, item) in parts.items() if id_ == widget and (among is None or item in among)]
        if not found:
            raise Lost(f"no button {widget!r} on the screen {self.text[:60]!r} with {self.buttons()}")
        return found[nth % len(found)]

    # --- what he does -------------------------------------------------------------------------------------------------

    def press(self, data: str) -> dict[str, Any]:
        self.taps += 1
        message = {"message_id": self.message_id, "from": BOT, "chat": self.chat, "date": int(time.time())}
        message |= {"text": self.text}
        if self.markup:
            message["reply_markup"] = orjson.Fragment(self.markup)
        query = {"id": f"{self.id}:{self.taps}", "from": self.who, "chat_instance": "1", "data": data}
        return {"callback_query": query | {"message": message}}

    def _says(self, **content: Any) -> dict[str, Any]:
        self.taps += 1
        message = {"message_id": 1_000_000 + self.taps, "from": self.who, "chat": self.chat, "date": int(time.time())}
        return {"message": message | content}

    def write(self, text: str) -> dict[str, Any]:
        content: dict[str, Any] = {"text": text}
        if text.startswith("/"):
            content["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.split(maxsplit=1)[0])}]
        return self._says(**content)

    def send_document(self, name: str) -> dict[str, Any]:
        file = {"file_id": f"file-{self.id}-{self.taps}", "file_unique_id": f"u{self.id}-{self.taps}"}
        return self._says(document=file | {"file_name": name, "mime_type": "application/pdf", "file_size": len(PDF)})

    # --- what comes back ----------------------------------------------------------------------------------------------

    def wait_for(self, needs: frozenset[str]) -> asyncio.Future[None]:
        self.left = set(needs)
        self.first = 0.0
        self.done = asyncio.get_running_loop().create_future()
        return self.done

    def called(self, kind: str) -> None:
        if self.done is None or self.done.done():
            self.unasked += 1
            return
        if not self.first:
            self.first = time.monotonic()
        self.left.discard(kind)
        if not self.left:
            self.done.set_result(None)


class Telegram:
    """The Bot API on loopback, and the way of updates to the bot. `delay` seconds pass before each answer."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.people: dict[int, Person] = {}
        self.calls: Counter[str] = Counter()
        self.listeners: list[Callable[[str, int], None]] = []
        self.port = 0
        self.webhook: Webhook | None = None
        self.polled = False
        self._queue: list[bytes] = []
        self._poll: tuple[_Line, asyncio.TimerHandle] | None = None
        self._message_ids = iter(range(10, 1 << 62))
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Line(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self.forget_bot()
        if self._server is not None:
            self._server.close()

    def forget_bot(self) -> None:
        """Another bot comes: its address and its people's screens are its own."""
        if self.webhook is not None:
            self.webhook.close()
        self.webhook, self._poll, self._queue, self.polled = None, None, [], False

    def person(self, number: int) -> Person:
        return self.people.setdefault(number, Person(number))

    # --- updates ------------------------------------------------------------------------------------------------------

    async def bring(self, update: dict[str, Any]) -> None:
        """Give an update to the bot; returns when the webhook has answered. Raises Lost on a refusal."""
        body = orjson.dumps({"update_id": next(_UPDATE_IDS)} | update)
        if self.webhook is not None:
            status = await self.webhook.send(body)
            if status != 200:
                raise Lost(f"the webhook answered {status}")
            return
        self._queue.append(body)
        self._give()

    async def ask(self, person: Person, update: dict[str, Any], needs: frozenset[str]) -> float:
        """Bring an update of a person and wait for everything it needs; returns the seconds to the first call."""
        done = person.wait_for(needs)
        person.began = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                await self.bring(update)
                await done
        except TimeoutError:
            raise Lost(f"{person.id} still waits for {person.left}, screen {person.text[:80]!r}") from None
        return person.first - person.began

    def _give(self) -> None:
        if self._poll is None or not self._queue:
            return
        line, timer = self._poll
        self._poll = None
        timer.cancel()
        line.answer(b"[" + b",".join(self._queue[:100]) + b"]")
        del self._queue[:100]

    def _polled(self, line: "_Line", patience: float) -> None:
        self.polled = True
        timer = asyncio.get_running_loop().call_later(patience, self._nothing, line)
        self._poll = (line, timer)
        self._give()

    def _nothing(self, line: "_Line") -> None:
        if self._poll is not None and self._poll[0] is line:
            self._poll = None
            line.answer(b"[]")

    # --- calls --------------------------------------------------------------------------------------------------------

    def called(self, line: "_Line", path: str, head: bytes, body: bytes) -> None:
        if path.startswith("/file/"):
            line.reply(PDF + path.encode(), b"application/octet-stream")
            return
        method = path.rpartition("/")[2].partition("?")[0]
        self.calls[method] += 1
        params = _params(head, body)
        if method == "getUpdates":
            self._polled(line, float(params.get("timeout") or 0))
            return
        answer = self._answer(method, params)
        if self.delay:
            asyncio.get_running_loop().call_later(self.delay, line.answer, answer)
        else:
            line.answer(answer)

    def _answer(self, method: str, params: dict[str, Any]) -> bytes:
        if method == "getMe":
            return orjson.dumps(BOT | {"can_join_groups": False})
        if method == "setWebhook":
            self.webhook = Webhook(str(params["url"]), str(params.get("secret_token") or ""))
            return b"true"
        if method == "getFile":
            # Another paper each time: one that a deal has already is not filed again.
            path = f"{next(self._message_ids)}.pdf"
            return orjson.dumps({"file_id": params["file_id"], "file_unique_id": "u", "file_path": path})
        owner = params.get("chat_id") or str(params.get("callback_query_id", "")).partition(":")[0]
        kind = _KINDS.get(method)
        if not owner or kind is None:
            return b"true"
        person = self.person(int(owner))
        answer = b"true"
        if kind == "show":
            person.message_id = int(params.get("message_id") or next(self._message_ids))
            person.text, person.markup = str(params.get("text", "")), str(params.get("reply_markup") or "")
            message = {"message_id": person.message_id, "from": BOT, "chat": person.chat, "date": int(time.time())}
            message["text"] = person.text
            if person.markup:
                message["reply_markup"] = orjson.Fragment(person.markup)
            answer = orjson.dumps(message)
        for listener in self.listeners:
            listener(method, person.id)
        person.called(kind)
        return answer


def _params(head: bytes, body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    if body[:1] == b"{":
        found: dict[str, Any] = orjson.loads(body)
        # A JSON body may carry the keyboard as an object; everything here keeps it as text.
        if isinstance(found.get("reply_markup"), dict):
            found["reply_markup"] = orjson.dumps(found["reply_markup"]).decode()
        return found
    if b"multipart/form-data" in head:
        chat = _MULTIPART_CHAT.search(body)
        return {"chat_id": chat[1].decode()} if chat else {}
    return dict(parse_qsl(body.decode()))


class _Line(asyncio.Protocol):
    """One connection of the bot to Telegram: requests with a length, one at a time."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram, self._buffer = telegram, b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit it

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            body = self._buffer[end + 4 : whole]
            self._buffer = self._buffer[whole:]
            self._telegram.called(self, head.split(b" ", 2)[1].decode(), head, body)

    def answer(self, result: bytes) -> None:
        self.reply(b'{"ok":true,"result":' + result + b"}", b"application/json")

    def reply(self, body: bytes, kind: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (kind, len(body))
            self._transport.write(head + body)


class Webhook:
    """Up to 40 keep-alive connections to the bot, as Telegram itself keeps."""

    def __init__(self, url: str, secret: str, connections: int = 40) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._head = (
            f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            f"X-Telegram-Bot-Api-Secret-Token: {secret}\r\nContent-Length: "
        ).encode()
        self._free: list[_Courier] = []
        self._room = asyncio.Semaphore(connections)

    async def send(self, body: bytes) -> int:
        async with self._room:
            courier = self._free.pop() if self._free else None
            if courier is None or courier.closed:
                _transport, courier = await asyncio.get_running_loop().create_connection(
                    _Courier, self._host, self._port
                )
            status = await courier.send(self._head + str(len(body)).encode() + b"\r\n\r\n" + body)
            self._free.append(courier)
            return status

    def close(self) -> None:
        for courier in self._free:
            courier.close()


class Balancer(Webhook):
    """The first `count` of several addresses, in turns."""

    def __init__(self, doors: Sequence[Webhook]) -> None:
        self._doors, self._turn = doors, itertools.count()
        self.count = len(doors)

    async def send(self, body: bytes) -> int:
        return await self._doors[next(self._turn) % self.count].send(body)

    def close(self) -> None:
        for door in self._doors:
            door.close()


class _Courier(asyncio.Protocol):
    """One connection of Telegram to the bot."""

    def __init__(self) -> None:
        self.closed, self._buffer = False, b""
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit it

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Lost(f"the bot closed the connection: {error!r}"))

    async def send(self, request: bytes) -> int:
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._buffer[:end])
        if len(self._buffer) < end + 4 + (int(length[1]) if length else 0):
            return
        status = int(self._buffer[9:12])
        self._buffer = b""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
