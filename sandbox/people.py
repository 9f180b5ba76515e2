"""People for stories: what a person does with a bot, word by word, and what they see on the screen."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import parse_qsl, urlsplit

from sandbox.api import LocalTelegram
from sandbox.world import JSON, CallbackAnswer, InlineAnswer, Message, Tap, Upload

Quiet = Callable[[], Awaitable[None]]


class VirtualUser:
    """A person at their phone. Every action waits until the bot is quiet again.

    `quiet` is the test's way to know that the bot has done everything it had to do; without it a confirmed update
    counts as done, which is enough for a bot that handles an update before it confirms it.
    """

    def __init__(
        self,
        telegram: LocalTelegram,
        *,
        id: int,  # noqa: A002
        first_name: str,
        last_name: str | None = None,
        username: str | None = None,
        language_code: str | None = "ru",
        quiet: Quiet | None = None,
        patience: float = 30.0,
    ) -> None:
        self.telegram, self.world = telegram, telegram.world
        self.id, self.name = id, first_name
        self.person = self.world.person(id, first_name, last_name, username, language_code)
        self.patience = patience  # seconds until a silent bot is a failure
        self.answer: CallbackAnswer | None = None
        self._quiet = quiet

    # --- what the person sees -------------------------------------------------------------------------------------

    @property
    def messages(self) -> list[Message]:
        """The whole chat, oldest first."""
        return self.world.chat(self.id)

    @property
    def sent(self) -> list[Message]:
        """What the person has said, oldest first."""
        return [m for m in self.messages if not m.out]

    @property
    def received(self) -> list[Message]:
        """What the bot has written, oldest first."""
        return [message for message in self.messages if message.out]

    @property
    def last(self) -> Message:
        """The newest message of the bot."""
        _expect(bool(self.received), f"{self.name} has heard nothing from the bot")
        return self.received[-1]

    @property
    def screen(self) -> str:
        """The newest message of the bot as text, its buttons row by row in brackets."""
        return show(self.last)

    @property
    def buttons(self) -> list[str]:
        """Labels of all visible inline buttons, newest message first, and of the reply keyboard."""
        inline = [label for message in reversed(self.messages) for label in message.labels]
        return inline + self.keyboard

    @property
    def keyboard(self) -> list[str]:
        """Labels of the reply keyboard shown now."""
        rows = (self.person.keyboard or {}).get("keyboard", [])
        return [str(button["text"]) for row in rows for button in row]

    @property
    def alert(self) -> str | None:
        """What the last answered press said (a toast or an alert), None when it said nothing."""
        return self.answer.text if self.answer else None

    @property
    def transcript(self) -> str:
        """The whole chat as text, for messages of failed tests."""
        return "\n\n".join(("бот: " if m.out else f"{self.name}: ") + show(m) for m in self.messages)

    def find(self, text: str) -> Message:
        """The newest message (of anybody) that contains this text."""
        found = next((message for message in reversed(self.messages) if text in message.text), None)
        if found is None:
            raise AssertionError(f"{self.name} sees no message with {text!r}:\n{self.transcript}")
        return found

    # --- what the person does -------------------------------------------------------------------------------------

    async def start(self, payload: str | None = None) -> None:
        """Press Start, or follow a link t.me/bot?start=payload."""
        await self.world.start(self.id, payload)
        await self.quiet()

    async def follow(self, link: str) -> None:
        """Open a link t.me/bot?start=… and press Start."""
        url = urlsplit(link if "://" in link else f"https://{link}")
        _expect(url.hostname in ("t.me", "telegram.me"), f"{link} is no link into Telegram")
        _expect(url.path == f"/{self.world.username}", f"{link} leads to another bot than {self.world.username}")
        await self.start(dict(parse_qsl(url.query)).get("start"))

    async def say(self, text: str) -> Message:
        return await self._sent(self.world.say(self.id, text))

    async def reply(self, to: Message, text: str) -> Message:
        return await self._sent(self.world.say(self.id, text, reply_to=to.id))

    async def edit(self, message: Message, text: str) -> Message:
        return await self._sent(self.world.edit(self.id, message.id, text))

    async def send_file(
        self, name: str, data: bytes, *, caption: str | None = None, mime: str = "", reply_to: Message | None = None
    ) -> Message:
        return (await self.send_album([Upload(name, data, mime)], caption=caption, reply_to=reply_to))[0]

    async def send_photo(self, data: bytes, *, caption: str | None = None) -> Message:
        return (await self.send_album([Upload("photo.jpg", data, kind="photo")], caption=caption))[0]

    async def send_voice(self, data: bytes = b"OggS") -> Message:
        return (await self.send_album([Upload("voice.oga", data, kind="voice")]))[0]

    async def send_album(
        self, uploads: Sequence[Upload], *, caption: str | None = None, reply_to: Message | None = None
    ) -> list[Message]:
        """Send files at once; the bot gets them one by one."""
        to = reply_to.id if reply_to else None
        sent = await self.world.send_files(self.id, uploads, caption, reply_to=to)
        await self.quiet()
        return sent

    async def forward(self, message: Message) -> Message:
        """Forward a message that somebody in this world has in their chat with the bot."""
        return await self._sent(self.world.forward(self.id, message.id, from_person=message.chat_id))

    async def forward_text(self, text: str, *, author: str = "Клиент", author_id: int | None = None) -> Message:
        """Forward what somebody outside wrote."""
        return await self._sent(self.world.forward_text(self.id, text, author=author, author_id=author_id))

    async def share_contact(self, phone: str) -> Message:
        return await self._sent(self.world.share_contact(self.id, phone))

    async def react(self, message: Message, emoji: str | None) -> None:
        await self.world.react(self.id, message.id, emoji)
        await self.quiet()

    async def block(self) -> None:
        await self.world.block(self.id)
        await self.quiet()

    async def unblock(self) -> None:
        await self.world.unblock(self.id)
        await self.quiet()

    async def tap(self, label: str, *, message: Message | None = None) -> CallbackAnswer | None:
        """Tap the button with this label: exactly it, else starting with it, else containing it; newest message first.

        A button of the reply keyboard is found too when no inline button fits; pressing it says its text.
        """
        where, button = self._button(label, message)
        if where is None:
            await self.say(str(button["text"]))
            return None
        return await self._tapped(await self._press(where, button))

    async def double_tap(self, label: str, *, message: Message | None = None) -> None:
        """Tap twice before the bot has answered; both presses must be answered."""
        where, button = self._button(label, message)
        if where is None:
            raise AssertionError(f"{label!r} is a button of the reply keyboard")
        for tap in [await self._press(where, button), await self._press(where, button)]:
            await self._tapped(tap)

    async def tap_old(self, snapshot: Message, label: str) -> CallbackAnswer | None:
        """Tap a button that `snapshot` (see `keep`) had, though the message may look different by now."""
        button = _pick(label, snapshot.buttons)
        if button is None:
            raise AssertionError(f"no button {label!r} in the old message; it had {snapshot.labels}")
        return await self._tapped(await self.world.press(self.id, snapshot.id, button))

    async def tap_data(self, message: Message, data: str) -> CallbackAnswer | None:
        """Send callback data of one's own making, as a tampered client can."""
        return await self._tapped(await self.world.press(self.id, message.id, data))

    async def inline(self, query: str, offset: str = "") -> InlineAnswer:
        """Type "@bot query" and wait for the results."""
        asked = await self.world.inline_query(self.id, query, offset)
        await self.quiet()
        _expect(asked.answer.done(), f"the bot did not answer the inline query {query!r}")
        self._asked = asked
        return asked.answer.result()

    async def choose(self, result_id: str) -> Message:
        """Send a result of the last inline query into one's chat with the bot."""
        return await self._sent(self.world.choose_inline(self.id, self._asked, result_id))

    # --- waiting --------------------------------------------------------------------------------------------------

    async def quiet(self) -> None:
        """Wait until the bot has taken every update and has nothing left to do."""
        try:
            async with asyncio.timeout(self.patience):
                await self.world.delivery.empty()
        except TimeoutError:
            raise AssertionError(f"the bot left updates untaken: {list(self.world.delivery.pending)}") from None
        if self._quiet is not None:
            await self._quiet()

    async def wait_for(self, text: str, *, timeout: float | None = None) -> Message:  # noqa: ASYNC109
        """Wait until the bot has written or edited a message that contains this text."""
        with self.world.subscribe() as events:
            try:
                async with asyncio.timeout(timeout or self.patience):
                    while not (found := [m for m in self.received if text in show(m)]):
                        await events.get()
            except TimeoutError:
                raise AssertionError(f"{self.name} waited in vain for {text!r}:\n{self.transcript}") from None
        return found[-1]

    # --- within ---------------------------------------------------------------------------------------------------

    async def _sent(self, sending: Awaitable[Message]) -> Message:
        message = await sending
        await self.quiet()
        return message

    async def _press(self, message: Message, button: JSON) -> Tap:
        _expect("callback_data" in button, f"{button['text']!r} is not a button that tells the bot: {button}")
        return await self.world.press(self.id, message.id, button)

    async def _tapped(self, tap: Tap) -> CallbackAnswer:
        await self.quiet()
        if not tap.answer.done():
            raise AssertionError(f"the bot did not answer the tap on {tap.data!r}:\n{self.transcript}")
        self.answer = tap.answer.result()
        return self.answer

    def _button(self, label: str, message: Message | None) -> tuple[Message | None, JSON]:
        for fits in _FITS:
            for one in [message] if message else reversed(self.messages):
                if button := next((b for b in one.buttons if fits(str(b["text"]), label)), None):
                    return one, button
        if message is None and (found := next((k for fits in _FITS for k in self.keyboard if fits(k, label)), None)):
            return None, {"text": found}
        visible = message.labels if message else self.buttons
        raise AssertionError(f"{self.name} sees no button {label!r}; visible are {visible}\n{self.transcript}")


def _eye(label: str) -> str:
    """A label as the eye takes it: nobody sees that a space does not break."""
    return label.replace("\u00a0", " ")


_FITS: tuple[Callable[[str, str], bool], ...] = (
    lambda text, label: _eye(text) == _eye(label),
    lambda text, label: _eye(text).startswith(_eye(label)),
    lambda text, label: _eye(label) in _eye(text),
)


def _pick(label: str, buttons: list[JSON]) -> JSON | None:
    return next((b for fits in _FITS for b in buttons if fits(str(b["text"]), label)), None)


def _expect(fact: bool, otherwise: str) -> None:
    if not fact:
        raise AssertionError(otherwise)


def show(message: Message) -> str:
    """A message as text: what is written, what is attached, and the buttons row by row."""
    lines = [message.text] if message.text else []
    if message.file is not None:
        lines.insert(0, f"<{message.content}: {message.file.get('file_name', '')}>".replace(": >", ">"))
    lines += [" ".join(f"[{button['text']}]" for button in row) for row in message.rows]
    return "\n".join(lines)


def keep(message: Message) -> Message:
    """A snapshot of how the message looks now, to tap its buttons after it has changed."""
    return Message(message.chat_id, message.id, message.out, dict(message.body), message.date, message.reply_markup)
