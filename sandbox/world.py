"""What exists in the local Telegram: one bot, people, their private chats with it, messages and files.

People act through the async methods of `World`; the bot acts through `sandbox.api`, which checks a request and then
calls the plain methods below the line "what the bot does". Whoever wants to watch (the page, the inspector, tests)
subscribes to events.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self

from sandbox import media
from sandbox.delivery import Delivery
from sandbox.faults import Faults
from sandbox.html import find_entities, utf16_len
from sandbox.rules import REACTIONS, START_PARAMETER

JSON = dict[str, Any]
UploadKind = Literal["photo", "document", "voice", "video", "audio", "animation", "video_note", "sticker"]
EventKind = Literal[
    "message",  # data: Message.view()
    "edited",  # data: Message.view()
    "deleted",  # data: {"message_id"}
    "tap",  # data: {"tap_id", "message_id", "data"}: a person pressed a callback button
    "answer",  # data: {"tap_id", "message_id", "text", "show_alert", "url"}: the bot answered that press
    "inline",  # data: {"query_id", "query", "results", "next_offset", "button"}: the bot answered an inline query
    "action",  # data: {"action"}: "typing", "upload_document", ...
    "reaction",  # data: {"message_id", "reactions": {"bot" | person id as text: [emoji, ...]}}
    "pinned",  # data: {"message_ids"}
    "person",  # data: Person.view(): somebody new, or blocked, or the reply keyboard or menu button changed
    "commands",  # data: {}: ask World.commands_for() again
    "call",  # data: Call.view(): a request of the bot and its verdict
    "update",  # data: {"update_id", "kind", "state": queued|delivered|failed|dropped, "update", "error"}
    "reset",  # data: {}: everything is gone, load afresh
]

CALLBACK_LIFETIME = 150  # seconds a press waits for its answer
INLINE_LIFETIME = 30
MESSAGE_LIFETIME = 24 * 3600
ALBUM = 10
DAY = 24 * 3600
EDIT_GRACE = 300  # a message may be edited that much longer than it says that it may
OLD_MESSAGE = 48 * 3600  # older than this a message is "inaccessible" in a press and cannot be deleted


def system_clock() -> datetime:
    return datetime.now(UTC)


class SandboxError(Exception):
    """A person or a test asked for something that cannot happen in Telegram."""


@dataclass(frozen=True)
class Event:
    kind: EventKind
    chat_id: int | None
    data: JSON
    number: int = 0


@dataclass
class Person:
    """A human with an account, together with the state of their private chat with the bot (chat id == id)."""

    id: int
    first_name: str
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = "ru"
    started: bool = False  # has ever written to the bot: only then may the bot write
    blocked: bool = False  # has blocked the bot
    deactivated: bool = False  # the account is deleted
    keyboard: JSON | None = None  # the reply keyboard shown now (ReplyKeyboardMarkup) or ForceReply
    menu_button: JSON | None = None
    pinned: list[int] = field(default_factory=list)
    messages: dict[int, Message] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}" if self.last_name else self.first_name

    def as_user(self) -> JSON:
        optional = {"last_name": self.last_name, "username": self.username, "language_code": self.language_code}
        return {"id": self.id, "is_bot": False, "first_name": self.first_name} | _present(optional)

    def as_chat(self) -> JSON:
        optional = {"username": self.username, "last_name": self.last_name}
        return {"id": self.id, "first_name": self.first_name, "type": "private"} | _present(optional)

    def view(self) -> JSON:
        """What a page needs to draw this person and their chat, apart from the messages."""
        return {
            "id": self.id,
            "name": self.name,
            "user": self.as_user(),
            "started": self.started,
            "blocked": self.blocked,
            "keyboard": self.keyboard,
            "menu_button": self.menu_button,
            "pinned": list(self.pinned),
        }


@dataclass
class Message:
    """One message of a private chat; `body` is the Message object of the Bot API, as the bot gets it."""

    chat_id: int
    id: int
    out: bool  # True: the bot sent it
    body: JSON
    date: datetime
    reply_markup: JSON | None = None  # as sent, also the kinds that Telegram does not show to bots (reply keyboards)
    reactions: dict[str, list[JSON]] = field(default_factory=dict)  # by "bot" or the person's id as text
    edited: bool = False
    deleted: bool = False
    inline_id: str | None = None  # by which the bot edits what a person sent through inline mode

    @property
    def text(self) -> str:
        """The text or the caption."""
        return str(self.body.get("text") or self.body.get("caption") or "")

    @property
    def entities(self) -> list[JSON]:
        return list(self.body.get("entities") or self.body.get("caption_entities") or [])

    @property
    def rows(self) -> list[list[JSON]]:
        """Inline buttons, row by row."""
        markup = self.body.get("reply_markup") or {}
        return list(markup.get("inline_keyboard", []))

    @property
    def buttons(self) -> list[JSON]:
        return [button for row in self.rows for button in row]

    @property
    def labels(self) -> list[str]:
        return [str(button["text"]) for button in self.buttons]

    @property
    def file(self) -> JSON | None:
        """The file object of the message; of a photo its largest size."""
        for kind in ("document", "video", "voice", "audio", "animation", "video_note", "sticker"):
            if kind in self.body and not (kind == "document" and "animation" in self.body):
                found: JSON = self.body[kind]
                return found
        sizes: list[JSON] = self.body.get("photo") or []
        return sizes[-1] if sizes else None

    @property
    def content(self) -> str:
        """What kind of message it is: "text", "photo", "document", ..."""
        for kind in CONTENT_KINDS:
            if kind in self.body:
                return kind
        return "service"

    def view(self) -> JSON:
        return {
            "message": self.body,
            "out": self.out,
            "content": self.content,
            "reply_markup": self.reply_markup,
            "reactions": {
                who: [reaction.get("emoji", "") for reaction in them] for who, them in self.reactions.items()
            },
            "edited": self.edited,
        }


# Animations also carry `document` for old clients, so the more special kind comes first.
CONTENT_KINDS = (
    "text",
    "photo",
    "animation",
    "document",
    "video",
    "voice",
    "audio",
    "video_note",
    "sticker",
    "contact",
    "venue",
    "location",
    "poll",
    "dice",
)


@dataclass
class StoredFile:
    file_id: str
    unique_id: str
    kind: UploadKind
    path: str  # what getFile answers as file_path
    name: str
    mime: str
    data: bytes = field(repr=False)
    meta: JSON = field(default_factory=dict)  # width, height, duration

    @property
    def size(self) -> int:
        return int(self.meta.get("size", len(self.data)))


@dataclass(frozen=True)
class Upload:
    """A file that somebody is about to send. `size` pretends a size without holding the bytes."""

    name: str
    data: bytes = field(repr=False)
    mime: str = ""
    kind: UploadKind = "document"
    size: int | None = None


@dataclass
class CallbackAnswer:
    text: str | None = None
    show_alert: bool = False
    url: str | None = None


@dataclass
class Tap:
    """A press of a callback button; `answer` is done when the bot has answered it."""

    id: str
    person_id: int
    message_id: int
    data: str
    at: datetime
    update_id: int
    answer: asyncio.Future[CallbackAnswer]


@dataclass
class InlineAnswer:
    results: list[JSON]
    next_offset: str = ""
    button: JSON | None = None
    is_personal: bool = False
    cache_time: int = 300


@dataclass
class InlineQuery:
    id: str
    person_id: int
    query: str
    offset: str
    at: datetime
    update_id: int
    answer: asyncio.Future[InlineAnswer]


@dataclass
class Call:
    """A request of the bot: `verdict` is the HTTP status it was answered with (0: the connection was dropped)."""

    number: int
    at: datetime
    method: str
    params: JSON
    verdict: int = 0
    error: str | None = None  # the description of a refusal
    result: Any = None
    injected: bool = False  # the refusal is a fault switched on, not a mistake of the bot
    seconds: float = 0.0
    remarks: list[str] = field(default_factory=list)  # accepted, yet surely not meant

    def view(self) -> JSON:
        return {
            "number": self.number,
            "at": self.at.isoformat(),
            "method": self.method,
            "params": self.params,
            "verdict": self.verdict,
            "error": self.error,
            "result": self.result,
            "injected": self.injected,
            "seconds": round(self.seconds, 4),
            "remarks": self.remarks,
        }


class Subscription:
    """Live events from the moment of creation on; iterate it, and close it (or use `with`) when done."""

    def __init__(self, world: World, limit: int) -> None:
        self._world = world
        self._limit = limit
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self.overflowed = False

    def put(self, event: Event) -> None:
        if self._queue.qsize() < self._limit:
            self._queue.put_nowait(event)
        else:  # A reader that fell this far behind must load everything afresh.
            self.overflowed = True
            self.close()

    def close(self) -> None:
        self._world.unsubscribe(self)
        self._queue.put_nowait(None)

    async def get(self) -> Event | None:
        """The next event; None when the subscription is closed."""
        return await self._queue.get()

    def so_far(self) -> list[Event]:
        """The events that wait to be taken, oldest first."""
        waiting = (self._queue.get_nowait() for _ in range(self._queue.qsize()))
        return [event for event in waiting if event is not None]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while (event := await self._queue.get()) is not None:
            yield event


class World:
    """The state of the local Telegram and everything people can do in it."""

    def __init__(
        self,
        *,
        bot_id: int = 7000000001,
        token: str | None = None,
        username: str = "polisdesk_bot",
        name: str = "Polisdesk",
        now: Callable[[], datetime] = system_clock,
    ) -> None:
        self.token = token or f"{bot_id}:{secrets.token_urlsafe(26)[:35]}"
        self.bot_id = int(self.token.split(":", 1)[0])
        self.username = username
        self.bot_name = name
        self.now = now
        self.faults = Faults()
        self.delivery = Delivery(now=lambda: self.now(), publish=self._publish_update, faults=self.faults)  # noqa: PLW0108 - the clock may be replaced
        self._subscriptions: list[Subscription] = []
        self._numbers = itertools.count(1)
        self._message_ids = itertools.count(1)
        self._clear()

    def _clear(self) -> None:
        self.people: dict[int, Person] = {}
        self.files: dict[str, StoredFile] = {}
        self.taps: dict[str, Tap] = {}
        self.inline_queries: dict[str, InlineQuery] = {}
        self.commands: dict[tuple[str, int, str], list[JSON]] = {}  # (scope, chat id or 0, language) -> commands
        self.profile: dict[tuple[str, str], str] = {}  # (name|description|short_description, language) -> text
        self.menu_button: JSON = {"type": "commands"}
        self.calls: deque[Call] = deque(maxlen=20_000)
        self._refused: list[Call] = []
        self._paths: dict[str, StoredFile] = {}
        self._small: dict[str, StoredFile] = {}  # thumbnails by the file id of their photo

    def reset(self) -> None:
        """Forget everything; ids of updates and messages keep growing, as they do in Telegram."""
        self._clear()
        self.delivery.drop_pending()
        self.publish("reset", None, {})

    # --- watching -------------------------------------------------------------------------------------------------

    def subscribe(self, limit: int = 10_000) -> Subscription:
        subscription = Subscription(self, limit)
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def publish(self, kind: EventKind, chat_id: int | None, data: JSON) -> None:
        event = Event(kind, chat_id, data, next(self._numbers))
        for subscription in list(self._subscriptions):
            subscription.put(event)

    def _publish_update(self, state: str, update: JSON, error: str | None) -> None:
        kind = next((key for key in update if key != "update_id"), "")
        body = update.get(kind, {})
        chat = body.get("chat") or body.get("message", {}).get("chat") or body.get("from") or {}
        data = {"update_id": update["update_id"], "kind": kind, "state": state, "update": update, "error": error}
        self.publish("update", chat.get("id"), data)

    def chat(self, person_id: int) -> list[Message]:
        """The chat as it looks now, oldest first."""
        return list(self._person(person_id).messages.values())

    def message(self, person_id: int, message_id: int) -> Message | None:
        person = self.people.get(person_id)
        return person.messages.get(message_id) if person else None

    def file_bytes(self, file_id: str) -> bytes:
        return self.files[file_id].data

    def refusals(self) -> list[Call]:
        """Requests of the bot that Telegram would have refused (4xx), without the injected faults.

        403 is a fact about a person, not a mistake of the bot, and is left out.
        """
        return list(self._refused)

    def remarks(self) -> list[str]:
        """What Telegram would have accepted in silence although it was surely not meant, such as an unknown name."""
        return [remark for call in self.calls for remark in call.remarks]

    def record(self, call: Call) -> None:
        """Keep a request of the bot with its verdict and show it to who watches."""
        self.calls.append(call)
        if 400 <= call.verdict < 500 and call.verdict != 403 and not call.injected:
            self._refused.append(call)
        chat_id = str(call.params.get("chat_id", ""))
        self.publish("call", int(chat_id) if chat_id.isdecimal() else None, call.view())

    def commands_for(self, person_id: int) -> list[JSON]:
        """The command menu this person sees, by the order of scopes in the Bot API documentation."""
        language = self._person(person_id).language_code or ""
        for scope, chat_id in (("chat", person_id), ("all_private_chats", 0), ("default", 0)):
            for code in dict.fromkeys((language, "")):
                if found := self.commands.get((scope, chat_id, code)):
                    return found
        return []

    # --- what people do -------------------------------------------------------------------------------------------

    def person(
        self,
        id: int,  # noqa: A002
        first_name: str,
        last_name: str | None = None,
        username: str | None = None,
        language_code: str | None = "ru",
    ) -> Person:
        """Create an account, or change its names when it exists."""
        known = self.people.get(id)
        if known is None:
            known = self.people[id] = Person(id, first_name, last_name, username, language_code)
        else:
            known.first_name, known.last_name, known.username = first_name, last_name, username
            known.language_code = language_code
        self.publish("person", id, known.view())
        return known

    async def start(self, person_id: int, payload: str | None = None) -> Message:
        """Press Start, or follow a deep link t.me/bot?start=payload."""
        if payload is not None and not START_PARAMETER.fullmatch(payload):
            raise SandboxError(f"no link has the parameter {payload!r}: 1-64 of A-Z, a-z, 0-9, _ and - are allowed")
        if self._person(person_id).blocked:
            await self.unblock(person_id)
        return await self.say(person_id, f"/start {payload}" if payload else "/start")

    async def say(
        self, person_id: int, text: str, *, reply_to: int | None = None, entities: list[JSON] | None = None
    ) -> Message:
        """Write a message; pressing a button of a reply keyboard is saying its text."""
        text = text.strip()
        if not text:
            raise SandboxError("Telegram sends no empty messages")
        if utf16_len(text) > 4096:
            raise SandboxError("a client splits texts longer than 4096 itself")
        found = entities if entities is not None else find_entities(text)
        return self._from_person(person_id, {"text": text} | _present({"entities": found or None}), reply_to=reply_to)

    async def send_files(
        self,
        person_id: int,
        uploads: Sequence[Upload],
        caption: str | None = None,
        *,
        reply_to: int | None = None,
    ) -> list[Message]:
        """Send files; several make albums of up to ten (one media_group_id), and the bot gets them one by one."""
        sent = []
        for begin in range(0, len(uploads), ALBUM):
            album = uploads[begin : begin + ALBUM]
            group = {"media_group_id": self.new_id()} if len(album) > 1 else {}
            for number, upload in enumerate(album, begin):
                body: JSON = group | self.file_body(self.store(upload))
                if caption and number == 0:
                    found = find_entities(caption.strip())
                    body |= {"caption": caption.strip()} | _present({"caption_entities": found or None})
                sent.append(self._from_person(person_id, body, reply_to=reply_to))
        return sent

    async def share_contact(self, person_id: int, phone: str) -> Message:
        """Press a reply keyboard button with request_contact."""
        person = self._person(person_id)
        contact = {"phone_number": phone, "first_name": person.first_name, "user_id": person.id}
        return self._from_person(person_id, {"contact": contact | _present({"last_name": person.last_name})})

    async def forward(self, person_id: int, message_id: int, *, from_person: int | None = None) -> Message:
        """Forward a message of one's own chat with the bot, or of another person's chat with it."""
        source = self._message(from_person if from_person is not None else person_id, message_id)
        author = source.body["from"]
        origin = source.body.get("forward_origin") or {
            "type": "user",
            "sender_user": author,
            "date": source.body["date"],
        }
        body = {"forward_origin": origin} | _legacy_forward(origin) | content_of(source.body)
        return self._from_person(person_id, body)

    async def forward_text(
        self, person_id: int, text: str, *, author: str, author_id: int | None = None, at: datetime | None = None
    ) -> Message:
        """Forward what somebody outside wrote; without `author_id` their settings hide the account."""
        date = int((at or self.now()).timestamp())
        origin: JSON = {"type": "hidden_user", "sender_user_name": author, "date": date}
        if author_id is not None:
            user = {"id": author_id, "is_bot": False, "first_name": author}
            origin = {"type": "user", "sender_user": user, "date": date}
        body = {"forward_origin": origin} | _legacy_forward(origin) | {"text": text}
        return self._from_person(person_id, body | _present({"entities": find_entities(text) or None}))

    async def press(self, person_id: int, message_id: int, button: str | JSON) -> Tap:
        """Press a callback button, given itself or its data (which may be forged or of an older screen)."""
        data = button if isinstance(button, str) else str(button["callback_data"])
        person = self._person(person_id)
        message = self._message(person_id, message_id)
        tap_id = str(secrets.randbits(62))
        if (self.now() - message.date).total_seconds() > OLD_MESSAGE:
            # MaybeInaccessibleMessage: of an old message the bot gets the place only.
            seen = {"chat": person.as_chat(), "message_id": message_id, "date": 0}
        else:
            seen = message.body
        place: JSON = {"inline_message_id": message.inline_id} if message.inline_id else {"message": seen}
        query = {"id": tap_id, "from": person.as_user(), "chat_instance": str(person_id), "data": data} | place
        update_id = self.delivery.push(
            "callback_query", query, queue=f"callback:{person_id}", lifetime=CALLBACK_LIFETIME
        )
        answer: asyncio.Future[CallbackAnswer] = asyncio.get_running_loop().create_future()
        tap = Tap(tap_id, person_id, message_id, data, self.now(), update_id, answer)
        self.taps[tap_id] = tap
        self.publish("tap", person_id, {"tap_id": tap_id, "message_id": message_id, "data": data})
        return tap

    async def edit(self, person_id: int, message_id: int, text: str) -> Message:
        """Edit one's own message (text or caption)."""
        message = self._message(person_id, message_id)
        if message.out:
            raise SandboxError("a person cannot edit the bot's message")
        field_, entities = ("text", "entities") if "text" in message.body else ("caption", "caption_entities")
        body = {key: value for key, value in message.body.items() if key not in (field_, entities)}
        body |= {field_: text.strip(), "edit_date": self.timestamp()}
        message.body = body | _present({entities: find_entities(text.strip()) or None})
        message.edited = True
        self.publish("edited", person_id, message.view())
        self.delivery.push("edited_message", message.body, queue=f"chat:{person_id}", lifetime=MESSAGE_LIFETIME)
        return message

    async def delete(self, person_id: int, message_id: int) -> None:
        """A person deletes a message for both sides; bots are not told."""
        self._message(person_id, message_id)
        self.remove(person_id, message_id)

    async def block(self, person_id: int) -> None:
        """Block the bot: it gets my_chat_member and cannot write any more."""
        self._membership(person_id, blocked=True)

    async def unblock(self, person_id: int) -> None:
        self._membership(person_id, blocked=False)

    async def react(self, person_id: int, message_id: int, emoji: str | None) -> None:
        """Put an emoji on a message or, with None, take it back."""
        person, message = self._person(person_id), self._message(person_id, message_id)
        if emoji and emoji.replace("\ufe0f", "") not in REACTIONS:
            raise SandboxError(f"{emoji} is no reaction that Telegram offers")
        old = message.reactions.get(str(person_id), [])
        new = [{"type": "emoji", "emoji": emoji}] if emoji else []
        self.set_reaction(message, str(person_id), new)
        update = {
            "chat": person.as_chat(),
            "message_id": message_id,
            "user": person.as_user(),
            "date": self.timestamp(),
            "old_reaction": old,
            "new_reaction": new,
        }
        self.delivery.push("message_reaction", update, queue=f"reaction:{person_id}", lifetime=MESSAGE_LIFETIME)

    async def inline_query(self, person_id: int, query: str, offset: str = "") -> InlineQuery:
        """Type "@bot query" in any chat."""
        person = self._person(person_id)
        query_id = str(secrets.randbits(62))
        body = {"id": query_id, "from": person.as_user(), "chat_type": "sender", "query": query, "offset": offset}
        update_id = self.delivery.push("inline_query", body, queue=f"inline:{person_id}", lifetime=INLINE_LIFETIME)
        answer: asyncio.Future[InlineAnswer] = asyncio.get_running_loop().create_future()
        asked = InlineQuery(query_id, person_id, query, offset, self.now(), update_id, answer)
        self.inline_queries[query_id] = asked
        return asked

    async def choose_inline(self, person_id: int, query: InlineQuery, result_id: str) -> Message:
        """Send an inline result into one's own chat with the bot."""
        results = query.answer.result().results
        result = next((one for one in results if one["id"] == result_id), None)
        if result is None:
            raise SandboxError(f"no inline result {result_id!r}; there are {[one['id'] for one in results]}")
        person = self._person(person_id)
        chosen = {"result_id": result_id, "from": person.as_user(), "query": query.query}
        body = dict(result["_content"])
        markup = body.get("reply_markup")
        inline_id = secrets.token_urlsafe(24) if markup else None
        # "inline_message_id: … Available only if there is an inline keyboard attached to the message."
        chosen |= _present({"inline_message_id": inline_id})
        self.delivery.push("chosen_inline_result", chosen, queue=f"chosen:{person_id}", lifetime=600)
        return self._from_person(person_id, body | {"via_bot": self.bot_user()}, inline_id=inline_id)

    def inline_message(self, inline_id: str) -> Message | None:
        """What somebody sent through inline mode, by its inline_message_id."""
        sent = (message for person in self.people.values() for message in person.messages.values())
        return next((message for message in sent if message.inline_id == inline_id), None)

    # --- what the bot does (sandbox.api calls these after it has checked the request) ------------------------------

    def new_id(self) -> str:
        """An identifier that nothing else has, of albums and polls."""
        return str(secrets.randbits(53))

    def timestamp(self) -> int:
        return int(self.now().timestamp())

    def bot_user(self) -> JSON:
        return {"id": self.bot_id, "is_bot": True, "first_name": self.bot_name, "username": self.username}

    def post(self, person_id: int, body: JSON, *, reply_markup: JSON | None = None) -> Message:
        """Put a message of the bot into a chat."""
        person = self._person(person_id)
        if reply_markup and "inline_keyboard" in reply_markup and reply_markup["inline_keyboard"]:
            body = body | {"reply_markup": reply_markup}
        message = self._add(person, body, out=True)
        message.reply_markup = reply_markup
        self.publish("message", person_id, message.view())
        self._show_keyboard(person, reply_markup)
        return message

    def change(self, message: Message, body: JSON, reply_markup: JSON | None) -> None:
        """Replace the content of a message of the bot; no markup means no buttons any more."""
        frame = ("message_id", "from", "chat", "date", "reply_to_message", "media_group_id", "via_bot")
        kept = {key: value for key, value in message.body.items() if key in frame}
        message.body = kept | {"edit_date": self.timestamp()} | body
        if reply_markup and reply_markup.get("inline_keyboard"):
            message.body["reply_markup"] = reply_markup
        message.reply_markup = reply_markup
        message.edited = True
        self.publish("edited", message.chat_id, message.view())

    def remove(self, person_id: int, message_id: int) -> None:
        person = self._person(person_id)
        message = person.messages.pop(message_id)
        message.deleted = True
        if message_id in person.pinned:
            person.pinned.remove(message_id)
        self.publish("deleted", person_id, {"message_id": message_id})

    def pin(self, person_id: int, message_ids: Iterable[int]) -> None:
        """Make exactly these messages the pinned ones, newest pin last."""
        person = self._person(person_id)
        person.pinned = list(message_ids)
        self.publish("pinned", person_id, {"message_ids": list(person.pinned)})

    def set_reaction(self, message: Message, who: str, reactions: list[JSON]) -> None:
        if reactions:
            message.reactions[who] = reactions
        else:
            message.reactions.pop(who, None)
        self.publish("reaction", message.chat_id, {"message_id": message.id, "reactions": message.view()["reactions"]})

    def answer_tap(self, tap: Tap, answer: CallbackAnswer) -> None:
        if not tap.answer.done():
            tap.answer.set_result(answer)
        data = {"tap_id": tap.id, "message_id": tap.message_id, **vars(answer)}
        self.publish("answer", tap.person_id, data)

    def answer_inline(self, query: InlineQuery, answer: InlineAnswer) -> None:
        if not query.answer.done():
            query.answer.set_result(answer)
        data = {"query_id": query.id, "query": query.query, "results": answer.results}
        self.publish("inline", query.person_id, data | {"next_offset": answer.next_offset, "button": answer.button})

    def set_menu_button(self, person_id: int | None, button: JSON) -> None:
        if person_id is None:
            self.menu_button = button
            return
        person = self._person(person_id)
        person.menu_button = button
        self.publish("person", person_id, person.view())

    def store(self, upload: Upload) -> StoredFile:
        """Keep the bytes and give them a file id."""
        unique = hashlib.sha256(upload.data + secrets.token_bytes(8)).hexdigest()[:16]
        meta = media.measure(upload.kind, upload.data)
        if upload.size is not None:
            meta["size"] = upload.size
        mime = upload.mime or media.mime_of(upload.name, upload.kind)
        path = f"{media.FOLDERS[upload.kind]}/file_{len(self.files)}{media.extension(upload.name, mime)}"
        file_id = f"{media.PREFIXES[upload.kind]}{secrets.token_urlsafe(40)}"
        stored = StoredFile(file_id, f"AgAD{unique}", upload.kind, path, upload.name, mime, upload.data, meta)
        self.files[file_id] = self._paths[path] = stored
        return stored

    def file_at(self, path: str) -> StoredFile | None:
        """The file that getFile names by this file_path."""
        return self._paths.get(path)

    def file_body(self, stored: StoredFile) -> JSON:
        """The part of a Message object that carries this file."""
        base = {"file_id": stored.file_id, "file_unique_id": stored.unique_id, "file_size": stored.size}
        if stored.kind == "photo":
            size = {key: stored.meta[key] for key in ("width", "height")}
            return {"photo": [self._thumbnail(stored), base | size]}
        body = base | {"mime_type": stored.mime}
        body |= {key: value for key, value in stored.meta.items() if key != "size"}
        if stored.kind in ("document", "video", "audio", "animation"):
            body["file_name"] = stored.name
        if stored.kind == "animation":
            return {"animation": body, "document": {k: v for k, v in body.items() if k not in media.MEASURES}}
        return {stored.kind: body}

    def _thumbnail(self, photo: StoredFile) -> JSON:
        """Telegram offers a photo in several sizes, smallest first; the small one is not the original."""
        small = self._small.get(photo.file_id)
        if small is None:
            scale = min(1.0, 90 / max(photo.meta["width"], photo.meta["height"]))
            meta = {key: max(1, round(photo.meta[key] * scale)) for key in ("width", "height")}
            file_id = f"{media.PREFIXES['photo']}{secrets.token_urlsafe(40)}"
            path = photo.path.replace("file_", "thumb_")
            unique = f"{photo.unique_id}s"
            small = StoredFile(file_id, unique, "photo", path, photo.name, photo.mime, photo.data, meta)
            self.files[file_id] = self._paths[path] = self._small[photo.file_id] = small
        return {
            "file_id": small.file_id,
            "file_unique_id": small.unique_id,
            "file_size": min(small.size, 1500),
            "width": small.meta["width"],
            "height": small.meta["height"],
        }

    # --- within ---------------------------------------------------------------------------------------------------

    def _person(self, person_id: int) -> Person:
        try:
            return self.people[person_id]
        except KeyError:
            raise SandboxError(f"there is no person {person_id}") from None

    def _message(self, person_id: int, message_id: int) -> Message:
        try:
            return self._person(person_id).messages[message_id]
        except KeyError:
            raise SandboxError(f"there is no message {message_id} in the chat of {person_id}") from None

    def _add(self, person: Person, body: JSON, *, out: bool) -> Message:
        message_id = next(self._message_ids)
        author = self.bot_user() if out else person.as_user()
        frame = {"message_id": message_id, "from": author, "chat": person.as_chat(), "date": self.timestamp()}
        message = Message(person.id, message_id, out, frame | body, self.now())
        person.messages[message_id] = message
        return message

    def _from_person(
        self, person_id: int, body: JSON, *, reply_to: int | None = None, inline_id: str | None = None
    ) -> Message:
        person = self._person(person_id)
        if person.blocked:
            raise SandboxError(f"{person.name} has blocked the bot; unblock first")
        if reply_to is not None:
            quoted = self._message(person_id, reply_to).body
            body = {"reply_to_message": without_reply(quoted)} | body
        person.started = True
        message = self._add(person, body, out=False)
        message.inline_id, message.reply_markup = inline_id, body.get("reply_markup")
        self.publish("message", person_id, message.view())
        if person.keyboard and (person.keyboard.get("one_time_keyboard") or person.keyboard.get("force_reply")):
            person.keyboard = None
            self.publish("person", person_id, person.view())
        self.delivery.push("message", message.body, queue=f"chat:{person_id}", lifetime=MESSAGE_LIFETIME)
        return message

    def _membership(self, person_id: int, *, blocked: bool) -> None:
        person = self._person(person_id)
        if person.blocked == blocked:
            return
        person.blocked = blocked
        kicked: JSON = {"user": self.bot_user(), "status": "kicked", "until_date": 0}
        member: JSON = {"user": self.bot_user(), "status": "member"}
        update = {
            "chat": person.as_chat(),
            "from": person.as_user(),
            "date": self.timestamp(),
            "old_chat_member": member if blocked else kicked,
            "new_chat_member": kicked if blocked else member,
        }
        self.delivery.push("my_chat_member", update, queue=f"member:{person_id}", lifetime=MESSAGE_LIFETIME)
        self.publish("person", person_id, person.view())

    def _show_keyboard(self, person: Person, markup: JSON | None) -> None:
        if not markup or "inline_keyboard" in markup:
            return
        person.keyboard = None if markup.get("remove_keyboard") else markup
        self.publish("person", person.id, person.view())


def content_of(body: JSON) -> JSON:
    """The part of a message that travels when it is forwarded or copied."""
    frame = {
        "message_id", "from", "chat", "date", "edit_date", "reply_to_message", "media_group_id", "reply_markup",
        "forward_origin", "forward_from", "forward_sender_name", "forward_date", "via_bot", "has_protected_content",
    }  # fmt: skip
    return {key: value for key, value in body.items() if key not in frame}


def without_reply(body: JSON) -> JSON:
    """reply_to_message of a reply is not included further, says the documentation of Message."""
    return {key: value for key, value in body.items() if key != "reply_to_message"}


def _legacy_forward(origin: JSON) -> JSON:
    """Before Bot API 7.0 forwards had fields of their own; Telegram still sends them."""
    if origin["type"] == "user":
        return {"forward_from": origin["sender_user"], "forward_date": origin["date"]}
    return {"forward_sender_name": origin.get("sender_user_name", ""), "forward_date": origin["date"]}


def _present(values: JSON) -> JSON:
    return {key: value for key, value in values.items() if value is not None}
