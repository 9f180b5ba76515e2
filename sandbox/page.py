"""The chat page's server: what the world looks like as JSON, what happens in it as server-sent events, what people do.

The page talks to people, chats and switches under `/page/…`; the bot talks to `/bot<token>/…` of the same port.
"""

import asyncio
import calendar
import contextlib
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import groupby
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from aiohttp import web
from aiohttp.web_request import FileField

from sandbox.media import mime_of, picture_size
from sandbox.world import JSON, Event, Message, Person, SandboxError, StoredFile, Upload, UploadKind, World

STATIC: Final = Path(__file__).with_name("page")
HISTORY: Final = 150
"""Messages of a chat that are sent at once; older ones come when somebody scrolls up to them."""

LOG: Final = 300
HEARTBEAT: Final = 15.0
"""Seconds of silence after which a comment is sent, so that a dead connection is noticed."""

LONGEST_TEXT: Final = 4096
LARGEST_PHOTO: Final = 10 << 20
INLINE_PATIENCE: Final = 10.0
FIRST_STRANGER: Final = 5_100_000_001

# Nothing from outside, nothing inline: whatever a bot or a file says, the page runs only its own code.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# What a browser may show in place; everything else is a download, so a sent HTML file never becomes a page of ours.
SHOWN_TYPES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp", "audio/", "video/")

NextDue = Callable[[], Awaitable[datetime | None]]


class SandboxClock:
    """The demo's time: the real one plus an offset, which the bot process reads from a file.

    Home is the real time, or the moment at which the demo was told to begin.
    """

    def __init__(self, offset_file: Path | None = None, begins: datetime | None = None) -> None:
        self._file = offset_file
        self._home = 0.0 if begins is None else (begins - datetime.now(UTC)).total_seconds()
        self.offset = self._home
        if offset_file is not None:
            with contextlib.suppress(OSError, ValueError):
                self.offset = float(offset_file.read_text(encoding="ascii"))

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.offset)

    def move(self, by: timedelta) -> None:
        """Go forward (or back) from where the clock stands."""
        self._set(self.offset + by.total_seconds())

    def home(self) -> None:
        """Go back to where the demo is when nobody has moved it."""
        self._set(self._home)

    @property
    def ahead(self) -> float:
        """Seconds from home."""
        return self.offset - self._home

    def _set(self, offset: float) -> None:
        self.offset = offset
        if self._file is not None:
            # Written aside and renamed: the bot never reads half a number.
            fresh = self._file.with_suffix(".new")
            fresh.write_text(f"{offset:.3f}", encoding="ascii")
            fresh.replace(self._file)


class Page:
    """The page over one world. `setup` goes to LocalTelegram as `extra_routes`.

    `labels` says who is who ("продавец"); `next_due` asks the bot's database for the next reminder; `on_reset` makes
    the demo anew.
    """

    def __init__(
        self,
        world: World,
        *,
        clock: SandboxClock | None = None,
        labels: Mapping[int, str] | None = None,
        next_due: NextDue | None = None,
        on_reset: Callable[[], Awaitable[None]] | None = None,
        timezone: str = "Europe/Moscow",
    ) -> None:
        self.world = world
        self.clock = clock or SandboxClock()
        world.now = self.clock.now
        self.labels = dict(labels or {})
        self.next_due = next_due
        self.on_reset = on_reset
        self.timezone = timezone
        self._boot = secrets.token_hex(8)
        self._readers: set[asyncio.Queue[str | None]] = set()
        self._updates: deque[JSON] = deque(maxlen=LOG)
        self._waiting: dict[int, set[int]] = {}  # person → their messages that the bot has not taken yet
        self._resetting = asyncio.Lock()

    def setup(self, app: web.Application) -> None:
        """Add the page to an application."""
        person = "/page/people/{id:\\d+}"
        posts: dict[str, Callable[[web.Request], Awaitable[JSON]]] = {
            f"{person}/say": self._say,
            f"{person}/files": self._files,
            f"{person}/press": self._press,
            f"{person}/forward": self._forward,
            f"{person}/react": self._react,
            f"{person}/block": self._block,
            f"{person}/start": self._start,
            f"{person}/edit": self._edit,
            f"{person}/delete": self._delete,
            f"{person}/contact": self._contact,
            f"{person}/inline": self._inline,
            f"{person}/inline/choose": self._choose_inline,
            "/page/people": self._new_person,
            "/page/clock": self._travel,
            "/page/faults": self._faults,
            "/page/reset": self._reset,
        }
        gets: dict[str, Callable[[web.Request], Awaitable[JSON]]] = {
            "/page/state": self._state,
            "/page/inspector": self._inspector,
            f"{person}/messages": self._older,
        }
        for path, action in posts.items():
            app.router.add_post(path, _json(action))
        for path, view in gets.items():
            app.router.add_get(path, _json(view))
        app.router.add_get("/", _guarded(self._index))
        app.router.add_get("/page/static/{name}", _guarded(self._static))
        app.router.add_get("/page/files/{file_id}", _guarded(self._file))
        app.router.add_get("/page/events", _guarded(self._events))
        app.cleanup_ctx.append(self._running)
        app.on_shutdown.append(self._hang_up)

    # --- what is seen ---------------------------------------------------------------------------------------------

    def state(self) -> JSON:
        """Everything the page draws."""
        return {
            "boot": self._boot,
            "bot": self.world.bot_user(),
            "timezone": self.timezone,
            "clock": self._clock_view(),
            "faults": self.world.faults.view(),
            "people": [self._person_view(one) | self._chat_view(one) for one in self.world.people.values()],
        }

    def _person_view(self, person: Person) -> JSON:
        role = self.labels.get(person.id, "")
        return person.view() | {"role": role, "commands": self.world.commands_for(person.id)}

    def _chat_view(self, person: Person, before: int | None = None) -> JSON:
        seen = [m for m in self.world.chat(person.id) if before is None or m.id < before]
        waiting = sorted(self._waiting.get(person.id, ()))
        return {"messages": _views(seen[-HISTORY:]), "more": len(seen) > HISTORY, "waiting": waiting}

    def _clock_view(self) -> JSON:
        can_next = self.next_due is not None
        return {"now": self.clock.now().isoformat(), "offset": round(self.clock.ahead), "can_next": can_next}

    async def _state(self, _request: web.Request) -> JSON:
        return self.state()

    async def _older(self, request: web.Request) -> JSON:
        return self._chat_view(self._person(request), int(request.query["before"]))

    async def _inspector(self, _request: web.Request) -> JSON:
        calls = list(self.world.calls)[-LOG:]
        log = [{"kind": "call", "at": call.at.isoformat(), "data": call.view()} for call in calls]
        return {"log": sorted([*log, *self._updates], key=lambda entry: str(entry["at"]))}

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
        return web.FileResponse(STATIC / "index.html", headers=headers)

    async def _static(self, request: web.Request) -> web.StreamResponse:
        path = STATIC / request.match_info["name"]
        if path.parent != STATIC or not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path, headers={"Cache-Control": "no-cache"})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        stored = self.world.files.get(request.match_info["file_id"])
        if stored is None:
            raise web.HTTPNotFound
        return _file_response(request, stored)

    # --- what happens ---------------------------------------------------------------------------------------------

    async def _running(self, _app: web.Application) -> AsyncIterator[None]:
        """Pass the world's events on to the open pages for as long as the application lives."""
        pump = asyncio.create_task(self._pump())
        yield
        pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await pump

    async def _hang_up(self, _app: web.Application) -> None:
        for reader in self._readers:
            reader.put_nowait(None)

    async def _pump(self) -> None:
        while True:  # A subscription that overflowed is closed: begin again, with everything afresh.
            with self.world.subscribe() as events:
                async for event in events:
                    self._pass_on(event)
            self._send_state()

    def _pass_on(self, event: Event) -> None:
        data: JSON = event.data
        if event.kind == "reset":
            self._boot = secrets.token_hex(8)
            self._updates.clear()
            self._waiting.clear()
            self._send_state()
            return
        if event.kind in ("person", "commands"):
            people = self.world.people
            touched = list(people.values()) if event.chat_id is None else [people.get(event.chat_id)]
            data = {"people": [self._person_view(one) for one in touched if one is not None]}
        entry = {"kind": event.kind, "chat": event.chat_id, "at": self.clock.now().isoformat(), "data": data}
        if event.kind == "update":
            self._note_update(event, entry)
        self._send("message", entry)

    def _note_update(self, event: Event, entry: JSON) -> None:
        self._updates.append(entry)
        message = event.data["update"].get("message")
        if event.chat_id is None or message is None:
            return
        waiting = self._waiting.setdefault(event.chat_id, set())
        if event.data["state"] == "queued":
            waiting.add(message["message_id"])
        elif event.data["state"] == "delivered":
            waiting.discard(message["message_id"])

    def _send(self, kind: str, data: JSON) -> None:
        text = f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
        for reader in self._readers:
            reader.put_nowait(text)

    def _send_state(self) -> None:
        self._send("state", self.state())

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        reader: asyncio.Queue[str | None] = asyncio.Queue()
        # First the listening, then the snapshot: an event may come twice, none is missed.
        self._readers.add(reader)
        try:
            state = json.dumps(self.state(), ensure_ascii=False)
            text: str | None = f"retry: 1000\nevent: state\ndata: {state}\n\n"
            while text is not None:
                await response.write(text.encode())
                try:
                    async with asyncio.timeout(HEARTBEAT):
                        text = await reader.get()
                except TimeoutError:
                    text = ": still here\n\n"
        except ConnectionError:
            pass  # the page was closed
        finally:
            self._readers.discard(reader)
        return response

    # --- what people do -------------------------------------------------------------------------------------------

    def _person(self, request: web.Request) -> Person:
        person_id = int(request.match_info["id"])
        if person_id not in self.world.people:
            raise SandboxError(f"there is no person {person_id}")
        return self.world.people[person_id]

    async def _say(self, request: web.Request) -> JSON:
        person, asked = self._person(request), await request.json()
        parts = split_text(str(asked["text"]))
        sent = [await self.world.say(person.id, part, reply_to=asked.get("reply_to")) for part in parts]
        return {"message_ids": [message.id for message in sent]}

    async def _files(self, request: web.Request) -> JSON:
        """Send files as a client does: photos and videos in one album, papers in another, ten to an album."""
        person, form = self._person(request), await request.post()
        as_photos = bool(form.get("as_photos"))
        reply_to = int(str(form["reply_to"])) if form.get("reply_to") else None
        uploads = [_upload(one, as_photos=as_photos) for one in form.getall("files") if isinstance(one, FileField)]
        caption: str | None = str(form.get("caption") or "") or None
        sent: list[int] = []
        for album in albums(uploads):
            messages = await self.world.send_files(person.id, album, caption, reply_to=reply_to)
            caption = reply_to = None
            sent += [message.id for message in messages]
        return {"message_ids": sent}

    async def _press(self, request: web.Request) -> JSON:
        person, asked = self._person(request), await request.json()
        tap = await self.world.press(person.id, int(asked["message_id"]), str(asked["data"]))
        return {"tap_id": tap.id}

    async def _forward(self, request: web.Request) -> JSON:
        person, asked = self._person(request), await request.json()
        if "text" not in asked:
            source = asked.get("from_person")
            sent = await self.world.forward(person.id, int(asked["message_id"]), from_person=source)
        else:
            author_id = None if asked.get("hidden", True) else FIRST_STRANGER + 1_000_000
            sent = await self.world.forward_text(
                person.id, asked["text"], author=str(asked["author"]), author_id=author_id
            )
        return {"message_ids": [sent.id]}

    async def _react(self, request: web.Request) -> JSON:
        person, asked = self._person(request), await request.json()
        await self.world.react(person.id, int(asked["message_id"]), asked["emoji"] or None)
        return {}

    async def _block(self, request: web.Request) -> JSON:
        person, asked = self._person(request), await request.json()
        await (self.world.block if asked["blocked"] else self.world.unblock)(person.id)
        return {}

    async def _start(self, request: web.Request) -> JSON:
        person, asked = self._person(request), await request.json()
        sent = await self.world.start(person.id, asked.get("payload") or None)
        return {"message_ids": [sent.id]}

    async def _edit(self, request: web.Request) -> JSON:
        person, asked = self._person(request), await request.json()
        await self.world.edit(person.id, int(asked["message_id"]), str(asked["text"]))
        return {"message_ids": [asked["message_id"]]}

    async def _delete(self, request: web.Request) -> JSON:
        person, asked = self._person(request), await request.json()
        await self.world.delete(person.id, int(asked["message_id"]))
        return {}

    async def _contact(self, request: web.Request) -> JSON:
        person, asked = self._person(request), await request.json()
        sent = await self.world.share_contact(person.id, str(asked["phone"]))
        return {"message_ids": [sent.id]}

    async def _inline(self, request: web.Request) -> JSON:
        person, asked = self._person(request), await request.json()
        query = await self.world.inline_query(person.id, str(asked["query"]))
        try:
            async with asyncio.timeout(INLINE_PATIENCE):
                answer = await asyncio.shield(query.answer)
        except TimeoutError:
            return {"query_id": query.id, "results": []}
        return {"query_id": query.id, "results": answer.results}

    async def _choose_inline(self, request: web.Request) -> JSON:
        person, asked = self._person(request), await request.json()
        query = self.world.inline_queries.get(asked["query_id"])
        if query is None or not query.answer.done():
            raise SandboxError("this inline query has no answer")
        sent = await self.world.choose_inline(person.id, query, str(asked["result_id"]))
        return {"message_ids": [sent.id]}

    async def _new_person(self, request: web.Request) -> JSON:
        asked = await request.json()
        if not str(asked["first_name"]).strip():
            raise SandboxError("a person has a first name")
        person_id = max([FIRST_STRANGER - 1, *self.world.people]) + 1
        last_name, username = (str(asked.get(key) or "") or None for key in ("last_name", "username"))
        language = str(asked.get("language_code") or "ru")
        if label := str(asked.get("role") or ""):
            self.labels[person_id] = label
        self.world.person(person_id, str(asked["first_name"]), last_name, username, language)
        if asked.get("payload"):
            await self.world.start(person_id, str(asked["payload"]))
        return {"id": person_id}

    # --- switches -------------------------------------------------------------------------------------------------

    async def _travel(self, request: web.Request) -> JSON:
        """Move the clock: {"to": "now" | "+day" | "+month" | "next" | a moment in ISO 8601}."""
        to, now = str((await request.json())["to"]), self.clock.now()
        if to in ("now", "reset"):
            self.clock.home()
        elif to == "next":
            due = None if self.next_due is None else await self.next_due()
            if due is None:
                return self._clock_view() | {"moved": False}
            # A second late rather than early: what is due at nine is not due at 08:59:59.999.
            self.clock.move(max(due - now, timedelta()) + timedelta(seconds=1))
        else:
            self.clock.move(step(now, to, ZoneInfo(self.timezone)) - now)
        self._send("message", {"kind": "clock", "chat": None, "at": "", "data": self._clock_view()})
        return self._clock_view() | {"moved": True}

    async def _faults(self, request: web.Request) -> JSON:
        asked = await request.json()
        if asked.pop("clear", False):
            self.world.faults.clear()
        self.world.faults.set(**asked)
        view = self.world.faults.view()
        self._send("message", {"kind": "faults", "chat": None, "at": "", "data": view})
        return view

    async def _reset(self, _request: web.Request) -> JSON:
        """Make the demo anew: empty chats, real time, no faults; the owner of the demo seeds it again."""
        async with self._resetting:
            self.clock.home()
            self.world.faults.clear()
            if self.on_reset is not None:
                await self.on_reset()
            else:
                self.world.reset()
            self._send_state()
        return {}


# --- rules of a client ------------------------------------------------------------------------------------------------


def step(now: datetime, to: str, zone: ZoneInfo) -> datetime:
    """`+day` and `+month` keep the time of day; 31 January + a month is the last of February."""
    here = now.astimezone(zone)
    if to == "+day":
        return (here.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
    if to == "+month":
        year, month = here.year + here.month // 12, here.month % 12 + 1
        return here.replace(year=year, month=month, day=min(here.day, calendar.monthrange(year, month)[1]))
    try:
        moment = datetime.fromisoformat(to)
    except ValueError:
        raise SandboxError(f"the clock goes to now, +day, +month, next or a moment, not to {to!r}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def split_text(text: str) -> list[str]:
    """A client cuts a long text itself, at the last line break or space that still fits."""
    parts, rest = [], text.strip()
    while len(rest.encode("utf-16-le")) // 2 > LONGEST_TEXT:
        head = rest.encode("utf-16-le")[: LONGEST_TEXT * 2].decode("utf-16-le", "ignore")
        cut = max(head.rfind("\n"), head.rfind(" ") if "\n" not in head else -1)
        cut = cut if cut > 0 else len(head)
        parts.append(rest[:cut])
        rest = rest[cut:].strip()
    return [*parts, rest] if rest or not parts else parts


def albums(uploads: Sequence[Upload]) -> list[list[Upload]]:
    """What can share an album, at most ten to one: pictures and films, papers, sounds; animations go alone."""
    together = {"photo": "visual", "video": "visual", "animation": ""}
    found: list[list[Upload]] = []
    for kind, group in groupby(uploads, key=lambda one: together.get(one.kind, one.kind)):
        size = 10 if kind else 1
        found += [list(album) for album in _batches(list(group), size)]
    return found


def _upload(field: FileField, *, as_photos: bool) -> Upload:
    data = field.file.read()
    mime = (field.content_type or "").split(";")[0]
    name = Path(field.filename).name or "file"
    if mime in ("", "application/octet-stream"):
        mime = mime_of(name, "document")
    return Upload(name, data, mime, _kind(mime, data, as_photos=as_photos))


def _kind(mime: str, data: bytes, *, as_photos: bool) -> UploadKind:
    if mime in ("audio/mpeg", "audio/mp4", "audio/x-m4a"):
        return "audio"
    if as_photos and mime == "image/gif":
        return "animation"
    if as_photos and mime.startswith("video/"):
        return "video"
    picture = mime in ("image/jpeg", "image/png", "image/webp") and picture_size(data)
    return "photo" if as_photos and picture and len(data) <= LARGEST_PHOTO else "document"


def _views(messages: Sequence[Message]) -> list[JSON]:
    return [message.view() for message in messages]


# --- answering --------------------------------------------------------------------------------------------------------

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _guarded(handler: Handler) -> Handler:
    """Only this page speaks here: another site in the same browser, or a name that was pointed at us, is refused."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if not _is_loopback(request.url.host) or (origin is not None and urlsplit(origin).netloc != request.host):
            raise web.HTTPForbidden(text="The sandbox answers its own page on this machine only.")
        return await handler(request)

    return guarded


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ip_address(host or "").is_loopback
    return False


def _json(action: Callable[[web.Request], Awaitable[JSON]]) -> Handler:
    """An action that answers JSON; what Telegram would not do is a 400 with the reason."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return web.json_response(await action(request))
        except (SandboxError, ValueError, KeyError, TypeError) as error:
            reason = f"missing {error}" if isinstance(error, KeyError) else str(error)
            return web.json_response({"error": reason}, status=400)

    return _guarded(answer)


def _file_response(request: web.Request, stored: StoredFile) -> web.Response:
    shown = stored.mime.startswith(SHOWN_TYPES) and "download" not in request.query
    headers = {
        "Content-Disposition": f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{quote(stored.name, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, max-age=86400, immutable",
        "Accept-Ranges": "bytes",
    }
    body, status = stored.data, 200
    # Players ask for parts; without an answer to that, Safari plays nothing and Chromium cannot seek.
    with contextlib.suppress(ValueError):
        part = request.http_range
        start, stop, _ = part.indices(len(stored.data))
        if request.headers.get("Range") and start < stop:
            body, status = stored.data[start:stop], 206
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(stored.data)}"
    return web.Response(body=body, status=status, headers=headers, content_type=stored.mime)


def _batches(items: list[Any], size: int) -> list[tuple[Any, ...]]:
    return [tuple(items[at : at + size]) for at in range(0, len(items), size)]
