"""The methods of the Bot API: each checks its request by the rules, changes the world and says what it answers."""

import ipaddress
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox import rules, schema
from sandbox.delivery import Conflict, Webhook
from sandbox.links import LinkError, parse_url
from sandbox.requests import ALBUM_KINDS, CAPTIONED, REPLACEABLE, Params, Requests
from sandbox.rules import Refusal, bad
from sandbox.world import (
    CALLBACK_LIFETIME,
    DAY,
    INLINE_LIFETIME,
    OLD_MESSAGE,
    CallbackAnswer,
    InlineAnswer,
    Message,
    Person,
    Upload,
    UploadKind,
    World,
    content_of,
)

JSON = dict[str, Any]
Method = Callable[["Methods", Params], Awaitable[Any]]
Reply = Callable[[str, JSON], Awaitable[None]]


class Methods(Requests):
    """One bot's methods by their lower-case names; `reply` runs the method that a webhook's answer asks for."""

    def __init__(self, world: World, reply: Reply) -> None:
        super().__init__(world)
        self._reply_to_webhook = reply
        self._next_webhook_at = 0.0  # by time.monotonic
        self.table: dict[str, Method] = {
            name.replace("_", ""): method
            for name, method in vars(Methods).items()
            if callable(method) and not name.startswith("_") and name != "run"
        }

    async def run(self, name: str, params: Params, remarks: list[str]) -> Any:
        """Call a method by its name, in whatever case it is written; `remarks` gets what is odd but no refusal."""
        method = self.table.get(name.lower())
        if method is None and schema.is_known(name):
            raise Refusal(501, f"Not Implemented: the local Telegram has no {name}")
        if method is None:
            raise Refusal(404, "Not Found: method not found")
        remarks += schema.check(name, params.values, params.files)
        remarks += rules.markup_remarks(params.json_or_none("reply_markup"))
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
        limit = min(100, max(1, p.number("limit", 100)))
        try:
            delivery.refuse_polling()
            delivery.allow(p.json_or_none("allowed_updates"))
            return await delivery.poll(p.number("offset"), limit, p.number("timeout"))
        except Conflict as conflict:
            raise Refusal(409, str(conflict)) from None

    async def set_webhook(self, p: Params) -> bool:
        url, secret = p.text("url"), p.text("secret_token")
        if not url:
            return await self.delete_webhook(p)
        if time.monotonic() < self._next_webhook_at:  # the replicas of a bot that all start at once meet this
            raise Refusal(429, "Too Many Requests: retry after 1", {"retry_after": 1})
        self._next_webhook_at = time.monotonic() + 1
        delivery = self.world.delivery
        connections = min(100, max(1, p.number("max_connections", 40)))
        webhook = Webhook(url, secret, connections, p.text("ip_address") or None)
        if delivery.webhook != webhook or p.flag("drop_pending_updates"):
            delivery.set_webhook(None)
            if p.flag("drop_pending_updates"):
                delivery.drop_pending()
            _check_webhook(webhook)
            delivery.set_webhook(webhook, self._reply_to_webhook)
        delivery.allow(p.json_or_none("allowed_updates"))
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

    # --- sending --------------------------------------------------------------------------------------------------

    async def send_message(self, p: Params) -> JSON:
        if not p.text("text"):
            raise bad("Message text is empty")
        text, entities = rules.formatted(p.text("text"), p.text("parse_mode"), p.json_or_none("entities"))
        rules.check_length(text, rules.MAX_TEXT, "Message is too long")
        return self._send(p, self._text(text, entities) | self._preview(p))

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

    async def send_poll(self, p: Params) -> JSON:
        question, entities = rules.formatted(
            p.text("question"), p.text("question_parse_mode"), p.json_or_none("question_entities")
        )
        options = rules.poll_options(p.parsed("options", "options"))
        kind = p.text("type") or "regular"
        if kind not in ("regular", "quiz"):
            raise bad("Unsupported poll type specified")
        rules.check_question(question)
        poll: JSON = {
            "id": self.world.new_id(),
            "question": question,
            "options": [{"persistent_id": self.world.new_id(), "text": text, "voter_count": 0} for text in options],
            "total_voter_count": 0,
            "is_closed": p.flag("is_closed"),
            "is_anonymous": p.flag("is_anonymous") or not p.text("is_anonymous"),
            "type": kind,
            "allows_multiple_answers": p.flag("allows_multiple_answers"),
            "allows_revoting": p.flag("allows_revoting") if p.text("allows_revoting") else kind != "quiz",
            "members_only": False,
        }
        if entities:
            poll["question_entities"] = self._resolved(entities)
        if kind == "quiz":
            old_name = [p.number("correct_option_id", -1)] if p.text("correct_option_id") else []
            right = p.parsed("correct_option_ids", "correct option identifiers") or old_name
            poll["correct_option_ids"] = rules.right_options(right, len(options))
        return self._send(p, {"poll": poll})

    async def stop_poll(self, p: Params) -> JSON:
        markup = rules.reply_markup(p.values.get("reply_markup"))
        message = self._message(p, "message with poll to stop")
        if "poll" not in message.body or not message.out:
            raise bad("Message is not a poll")
        if message.body["poll"]["is_closed"]:
            raise bad("Poll has already been closed")
        poll: JSON = message.body["poll"] | {"is_closed": True}
        self.world.change(message, content_of(message.body) | {"poll": poll}, markup)
        return poll

    async def send_media_group(self, p: Params) -> list[JSON]:
        items = p.parsed("media", "media")
        if not isinstance(items, list):
            raise bad("Expected an Array of InputMedia")
        found = [self._media(p, item, for_album=True) for item in items]
        person = self._target(p)
        reply = self._reply(p, person)
        rules.check_album([kind for kind, _, _ in found], [body for _, _, body in found])
        bodies = [self._file_body(p, given, kind) | caption for kind, given, caption in found]
        group = {"media_group_id": self.world.new_id()}
        return [self.world.post(person.id, reply | group | self._options(p) | body).body for body in bodies]

    async def send_location(self, p: Params) -> JSON:
        location = self._location(p)
        if (period := p.number("live_period")) != 0:
            location |= rules.live_location(period, p.number("heading"), p.number("proximity_alert_radius"))
        return self._send(p, {"location": location})

    async def send_venue(self, p: Params) -> JSON:
        venue = {"location": self._location(p), "title": p.required("title"), "address": p.required("address")}
        return self._send(p, {"venue": venue, "location": venue["location"]})

    async def send_contact(self, p: Params) -> JSON:
        contact = {"phone_number": p.required("phone_number"), "first_name": p.required("first_name")}
        contact |= {name: p.text(name) for name in ("last_name", "vcard") if p.text(name)}
        return self._send(p, {"contact": contact})

    async def send_dice(self, p: Params) -> JSON:
        emoji = (p.text("emoji") or "🎲").replace("\ufe0f", "")
        if emoji not in rules.DICE:
            raise bad("EMOTICON_INVALID")
        return self._send(p, {"dice": {"emoji": emoji, "value": 4}})

    async def send_chat_action(self, p: Params) -> bool:
        action = p.text("action").lower()
        if action not in rules.CHAT_ACTIONS:
            raise bad("Wrong parameter action in request")
        person = self._reachable(p)
        self.world.publish("action", person.id, {"action": action})
        return True

    async def forward_message(self, p: Params) -> JSON:
        source = self._message(p, "message to forward", chat="from_chat_id")
        person = self._target(p)
        return self.world.post(person.id, self._options(p) | _forwarded(source)).body

    async def forward_messages(self, p: Params) -> list[JSON]:
        person, found = self._sources(p)
        bodies = [_forwarded(message) for message in found]
        return self._post_all(p, person, found, bodies)

    async def copy_message(self, p: Params) -> JSON:
        source = self._message(p, "message to copy", chat="from_chat_id")
        if source.content == "service":
            raise bad("The message can't be copied")
        body = content_of(source.body)
        if "caption" in p.values and source.content in CAPTIONED:
            body = _without_caption(body) | self._caption(p.values)
        return {"message_id": self._send(p, body)["message_id"]}

    async def copy_messages(self, p: Params) -> list[JSON]:
        person, found = self._sources(p)
        bodies = [content_of(message.body) for message in found]
        if p.flag("remove_caption"):
            bodies = [_without_caption(body) for body in bodies]
        return self._post_all(p, person, found, bodies)

    def _send(self, p: Params, body: JSON) -> JSON:
        markup = rules.reply_markup(p.values.get("reply_markup"))
        person = self._target(p)
        body = self._reply(p, person) | self._options(p) | body
        return self.world.post(person.id, body, reply_markup=markup).body

    def _send_file(self, p: Params, kind: UploadKind) -> JSON:
        given = self._given(p, p.files.get(kind) or p.text(kind))
        if given is None:
            raise bad(f"There is no {kind.replace('_', ' ')} in the request")
        caption = self._caption(p.values) if kind not in ("video_note", "sticker") else {}
        rules.reply_markup(p.values.get("reply_markup"))
        self._target(p)
        return self._send(p, self._file_body(p, given, kind) | caption)

    def _post_all(self, p: Params, person: Person, sources: list[Message], bodies: list[JSON]) -> list[JSON]:
        """Send them one by one; "album grouping is kept"."""
        groups: dict[str, str] = {}
        posted = []
        for source, body in zip(sources, bodies, strict=True):
            of = source.body.get("media_group_id")
            group = {"media_group_id": groups.setdefault(of, self.world.new_id())} if of else {}
            posted.append({"message_id": self.world.post(person.id, self._options(p) | group | body).id})
        return posted

    # --- editing and deleting -------------------------------------------------------------------------------------

    async def edit_message_text(self, p: Params) -> Any:
        if not p.text("text"):
            raise bad("Message text is empty")
        markup = rules.reply_markup(p.values.get("reply_markup"))
        text, entities = rules.formatted(p.text("text"), p.text("parse_mode"), p.json_or_none("entities"))
        message = self._editable(p)
        if message.content != "text":
            raise bad("There is no text in the message to edit")
        rules.check_length(text, rules.MAX_TEXT, "MESSAGE_TOO_LONG")  # what is too long to be sent has other words
        return self._edit(p, message, self._text(text, entities) | self._preview(p), markup)

    async def edit_message_caption(self, p: Params) -> Any:
        markup = rules.reply_markup(p.values.get("reply_markup"))
        caption = self._caption(p.values, too_long="MEDIA_CAPTION_TOO_LONG")
        message = self._editable(p)
        if message.content not in CAPTIONED:
            raise bad("There is no caption in the message to edit")
        return self._edit(p, message, _without_caption(content_of(message.body)) | caption, markup)

    async def edit_message_media(self, p: Params) -> Any:
        markup = rules.reply_markup(p.values.get("reply_markup"))
        kind, given, caption = self._media(p, p.parsed("media", "input media"))
        message = self._editable(p, "Message media can't be edited")
        if not p.text("chat_id") and isinstance(
            given, Upload
        ):  # "When an inline message is edited, a new file can't be uploaded"
            raise bad("Invalid message content specified")
        if message.content not in REPLACEABLE:
            raise bad("Message media can't be edited")
        if "media_group_id" in message.body and kind != message.content:
            if kind not in ALBUM_KINDS:
                raise bad("Message content type can't be used in an album")
            if {kind, message.content} & {"audio", "document"}:
                raise bad("Can't change media type in the album")
        return self._edit(p, message, self._file_body(p, given, kind) | caption, markup)

    async def edit_message_reply_markup(self, p: Params) -> Any:
        markup = rules.reply_markup(p.values.get("reply_markup"))
        message = self._editable(p)
        return self._edit(p, message, content_of(message.body), markup)

    async def edit_message_live_location(self, p: Params) -> Any:
        markup, location = rules.reply_markup(p.values.get("reply_markup")), self._location(p)
        message, old = self._live_location(p)
        rules.live_location(old["live_period"], p.number("heading"), p.number("proximity_alert_radius"))
        return self._edit(p, message, {"location": location | {"live_period": old["live_period"]}}, markup)

    async def stop_message_live_location(self, p: Params) -> Any:
        markup = rules.reply_markup(p.values.get("reply_markup"))
        message, old = self._live_location(p)
        still = {name: old[name] for name in ("latitude", "longitude")}
        return self._edit(p, message, {"location": still}, markup)

    async def delete_message(self, p: Params) -> bool:
        if not p.text("chat_id"):
            raise bad("Chat identifier is not specified")
        if p.number("message_id") <= 0:
            raise bad("Message identifier is not specified")
        self._check_alive(p)
        return self._delete([self._message(p, "message to delete")])

    async def delete_messages(self, p: Params) -> bool:
        self._check_alive(p)
        return self._delete(self._messages(p, "chat_id"))

    def _delete(self, messages: list[Message]) -> bool:
        for message in messages:
            age = (self.world.now() - message.date).total_seconds()
            if age > OLD_MESSAGE or (message.content == "dice" and age < DAY):
                raise bad("Message can't be deleted for everyone")
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

    def _edit(self, p: Params, message: Message, body: JSON, markup: JSON | None) -> JSON | bool:
        if markup is not None and "inline_keyboard" not in markup:
            raise bad("Inline keyboard expected")
        same = _plain(body) == _plain(content_of(message.body))
        if same and (markup or None) == (message.body.get("reply_markup") or None):
            raise bad(rules.NOT_MODIFIED)
        self.world.change(message, body, markup)
        return message.body if p.text("chat_id") else True

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
            if markup := rules.inline_markup(result.get("reply_markup"), web_app=False):
                result["_content"] = result["_content"] | {"reply_markup": markup}
        query = self.world.inline_queries.get(p.text("inline_query_id"))
        late = query is None or (self.world.now() - query.at).total_seconds() > INLINE_LIFETIME
        if query is None or late or query.answer.done():
            raise bad(rules.QUERY_TOO_OLD)
        if len(p.text("next_offset").encode()) > 64:
            raise bad("NEXT_OFFSET_INVALID")
        button = rules.inline_button_above(p.parsed("button", "inline query results button"))
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


def _check_webhook(webhook: Webhook) -> None:
    """The rules of the public server, but for this machine: there, as for a server of one's own, any port will do."""
    try:
        url = parse_url(webhook.url, https=True)
    except LinkError:
        raise bad("invalid webhook URL specified") from None
    if len(webhook.secret) > 256:
        raise bad("secret token is too long")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", webhook.secret):
        raise bad("secret token contains unallowed characters")
    if _is_here(url.host):
        return
    if url.https and url.real_port not in (443, 80, 88, 8443):
        raise bad("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
    if not url.https:
        raise bad("bad webhook: An HTTPS URL must be provided for webhook")
    raise bad("bad webhook: Failed to resolve host: Temporary failure in name resolution")  # there is no internet here


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _without_caption(body: JSON) -> JSON:
    return {key: value for key, value in body.items() if key not in ("caption", "caption_entities")}


def _forwarded(source: Message) -> JSON:
    if source.body.get("has_protected_content"):
        raise bad("Message has protected content and can't be forwarded")
    if source.content == "service":
        raise bad("The message can't be forwarded")
    origin = source.body.get("forward_origin") or {
        "type": "user",
        "sender_user": source.body["from"],
        "date": source.body["date"],
    }
    return {"forward_origin": origin} | content_of(source.body)


def _plain(body: JSON) -> JSON:
    """Content to compare: the same bytes uploaded again are another photo, but previews do not count."""
    return {key: value for key, value in body.items() if key not in ("link_preview_options", "edit_date")}
