"""Reading a request: its parameters, whom and which message it speaks of, and the content that it brings."""

import json
import re
from typing import Any, cast

from sandbox import media, rules
from sandbox.rules import Refusal, bad, forbidden
from sandbox.world import (
    EDIT_GRACE,
    OLD_MESSAGE,
    Message,
    Person,
    StoredFile,
    Upload,
    UploadKind,
    World,
    without_reply,
)

JSON = dict[str, Any]

CAPTIONED = ("photo", "document", "video", "voice", "audio", "animation")
ALBUM_KINDS = ("photo", "video", "document", "audio")
REPLACEABLE = ("text", "photo", "document", "video", "audio", "animation")


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

    def json_or_none(self, name: str) -> Any:
        """A nested value; None where it is no JSON, which the server passes over in silence with few parameters."""
        try:
            return self.parsed(name, name)
        except Refusal:
            return None

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


class Requests:
    """What the methods share: each of these finds or builds one thing, or refuses the request."""

    def __init__(self, world: World) -> None:
        self.world = world

    # --- finding what a request speaks of -------------------------------------------------------------------------

    def _chat(self, p: Params, name: str = "chat_id") -> Person:
        chat_id = p.text(name)
        if not chat_id:
            raise bad(f"{name} is empty")
        person = self.world.people.get(int(chat_id)) if re.fullmatch(r"-?\d+", chat_id) else None
        if person is None:
            raise bad("chat not found")
        return person

    def _check_alive(self, p: Params) -> Person:
        person = self._chat(p)
        if person.deactivated:
            raise forbidden("user is deactivated")
        return person

    def _reachable(self, p: Params) -> Person:
        """The person the bot wants to write to."""
        person = self._check_alive(p)
        if person.blocked:
            raise forbidden("bot was blocked by the user")
        if not person.started:
            raise forbidden("bot can't initiate conversation with a user")
        return person

    def _target(self, p: Params) -> Person:
        """The person the bot writes to, and whether there is the topic it writes in: no private chat has any."""
        if p.text("business_connection_id"):
            raise bad("business connection not found")
        person = self._reachable(p)
        if p.number("message_thread_id") > 0:
            raise bad("Message thread not found")
        return person

    def _message(self, p: Params, what: str, *, chat: str = "chat_id") -> Message:
        person = self._chat(p, chat)
        message = person.messages.get(p.number("message_id"))
        if message is None:
            raise bad(f"{what} not found")
        return message

    def _messages(self, p: Params, chat: str) -> list[Message]:
        """Those of message_ids that are there: "if some … can't be found …, they are skipped"."""
        ids = rules.message_ids(p.parsed("message_ids", "message_ids"))
        person = self._chat(p, chat)
        return [person.messages[one] for one in ids if one in person.messages]

    def _sources(self, p: Params) -> tuple[Person, list[Message]]:
        """Whom to send which messages: to forward or copy several."""
        rules.message_ids(p.parsed("message_ids", "message_ids"))
        person = self._target(p)
        found = self._messages(p, "from_chat_id")
        if not found:
            raise bad("There are no messages to forward")
        sendable = [message for message in found if message.content != "service"]
        if not sendable:
            raise bad("Messages can't be forwarded")
        return person, sendable

    def _editable(self, p: Params, otherwise: str = "Message can't be edited") -> Message:
        if not p.text("chat_id") and p.number("message_id") <= 0:
            return self._inline_message(p)
        if p.text("business_connection_id"):
            raise bad("business connection not found")
        message = self._message(p, "message to edit")
        self._check_alive(p)
        keyboard = message.reply_markup is not None and "inline_keyboard" not in message.reply_markup
        # What a person sent through inline mode is the bot's to edit, for two days.
        hers = message.inline_id is None or self._age(message) >= OLD_MESSAGE + EDIT_GRACE
        if (not message.out and hers) or keyboard or "forward_origin" in message.body:
            raise bad(otherwise)
        return message

    def _inline_message(self, p: Params) -> Message:
        inline_id = p.text("inline_message_id")
        if not inline_id:
            raise bad("Message identifier is not specified")
        if not re.fullmatch(r"[A-Za-z0-9_-]{20,}", inline_id):
            raise bad("Invalid inline message identifier specified")
        message = self.world.inline_message(inline_id)
        if message is None:
            raise bad("MESSAGE_ID_INVALID")
        return message

    def _live_location(self, p: Params) -> tuple[Message, JSON]:
        message = self._editable(p)
        location: JSON = message.body.get("location", {})
        if "live_period" not in location:
            raise bad("There is no live location in the message to edit")
        if self._age(message) >= location["live_period"]:
            raise bad("Message can't be edited")
        return message, location

    def _age(self, message: Message) -> float:
        return (self.world.now() - message.date).total_seconds()

    # --- building messages ----------------------------------------------------------------------------------------

    def _text(self, text: str, entities: list[JSON]) -> JSON:
        if not text:
            raise bad("Text must be non-empty")
        return {"text": text} | ({"entities": self._resolved(entities)} if entities else {})

    def _preview(self, p: Params) -> JSON:
        """link_preview_options, or the switch of old that does the same."""
        options = p.parsed("link_preview_options", "link preview options")
        if options is None:
            return {"link_preview_options": {"is_disabled": True}} if p.flag("disable_web_page_preview") else {}
        if not isinstance(options, dict):
            raise bad("Object expected as link preview options")
        return {"link_preview_options": options}

    def _caption(self, values: JSON, *, too_long: str = "Message caption is too long", said: str = "") -> JSON:
        """caption, parse_mode and caption_entities of a request or an InputMedia, with what else says how it looks."""
        p = Params(values, {})
        plain, found = rules.formatted(
            p.text("caption"), p.text("parse_mode"), p.json_or_none("caption_entities"), said=said
        )
        rules.check_length(plain, rules.MAX_CAPTION, too_long)
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
        if not given and p.number("reply_to_message_id") > 0:
            lenient = p.flag("allow_sending_without_reply")
            given = {"message_id": p.number("reply_to_message_id"), "allow_sending_without_reply": lenient}
        if not given:
            return {}
        if "message_id" not in given:
            raise bad('Can\'t find field "message_id"')
        message_id = int(given["message_id"])
        if message_id <= 0:
            return {}
        chat = given.get("chat_id")
        there = person if chat in (None, "", person.id, str(person.id)) else self._chat(Params({"chat_id": chat}, {}))
        quoted = there.messages.get(message_id)
        if quoted is None:
            if given.get("allow_sending_without_reply"):
                return {}
            raise bad("message to be replied not found")
        reply: JSON = {"reply_to_message": without_reply(quoted.body)}
        if given.get("quote"):
            text, entities = rules.formatted(
                str(given["quote"]), str(given.get("quote_parse_mode") or ""), given.get("quote_entities")
            )
            if text not in quoted.text:
                raise bad("QUOTE_TEXT_INVALID")
            quote = {"text": text, "position": quoted.text.index(text), "is_manual": True}
            reply["quote"] = quote | ({"entities": entities} if entities else {})
        return reply

    def _options(self, p: Params) -> JSON:
        return {"has_protected_content": True} if p.flag("protect_content") else {}

    def _given(self, p: Params, given: str | Upload) -> str | Upload | None:
        """An upload, what is attached under a name, a file_id or a link; None where nothing was attached."""
        if isinstance(given, str) and given.startswith("attach://"):
            return p.files.get(given.removeprefix("attach://"))
        return given or None

    def _file_body(self, p: Params, given: str | Upload, kind: UploadKind) -> JSON:
        body = self.world.file_body(self._file(given, kind))
        own = body.get(kind)  # what the bot says about its film or its sound
        if isinstance(own, dict):
            own |= {name: p.number(name) for name in media.MEASURES if p.text(name) and name in own}
            own |= {name: p.text(name) for name in ("title", "performer") if kind == "audio" and p.text(name)}
        return body

    def _file(self, given: str | Upload, kind: UploadKind) -> StoredFile:
        """A file that is uploaded now, or known by its file_id."""
        if isinstance(given, Upload):
            size = given.size if given.size is not None else len(given.data)
            rules.check_upload(kind, given.data, size)
            return self.world.store(Upload(given.name, given.data, given.mime, kind, given.size))
        stored = self.world.files.get(given)
        if stored is None:
            raise rules.wrong_file(given)
        # "It is not possible to change the file type when resending by file_id": a photo stays a photo; of the
        # others each comes as what it is, whatever it is sent as.
        if stored.kind != kind and "photo" in (stored.kind, kind):
            names = [name.replace("_", " ").title().replace(" ", "") for name in (stored.kind, kind)]
            raise bad(f"Can't use file of type {names[0]} as {names[1]}")
        return stored

    def _media(self, p: Params, item: Any, *, for_album: bool = False) -> tuple[UploadKind, str | Upload, JSON]:
        """The kind, the file and the caption of one InputMedia object."""
        said = "Can't parse InputMedia: "
        if not isinstance(item, dict):
            raise bad(f"{said}expected an Object")
        caption = self._caption(item, said=said)
        if "type" not in item:
            raise bad(f'{said}Can\'t find field "type"')
        given, kind = self._given(p, str(item.get("media", ""))), str(item["type"])
        if given is None:
            raise bad(f"{said}media not found")
        if kind == "animation" and for_album:
            raise bad(f'{said}type "{kind}" can\'t be used in sendMediaGroup')
        if kind not in REPLACEABLE or kind == "text":
            raise bad(f'{said}type "{kind}" is unsupported')
        return cast("UploadKind", kind), given, caption

    def _inline_content(self, result: JSON) -> JSON:
        """The message that choosing this inline result sends."""
        content = result.get("input_message_content")
        if isinstance(content, dict):
            return self._input_content(content, required=result["type"] == "article")
        if result["type"] == "article" and not result.get("message_text"):
            raise bad("Can't parse inline query result: Can't find field \"message_text\"")
        if result.get("message_text"):
            return self._input_content(result, required=True)
        for kind in ("photo", "document", "video", "voice", "audio"):
            if f"{kind}_file_id" in result:
                return self._file_body(Params({}, {}), str(result[f"{kind}_file_id"]), kind) | self._caption(result)
        if content := self._input_content(result, required=False):
            return content
        raise bad("failed to get HTTP URL content")  # a picture or a film in the internet, which there is none of here

    def _input_content(self, content: JSON, *, required: bool) -> JSON:
        p = Params(content, {})
        if p.text("message_text"):
            said = "Can't parse inline query result: "
            text, entities = rules.formatted(
                p.text("message_text"), p.text("parse_mode"), content.get("entities"), said=said
            )
            rules.check_length(text, rules.MAX_TEXT, "Message is too long")
            return self._text(text, entities) | self._preview(p)
        if "latitude" in content and "longitude" in content:
            venue = {"location": self._location(p), "title": p.text("title"), "address": p.text("address")}
            return {"location": venue["location"]} | ({"venue": venue} if "address" in content else {})
        if "phone_number" in content:
            return {"contact": {"phone_number": p.text("phone_number"), "first_name": p.text("first_name")}}
        if required:
            raise bad("Can't parse inline query result: Input message content is not specified")
        return {}

    def _location(self, p: Params) -> JSON:
        for name in ("latitude", "longitude"):
            if not p.text(name).strip():
                raise bad(f"{name} is empty")
        place = {name: rules.coordinate(p.text(name)) for name in ("latitude", "longitude")}
        if abs(place["latitude"]) > 90 or abs(place["longitude"]) > 180:
            raise bad("Invalid location specified")
        return place

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
