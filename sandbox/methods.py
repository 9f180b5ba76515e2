"""The methods of the Bot API: each checks its request by the rules, changes the world and says what it answers."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, cast

from sandbox import rules, schema
from sandbox.delivery import Conflict, Webhook
from sandbox.rules import Refusal, bad, forbidden
from sandbox.world import (
    CALLBACK_LIFETIME,
    INLINE_LIFETIME,
    OLD_MESSAGE,
    CallbackAnswer,
    InlineAnswer,
    Message,
    Person,
    StoredFile,
    Upload,
    UploadKind,
    World,
    content_of,
    without_reply,
)

JSON = dict[str, Any]
Method = Callable[["Methods", "Params"], Awaitable[Any]]


class Params:
    """The parameters of one request, however they came; nested objects may come as JSON in a string."""

    def __init__(self, values: JSON, files: dict[str, Upload]) -> None:
        self.values, self.files = values, files

    def text(self, name: str) -> str:
        value = self.values.get(name)
        return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def number(self, name: str, default: int = 0) -> int:
        """As to_integer of the real server: what is no number counts as 0."""
        value = self.values.get(name)
        if value is None or value == "":
            return default
        found = re.match(r"-?\d+", str(value))
        return int(found[0]) if found else 0

    def flag(self, name: str) -> bool:
        return str(self.values.get(name, "")).lower() in ("true", "yes", "1")

    def parsed(self, name: str, what: str) -> Any:
        value = self.values.get(name)
        if not isinstance(value, str) or value == "":
            return None if value == "" else value
        try:
            return json.loads(value)
        except ValueError:
            raise bad(f"Can't parse {what} JSON object") from None

    def required(self, name: str) -> str:
        if not (value := self.text(name)):
            raise bad(f'Parameter "{name}" is required')
        return value


class Methods:
    """One bot's methods by their lower-case names."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.table: dict[str, Method] = {
            name.replace("_", ""): method
            for name, method in vars(Methods).items()
            if callable(method) and not name.startswith("_") and name != "run"
        }

    async def run(self, name: str, params: Params, remarks: list[str]) -> Any:
        """Call a method by its name, in whatever case it is written; `remarks` gets what is odd but no refusal."""
        method = self.table.get(name.lower())
        if method is None:
            raise Refusal(404, "Not Found: method not found")
        remarks += schema.check(name, params.values, params.files)
        return await method(self, params)

    # --- the bot and its updates ----------------------------------------------------------------------------------

    async def get_me(self, _: Params) -> JSON:
        abilities = {
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": True,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }
        return self.world.bot_user() | abilities

    async def get_updates(self, p: Params) -> list[JSON]:
        delivery = self.world.delivery
        delivery.allow(p.parsed("allowed_updates", "allowed_updates"))
        limit = min(100, max(1, p.number("limit", 100)))
        try:
            return await delivery.poll(p.number("offset"), limit, p.number("timeout"))
        except Conflict as conflict:
            raise Refusal(409, str(conflict)) from None

    async def set_webhook(self, p: Params) -> bool:
        url, secret = p.text("url"), p.text("secret_token")
        if url:
            if not re.match(r"https?://[^/\s]+", url):
                raise bad("invalid webhook URL specified")
            if len(secret) > 256:
                raise bad("secret token is too long")
            if not re.fullmatch(r"[A-Za-z0-9_-]*", secret):
                raise bad("secret token contains unallowed characters")
        if p.flag("drop_pending_updates"):
            self.world.delivery.drop_pending()
        self.world.delivery.allow(p.parsed("allowed_updates", "allowed_updates"))
        connections = min(100, max(1, p.number("max_connections", 40)))
        webhook = Webhook(url, secret, connections, p.text("ip_address") or None) if url else None
        self.world.delivery.set_webhook(webhook, self._reply_to_webhook)
        return True

    async def delete_webhook(self, p: Params) -> bool:
        if p.flag("drop_pending_updates"):
            self.world.delivery.drop_pending()
        self.world.delivery.set_webhook(None)
        return True

    async def get_webhook_info(self, _: Params) -> JSON:
        return self.world.delivery.info()

    async def log_out(self, _: Params) -> bool:
        return True

    async def close(self, _: Params) -> bool:
        return True

    async def _reply_to_webhook(self, method: str, params: JSON) -> None:
        raise NotImplementedError  # replaced by the server, which records the call

    # --- sending --------------------------------------------------------------------------------------------------

    async def send_message(self, p: Params) -> JSON:
        if not p.text("text"):
            raise bad("Message text is empty")
        body = self._text(p.text("text"), p.text("parse_mode"), p.parsed("entities", "entities"))
        if options := p.parsed("link_preview_options", "link preview options"):
            if not isinstance(options, dict):
                raise bad("Object expected as link preview options")
            body["link_preview_options"] = options
        return self._send(p, body)

    async def send_photo(self, p: Params) -> JSON:
        return self._send_file(p, "photo")

    async def send_document(self, p: Params) -> JSON:
        return self._send_file(p, "document")

    async def send_voice(self, p: Params) -> JSON:
        return self._send_file(p, "voice")

    async def send_video(self, p: Params) -> JSON:
        return self._send_file(p, "video")

    async def send_audio(self, p: Params) -> JSON:
        return self._send_file(p, "audio")

    async def send_animation(self, p: Params) -> JSON:
        return self._send_file(p, "animation")

    async def send_video_note(self, p: Params) -> JSON:
        return self._send_file(p, "video_note")

    async def send_sticker(self, p: Params) -> JSON:
        return self._send_file(p, "sticker")

    async def send_media_group(self, p: Params) -> list[JSON]:
        p.required("media")
        items = p.parsed("media", "media")
        if not isinstance(items, list):
            raise bad("Expected an Array of InputMedia")
        kinds = [str(item.get("type", "")) if isinstance(item, dict) else "" for item in items]
        for kind in kinds:
            if kind not in ("photo", "video", "document", "audio"):
                text = "can't be used in sendMediaGroup" if kind == "animation" else "is unsupported"
                raise bad(f'Can\'t parse InputMedia: type "{kind}" {text}')
        rules.check_album(kinds)
        person = self._reachable(p)
        reply = self._reply(p, person)
        bodies = [self._media(p, item) for item in items]
        group = {"media_group_id": str(self.world.timestamp()) + str(len(person.messages))}
        return [self.world.post(person.id, reply | group | body).body for body in bodies]

    async def send_location(self, p: Params) -> JSON:
        return self._send(p, {"location": self._location(p)})

    async def send_venue(self, p: Params) -> JSON:
        venue = {"location": self._location(p), "title": p.required("title"), "address": p.required("address")}
        return self._send(p, {"venue": venue, "location": venue["location"]})

    async def send_contact(self, p: Params) -> JSON:
        contact = {"phone_number": p.required("phone_number"), "first_name": p.required("first_name")}
        contact |= {name: p.text(name) for name in ("last_name", "vcard") if p.text(name)}
        return self._send(p, {"contact": contact})

    async def send_dice(self, p: Params) -> JSON:
        return self._send(p, {"dice": {"emoji": p.text("emoji") or "🎲", "value": 4}})

    async def send_chat_action(self, p: Params) -> bool:
        action = p.text("action").lower()
        if action not in rules.CHAT_ACTIONS:
            raise bad("Wrong parameter action in request")
        person = self._reachable(p)
        self.world.publish("action", person.id, {"action": action})
        return True

    async def forward_message(self, p: Params) -> JSON:
        return self._forwarded(p, self._message(p, "message to forward", chat="from_chat_id"))

    async def forward_messages(self, p: Params) -> list[JSON]:
        messages = self._messages(p, "message to forward")
        return [{"message_id": self._forwarded(p, message)["message_id"]} for message in messages]

    async def copy_message(self, p: Params) -> JSON:
        source = self._message(p, "message to copy", chat="from_chat_id")
        body = content_of(source.body)
        if source.content == "service":
            raise bad("message can't be copied")
        if "caption" in p.values and source.content != "text":
            body = {k: v for k, v in body.items() if k not in ("caption", "caption_entities")} | self._caption(p.values)
        return {"message_id": self._send(p, body)["message_id"]}

    async def copy_messages(self, p: Params) -> list[JSON]:
        person = self._reachable(p)
        found = self._messages(p, "message to copy")
        return [{"message_id": self.world.post(person.id, content_of(m.body)).id} for m in found]

    # --- editing and deleting -------------------------------------------------------------------------------------

    async def edit_message_text(self, p: Params) -> JSON:
        if not p.text("text"):
            raise bad("Message text is empty")
        markup = rules.reply_markup(p.values.get("reply_markup"))
        message = self._editable(p)
        if message.content != "text":
            raise bad("There is no text in the message to edit")
        body = self._text(p.text("text"), p.text("parse_mode"), p.parsed("entities", "entities"))
        if options := p.parsed("link_preview_options", "link preview options"):
            body["link_preview_options"] = options
        return self._edit(message, body, markup)

    async def edit_message_caption(self, p: Params) -> JSON:
        markup = rules.reply_markup(p.values.get("reply_markup"))
        message = self._editable(p)
        if message.content not in ("photo", "document", "video", "voice", "audio", "animation"):
            raise bad("There is no caption in the message to edit")
        body = {k: v for k, v in content_of(message.body).items() if k not in ("caption", "caption_entities")}
        return self._edit(message, body | self._caption(p.values), markup)

    async def edit_message_media(self, p: Params) -> JSON:
        markup = rules.reply_markup(p.values.get("reply_markup"))
        p.required("media")
        message = self._editable(p)
        if message.content not in ("text", "photo", "document", "video", "audio", "animation"):
            raise bad("message can't be edited")
        body = self._media(p, p.parsed("media", "input media"))
        if (
            "media_group_id" in message.body
            and message.content in ("audio", "document")
            and message.content not in body
        ):
            raise bad("Message can't be edited to the specified message type")
        return self._edit(message, body, markup)

    async def edit_message_reply_markup(self, p: Params) -> JSON:
        markup = rules.reply_markup(p.values.get("reply_markup"))
        message = self._editable(p)
        return self._edit(message, content_of(message.body), markup)

    async def delete_message(self, p: Params) -> bool:
        if not p.text("chat_id"):
            raise bad("Chat identifier is not specified")
        if p.number("message_id") <= 0:
            raise bad("Message identifier is not specified")
        message = self._message(p, "message to delete")
        if (self.world.now() - message.date).total_seconds() > OLD_MESSAGE:
            raise bad("message can't be deleted for everyone")
        self.world.remove(message.chat_id, message.id)
        return True

    async def delete_messages(self, p: Params) -> bool:
        messages = self._messages(p, "message to delete", chat="chat_id")
        if any((self.world.now() - message.date).total_seconds() > OLD_MESSAGE for message in messages):
            raise bad("message can't be deleted for everyone")
        for message in messages:
            self.world.remove(message.chat_id, message.id)
        return True

    async def pin_chat_message(self, p: Params) -> bool:
        message = self._message(p, "message to pin")
        person = self.world.people[message.chat_id]
        self.world.pin(person.id, [*(i for i in person.pinned if i != message.id), message.id])
        return True

    async def unpin_chat_message(self, p: Params) -> bool:
        person = self._chat(p)
        message_id = p.number("message_id")
        gone = message_id if message_id > 0 else (person.pinned or [0])[-1]
        if gone not in person.pinned:
            raise bad("Message to unpin not found")
        self.world.pin(person.id, [i for i in person.pinned if i != gone])
        return True

    async def unpin_all_chat_messages(self, p: Params) -> bool:
        self.world.pin(self._chat(p).id, [])
        return True

    async def set_message_reaction(self, p: Params) -> bool:
        reactions = rules.reactions(p.parsed("reaction", "reaction types"))
        message = self._message(p, "message to react")
        self.world.set_reaction(message, "bot", reactions)
        return True

    # --- answering ------------------------------------------------------------------------------------------------

    async def answer_callback_query(self, p: Params) -> bool:
        tap = self.world.taps.get(p.text("callback_query_id"))
        late = tap is None or (self.world.now() - tap.at).total_seconds() > CALLBACK_LIFETIME
        if tap is None or late or tap.answer.done():
            raise bad(rules.QUERY_TOO_OLD)
        text, url = p.text("text"), p.text("url")
        if len(text) > rules.MAX_ANSWER:
            raise bad("MESSAGE_TOO_LONG")
        if url and not re.match(rf"https?://t(elegram)?\.me/{self.world.username}\?start=", url):
            raise bad("URL_INVALID")
        self.world.answer_tap(tap, CallbackAnswer(text or None, p.flag("show_alert"), url or None))
        return True

    async def answer_inline_query(self, p: Params) -> bool:
        results = rules.inline_results(p.parsed("results", "inline query results"))
        for result in results:
            result["_content"] = self._inline_content(result)
            if markup := rules.reply_markup(result.get("reply_markup")):
                result["_content"] = result["_content"] | {"reply_markup": markup}
        query = self.world.inline_queries.get(p.text("inline_query_id"))
        late = query is None or (self.world.now() - query.at).total_seconds() > INLINE_LIFETIME
        if query is None or late or query.answer.done():
            raise bad(rules.QUERY_TOO_OLD)
        if len(p.text("next_offset").encode()) > 64:
            raise bad("NEXT_OFFSET_INVALID")
        button = p.parsed("button", "inline query results button")
        answer = InlineAnswer(
            results, p.text("next_offset"), button, p.flag("is_personal"), p.number("cache_time", 300)
        )
        self.world.answer_inline(query, answer)
        return True

    # --- commands and the profile ---------------------------------------------------------------------------------

    async def set_my_commands(self, p: Params) -> bool:
        checked = rules.commands(p.parsed("commands", "commands") or [])
        self.world.commands[self._scope(p)] = checked
        self.world.publish("commands", None, {})
        return True

    async def get_my_commands(self, p: Params) -> list[JSON]:
        return self.world.commands.get(self._scope(p), [])

    async def delete_my_commands(self, p: Params) -> bool:
        self.world.commands.pop(self._scope(p), None)
        self.world.publish("commands", None, {})
        return True

    async def set_chat_menu_button(self, p: Params) -> bool:
        button = p.parsed("menu_button", "menu button") or {"type": "default"}
        if not isinstance(button, dict) or button.get("type") not in ("default", "commands", "web_app"):
            raise bad("Can't parse menu button: MenuButton has unsupported type")
        self.world.set_menu_button(self._chat(p).id if p.text("chat_id") else None, button)
        return True

    async def get_chat_menu_button(self, p: Params) -> JSON:
        own = self._chat(p).menu_button if p.text("chat_id") else None
        return own or self.world.menu_button

    async def set_my_name(self, p: Params) -> bool:
        return self._set_profile(p, "name", 64)

    async def get_my_name(self, p: Params) -> JSON:
        return {"name": self._profile(p, "name") or self.world.bot_name}

    async def set_my_description(self, p: Params) -> bool:
        return self._set_profile(p, "description", 512)

    async def get_my_description(self, p: Params) -> JSON:
        return {"description": self._profile(p, "description")}

    async def set_my_short_description(self, p: Params) -> bool:
        return self._set_profile(p, "short_description", 120)

    async def get_my_short_description(self, p: Params) -> JSON:
        return {"short_description": self._profile(p, "short_description")}

    # --- chats and files ------------------------------------------------------------------------------------------

    async def get_chat(self, p: Params) -> JSON:
        person = self._chat(p)
        gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
        full = {
            "accent_color_id": person.id % 7,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys(gifts, True),
        }
        if person.pinned:
            full["pinned_message"] = person.messages[person.pinned[-1]].body
        if person.username:
            full["active_usernames"] = [person.username]
        return person.as_chat() | full

    async def get_chat_member(self, p: Params) -> JSON:
        person, user_id = self._chat(p), p.number("user_id")
        if user_id <= 0:
            raise bad("Invalid user_id specified")
        if user_id == self.world.bot_id:
            return {"user": self.world.bot_user(), "status": "member"}
        if user_id != person.id:
            raise bad("user not found")
        return {"user": person.as_user(), "status": "member"}

    async def get_chat_member_count(self, p: Params) -> int:
        self._chat(p)
        return 2

    async def get_chat_administrators(self, p: Params) -> JSON:
        self._chat(p)
        raise bad("there are no administrators in the private chat")

    async def get_user_profile_photos(self, p: Params) -> JSON:
        if p.number("user_id") not in self.world.people:
            raise bad("user not found")
        return {"total_count": 0, "photos": []}

    async def get_file(self, p: Params) -> JSON:
        if not p.text("file_id"):
            raise bad("file_id not specified")
        stored = self.world.files.get(p.text("file_id"))
        if stored is None:
            raise bad("invalid file_id")
        if stored.size > rules.MAX_DOWNLOAD:
            raise bad("file is too big")
        base = {"file_id": stored.file_id, "file_unique_id": stored.unique_id}
        return base | {"file_size": stored.size, "file_path": stored.path}

    # --- finding what a request speaks of -------------------------------------------------------------------------

    def _chat(self, p: Params, name: str = "chat_id") -> Person:
        chat_id = p.text(name)
        if not chat_id:
            raise bad(f"{name} is empty")
        person = self.world.people.get(int(chat_id)) if re.fullmatch(r"-?\d+", chat_id) else None
        if person is None:
            raise bad("chat not found")
        return person

    def _reachable(self, p: Params) -> Person:
        """The person the bot wants to write to."""
        person = self._chat(p)
        if person.deactivated:
            raise forbidden("user is deactivated")
        if person.blocked:
            raise forbidden("bot was blocked by the user")
        if not person.started:
            raise forbidden("bot can't initiate conversation with a user")
        return person

    def _message(self, p: Params, what: str, *, chat: str = "chat_id") -> Message:
        person = self._chat(p, chat)
        message = person.messages.get(p.number("message_id"))
        if message is None:
            raise bad(f"{what} not found")
        return message

    def _messages(self, p: Params, what: str, *, chat: str = "from_chat_id") -> list[Message]:
        if not p.text("message_ids"):
            raise bad("Message identifiers are not specified")
        ids = p.parsed("message_ids", "message_ids")
        if not isinstance(ids, list):
            raise bad("Expected an Array of message identifiers")
        if len(ids) > 100:
            raise bad("Too many message identifiers specified")
        person = self._chat(p, chat)
        found = [person.messages[int(i)] for i in ids if int(i) in person.messages]
        if not found and what != "message to delete":  # "if some … can't be found, they are skipped"
            raise bad(f"{what} not found")
        return found

    def _editable(self, p: Params) -> Message:
        if not p.text("chat_id") and p.number("message_id") <= 0:
            if not p.text("inline_message_id"):
                raise bad("Message identifier is not specified")
            raise bad("MESSAGE_ID_INVALID")
        message = self._message(p, "message to edit")
        keyboard = message.reply_markup is not None and "inline_keyboard" not in message.reply_markup
        if not message.out or keyboard or "forward_origin" in message.body:
            raise bad("Message can't be edited")
        return message

    # --- building messages ----------------------------------------------------------------------------------------

    def _text(self, text: str, parse_mode: str, entities: Any) -> JSON:
        plain, found = rules.formatted(text, parse_mode, entities, limit=rules.MAX_TEXT, too_long="Message is too long")
        if not plain:
            raise bad("Text must be non-empty")
        return {"text": plain} | ({"entities": self._resolved(found)} if found else {})

    def _caption(self, values: JSON) -> JSON:
        """caption, parse_mode and caption_entities of a request or of an InputMedia."""
        p = Params(values, {})
        plain, found = rules.formatted(
            p.text("caption"),
            p.text("parse_mode"),
            p.parsed("caption_entities", "caption entities"),
            limit=rules.MAX_CAPTION,
            too_long="Message caption is too long",
        )
        body: JSON = {"caption": plain} if plain else {}
        if plain and found:
            body["caption_entities"] = self._resolved(found)
        for name in ("show_caption_above_media", "has_spoiler"):
            if p.flag(name):
                body["has_media_spoiler" if name == "has_spoiler" else name] = True
        return body

    def _resolved(self, entities: list[JSON]) -> list[JSON]:
        """A mention of a user by id becomes text_mention when the bot knows them, and is dropped otherwise."""
        resolved = []
        for entity in entities:
            if "_user_id" in entity:
                person = self.world.people.get(entity["_user_id"])
                if person is None:
                    continue
                entity = {k: v for k, v in entity.items() if k != "_user_id"} | {"user": person.as_user()}  # noqa: PLW2901
            resolved.append(entity)
        return resolved

    def _reply(self, p: Params, person: Person) -> JSON:
        given = p.parsed("reply_parameters", "reply parameters") or {}
        if not isinstance(given, dict):
            raise bad("Object expected as reply parameters")
        if "reply_to_message_id" in p.values:
            given = {"message_id": p.number("reply_to_message_id")} | given
        if not given:
            return {}
        if not isinstance(given.get("message_id"), int):
            raise bad('Can\'t find field "message_id"')
        quoted = person.messages.get(given["message_id"])
        if quoted is not None:
            return {"reply_to_message": without_reply(quoted.body)}
        if given.get("allow_sending_without_reply") or p.flag("allow_sending_without_reply"):
            return {}
        raise bad("message to be replied not found")

    def _send(self, p: Params, body: JSON) -> JSON:
        markup = rules.reply_markup(p.values.get("reply_markup"))
        person = self._reachable(p)
        body = self._reply(p, person) | body
        if p.flag("protect_content"):
            body["has_protected_content"] = True
        return self.world.post(person.id, body, reply_markup=markup).body

    def _send_file(self, p: Params, kind: UploadKind) -> JSON:
        given = p.files.get(kind) or p.text(kind)
        if not given:
            raise bad(f"There is no {kind.replace('_', ' ')} in the request")
        rules.reply_markup(p.values.get("reply_markup"))
        self._reachable(p)
        caption = self._caption(p.values) if kind not in ("video_note", "sticker") else {}
        body = self.world.file_body(self._file(p, given, kind))
        return self._send(p, body | caption)

    def _file(self, p: Params, given: str | Upload, kind: UploadKind) -> StoredFile:
        """A file of the request: uploaded, attached under a name, known by file_id, or a link."""
        if isinstance(given, str) and given.startswith("attach://"):
            attached = p.files.get(given.removeprefix("attach://"))
            if attached is None:
                raise bad("Wrong file identifier/HTTP URL specified")
            given = attached
        if isinstance(given, Upload):
            size = given.size if given.size is not None else len(given.data)
            rules.check_upload(kind, given.data, size)
            return self.world.store(Upload(given.name, given.data, given.mime, kind, given.size))
        if re.match(r"(?i)https?://", given):
            raise bad("failed to get HTTP URL content")  # the local Telegram has no internet
        stored = self.world.files.get(given)
        if stored is None:
            raise bad("Wrong file identifier/HTTP URL specified")
        apart = ("photo", "sticker", "video_note")
        if stored.kind != kind and (kind in apart or stored.kind in apart):
            names = [name.replace("_", " ").title().replace(" ", "") for name in (stored.kind, kind)]
            raise bad(f"Can't use file of type {names[0]} as {names[1]}")
        return stored

    def _media(self, p: Params, item: Any) -> JSON:
        """The body of one InputMedia object."""
        said = "Can't parse InputMedia: "
        if not isinstance(item, dict):
            raise bad(f"{said}expected an Object")
        kind = str(item.get("type", "")).lower()
        if kind not in ("photo", "video", "document", "audio", "animation"):
            raise bad(f'{said}type "{kind}" is unsupported')
        if not item.get("media"):
            raise bad(f"{said}media not found")
        caption = self._caption(item)
        stored = self._file(p, str(item["media"]), cast("UploadKind", kind))
        return self.world.file_body(stored) | caption

    def _edit(self, message: Message, body: JSON, markup: JSON | None) -> JSON:
        if markup is not None and "inline_keyboard" not in markup:
            raise bad("Inline keyboard expected")
        same = _plain(body) == _plain(content_of(message.body))
        if same and (markup or None) == (message.body.get("reply_markup") or None):
            raise bad(rules.NOT_MODIFIED)
        self.world.change(message, body, markup)
        return message.body

    def _forwarded(self, p: Params, source: Message) -> JSON:
        person = self._reachable(p)
        if source.body.get("has_protected_content"):
            raise bad("Message has protected content and can't be forwarded")
        origin = source.body.get("forward_origin") or {
            "type": "user",
            "sender_user": source.body["from"],
            "date": source.body["date"],
        }
        return self.world.post(person.id, {"forward_origin": origin} | content_of(source.body)).body

    def _inline_content(self, result: JSON) -> JSON:
        content = result.get("input_message_content")
        if isinstance(content, dict) and "message_text" in content:
            if not content["message_text"]:
                raise bad("Message text is empty")
            return self._text(content["message_text"], content.get("parse_mode") or "", content.get("entities"))
        kind = next(
            (name for name in ("photo", "document", "video", "voice", "audio") if f"{name}_file_id" in result), ""
        )
        if kind:
            stored = self._file(Params({}, {}), str(result[f"{kind}_file_id"]), cast("UploadKind", kind))
            return self.world.file_body(stored) | self._caption(result)
        return {"text": str(result.get("title") or result["id"])}

    def _location(self, p: Params) -> JSON:
        for name in ("latitude", "longitude"):
            if not p.text(name):
                raise bad(f"{name} is empty")
        return {name: float(p.text(name)) for name in ("latitude", "longitude")}

    def _scope(self, p: Params) -> tuple[str, int, str]:
        scope = p.parsed("scope", "BotCommandScope") or {"type": "default"}
        if not isinstance(scope, dict):
            raise bad("Can't parse BotCommandScope: BotCommandScope must be an Object")
        kind, code = str(scope.get("type", "")), rules.language(p.text("language_code"))
        if kind in ("default", "all_private_chats", "all_group_chats", "all_chat_administrators"):
            return kind, 0, code
        if kind not in ("chat", "chat_administrators", "chat_member"):
            raise bad("Can't parse BotCommandScope: Unsupported type specified")
        if not scope.get("chat_id"):
            raise bad("Can't parse BotCommandScope: Empty chat_id specified")
        chat = self._chat(Params({"chat_id": scope["chat_id"]}, {}))
        if kind != "chat":
            raise bad("Can't use specified scope in private chats")
        return kind, chat.id, code

    def _set_profile(self, p: Params, name: str, limit: int) -> bool:
        if len(p.text(name)) > limit:
            raise bad(f"{name.upper()}_TOO_LONG")
        self.world.profile[name, rules.language(p.text("language_code"))] = p.text(name)
        return True

    def _profile(self, p: Params, name: str) -> str:
        code = rules.language(p.text("language_code"))
        return self.world.profile.get((name, code)) or self.world.profile.get((name, ""), "")


def _plain(body: JSON) -> JSON:
    """Content to compare: the same bytes uploaded again are another photo, but previews do not count."""
    return {key: value for key, value in body.items() if key not in ("link_preview_options", "edit_date")}
