"""What Telegram refuses and in which words. Pure: nothing here changes the world.

The texts are those of telegram-bot-api and tdlib, or of Telegram's servers as these two pass them on.
"""

import json
import re
from typing import Any

from sandbox import media
from sandbox.html import (
    Entity,
    ParseError,
    checked_link,
    merge_found,
    parse_html,
    parse_markdown,
    sort_entities,
    trim,
    utf16_len,
)

JSON = dict[str, Any]

MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_ANSWER = 200
MAX_DOWNLOAD = 20 * 1024 * 1024
MAX_UPLOAD = 50 * 1024 * 1024
MAX_PHOTO = 10 * 1024 * 1024
MAX_BUTTONS = 100  # inline and reply keyboards alike
MAX_MARKUP = 10_000  # bytes of an inline keyboard; beyond it "reply markup is too long"

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)
QUERY_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"

CHAT_ACTIONS = frozenset({
    "cancel", "typing", "record_video", "upload_video", "record_audio", "record_voice", "upload_audio",
    "upload_voice", "upload_photo", "upload_document", "choose_sticker", "pick_up_location", "find_location",
    "record_video_note", "upload_video_note",
})  # fmt: skip
REACTIONS = frozenset({
    "❤", "👍", "👎", "🔥", "🥰", "👏", "😁", "🤔", "🤯", "😱", "🤬", "😢", "🎉", "🤩", "🤮", "💩", "🙏",
    "👌", "🕊", "🤡", "🥱", "🥴", "😍", "🐳", "❤‍🔥", "🌚", "🌭", "💯", "🤣", "⚡", "🍌", "🏆", "💔",
    "🤨", "😐", "🍓", "🍾", "💋", "🖕", "😈", "😴", "😭", "🤓", "👻", "👨‍💻", "👀", "🎃", "🙈", "😇",
    "😨", "🤝", "✍", "🤗", "🫡", "🎅", "🎄", "☃", "💅", "🤪", "🗿", "🆒", "💘", "🙉", "🦄", "😘", "💊",
    "🙊", "😎", "👾", "🤷‍♂", "🤷", "🤷‍♀", "😡",
})  # fmt: skip


class Refusal(Exception):
    """An answer with ok=false."""

    def __init__(self, code: int, description: str, parameters: JSON | None = None) -> None:
        super().__init__(description)
        self.code, self.description, self.parameters = code, description, parameters


def bad(text: str) -> Refusal:
    """400: the text starts small unless it is one of the server's CODE_WORDS, as in fail_query_with_error."""
    second = text[1:2]
    keep = second == "_" or second.isupper()
    return Refusal(400, f"Bad Request: {text if keep else text[:1].lower() + text[1:]}")


def forbidden(text: str) -> Refusal:
    return Refusal(403, f"Forbidden: {text}")


# --- text -----------------------------------------------------------------------------------------------------------


def formatted(text: str, parse_mode: str, entities: Any, *, limit: int, too_long: str) -> tuple[str, list[Entity]]:
    """The text as people see it with its entities; empty in, empty out."""
    if len(text.encode("utf-8", "surrogatepass")) > 1 << 15:
        raise bad("Text is too long")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise bad("Strings must be encoded in UTF-8") from None
    mode = parse_mode.lower()
    try:
        if not text or mode in ("", "none"):
            found = checked_entities(entities)
        elif mode == "html":
            text, found = parse_html(text)
        elif mode in ("markdown", "markdownv2"):
            text, found = parse_markdown(text)
        else:
            raise bad("Unsupported parse_mode")
    except ParseError as error:
        raise bad(f"can't parse entities: {error}") from None
    text, found = trim(text, found)
    if utf16_len(text) > limit:
        raise bad(too_long)
    return text, merge_found(text, found)


_ENTITY_TYPES = frozenset({
    "mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bold", "italic",
    "underline", "strikethrough", "spoiler", "blockquote", "expandable_blockquote", "code", "pre",
    "text_link", "text_mention", "custom_emoji", "date_time",
})  # fmt: skip
_FOUND_BY_ITSELF = frozenset({
    "mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number",
})  # fmt: skip


def checked_entities(entities: Any) -> list[Entity]:
    if not isinstance(entities, list):
        return []
    kept: list[Entity] = []
    for entity in entities:
        if not isinstance(entity, dict):
            raise bad("Can't parse MessageEntity: expected an Object")
        for name in ("offset", "length"):
            if not isinstance(entity.get(name), int):
                raise bad(f"Can't parse MessageEntity: Can't find field \"{name}\"")
        if not 0 <= entity["offset"] <= 1_000_000:
            raise bad(f"Receive an entity with incorrect offset {entity['offset']}")
        if not 0 <= entity["length"] <= 1_000_000:
            raise bad(f"Receive an entity with incorrect length {entity['length']}")
        kind = entity.get("type")
        # Telegram finds these in the text by itself and ignores what a bot says about them.
        if kind in _FOUND_BY_ITSELF or kind not in _ENTITY_TYPES or entity["length"] == 0:
            continue
        if kind == "text_link":
            url = checked_link(str(entity.get("url", "")))
            if url is None:
                continue
            entity = entity | {"url": url}  # noqa: PLW2901
        kept.append(entity)
    return sort_entities(kept)


# --- keyboards ------------------------------------------------------------------------------------------------------

_INLINE_ACTIONS = (
    "url", "callback_data", "callback_game", "pay", "switch_inline_query", "switch_inline_query_chosen_chat",
    "switch_inline_query_current_chat", "login_url", "web_app", "copy_text",
)  # fmt: skip


def reply_markup(value: Any) -> JSON | None:
    """A checked keyboard of any kind, or None where there is none."""
    if value in (None, ""):
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise bad("Can't parse reply keyboard markup JSON object") from None
    if not isinstance(value, dict):
        raise bad("Object expected as reply markup")
    if rows := _rows(value, "keyboard", 'Field "keyboard" must be an Array of Arrays'):
        keyboard = [[_reply_button(button) for button in row] for row in rows]
        if sum(map(len, keyboard)) > 300:
            raise bad("reply markup is too long")
        return {**value, "keyboard": [row for row in keyboard if row]}
    text = 'Field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays'
    if rows := _rows(value, "inline_keyboard", text):
        inline = [[_inline_button(button) for button in row] for row in rows]
        inline = [row for row in inline if row]
        if sum(map(len, inline)) > MAX_BUTTONS or len(json.dumps(inline, ensure_ascii=False).encode()) > MAX_MARKUP:
            raise bad("reply markup is too long")
        return {"inline_keyboard": inline} if inline else None
    if value.get("remove_keyboard"):
        return {"remove_keyboard": True}
    if value.get("force_reply"):
        return {key: value[key] for key in ("force_reply", "input_field_placeholder") if key in value}
    return None


def _rows(value: JSON, name: str, complaint: str) -> list[list[Any]]:
    rows = value.get(name)
    if rows is None:
        return []
    if not isinstance(rows, list):
        raise bad(f'Field "{name}" must be of type Array')
    if not all(isinstance(row, list) for row in rows):
        raise bad(complaint)
    return rows


def _reply_button(button: Any) -> JSON:
    if isinstance(button, str):
        button = {"text": button}
    if not isinstance(button, dict):
        raise bad("Can't parse keyboard button: KeyboardButton must be a String or an Object")
    if not isinstance(button.get("text"), str):
        raise bad("Can't parse keyboard button: Can't find field \"text\"")
    if not button["text"].strip():
        raise bad("Keyboard button text must be non-empty")
    return button


def _inline_button(button: Any) -> JSON:
    said = "Can't parse inline keyboard button: "
    if not isinstance(button, dict):
        raise bad(f"{said}InlineKeyboardButton must be an Object")
    if not isinstance(button.get("text"), str):
        raise bad(f'{said}Can\'t find field "text"')
    action = next((name for name in _INLINE_ACTIONS if button.get(name) not in (None, "")), None)
    if action is None and ("switch_inline_query" in button or "switch_inline_query_current_chat" in button):
        action = "switch_inline_query" if "switch_inline_query" in button else "switch_inline_query_current_chat"
    if action is None:
        raise bad(f"{said}Text buttons are unallowed in the inline keyboard")
    if not button["text"].strip():
        raise bad("Inline keyboard button text must be non-empty")
    if action == "callback_data" and not 1 <= len(str(button["callback_data"]).encode()) <= 64:
        raise bad("BUTTON_DATA_INVALID")
    if action == "copy_text" and not 1 <= len(str(button["copy_text"].get("text", ""))) <= 256:
        raise bad("BUTTON_COPY_TEXT_INVALID")
    if action in ("url", "login_url", "web_app"):
        _check_button_url(button, action)
    # "You must use exactly one of the optional fields": the server takes the first and forgets the others.
    kept = {"text", action, "icon_custom_emoji_id", "style"}
    return {key: value for key, value in button.items() if key in kept}


def _check_button_url(button: JSON, action: str) -> None:
    url = str(button["url"] if action == "url" else button[action].get("url", ""))
    if action == "url" and re.fullmatch(r"tg://user\?id=\d+", url):
        return
    what = {"url": "URL", "login_url": "login URL", "web_app": "Web App URL"}[action]
    if checked_link(url) is None:
        raise bad(f"Inline keyboard button {what} '{url}' is invalid: Wrong HTTP URL")
    if action != "url" and not url.startswith("https://"):
        raise bad(f"Inline keyboard button {what} '{url}' is invalid: Only HTTPS links are allowed")


# --- files ----------------------------------------------------------------------------------------------------------


def check_upload(kind: str, data: bytes, size: int) -> None:
    """A file that the bot uploads."""
    if size == 0:
        raise bad("file must be non-empty")
    if kind != "photo":
        return
    if size > MAX_PHOTO:
        raise bad(f"File of size {size} bytes is too big for a photo; the maximum size is {MAX_PHOTO} bytes")
    dimensions = media.picture_size(data)
    if dimensions is None:
        raise bad("IMAGE_PROCESS_FAILED")
    width, height = dimensions
    if not width or not height or width + height > 10_000 or max(width, height) > 20 * min(width, height):
        raise bad("PHOTO_INVALID_DIMENSIONS")


_ALBUM_APART = {"audio": "Audio", "document": "Document"}


def check_album(kinds: list[str]) -> None:
    """An array of messages "must include 2-10 items", says sendMediaGroup."""
    if not kinds:
        raise bad("There are no messages to send")
    if len(kinds) > 10:
        raise bad("Too many messages to send as an album")
    if len(kinds) == 1:
        raise bad("there must be 2-10 media in the album")
    for kind in dict.fromkeys(kinds):
        if kind in _ALBUM_APART and set(kinds) != {kind}:
            raise bad(f"{_ALBUM_APART[kind]} can't be mixed with other media types")


# --- the bot itself -------------------------------------------------------------------------------------------------


def commands(value: Any) -> list[JSON]:
    if not isinstance(value, list):
        raise bad("Expected an Array of BotCommand")
    checked = []
    for command in value:
        if not isinstance(command, dict):
            raise bad("Can't parse BotCommand: expected an Object")
        for name in ("command", "description"):
            if not isinstance(command.get(name), str):
                raise bad(f"Can't parse BotCommand: Can't find field \"{name}\"")
        name, description = command["command"].strip().removeprefix("/"), command["description"].strip()
        if not name:
            raise bad("Command must be non-empty")
        if len(name) > 32:
            raise bad("Command length must not exceed 32")
        if not re.fullmatch(r"[a-z0-9_]+", name):
            raise bad("BOT_COMMAND_INVALID")
        if not description:
            raise bad("Command description must be non-empty")
        if len(description) > 256:
            raise bad("Command description length must not exceed 256")
        checked.append({"command": name, "description": description})
    if len(checked) > 100:
        raise bad("BOT_COMMANDS_TOO_MUCH")
    return checked


def language(code: str) -> str:
    if code and not re.fullmatch(r"[a-z]{2}", code):
        raise bad("Invalid language code specified")
    return code


def reactions(value: Any) -> list[JSON]:
    """As non-premium users, "bots can set up to one reaction per message"."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise bad("Expected an Array of ReactionType")
    checked = []
    for reaction in value:
        if not isinstance(reaction, dict) or reaction.get("type") not in ("emoji", "custom_emoji", "paid"):
            raise bad("Can't parse ReactionType: invalid reaction type specified")
        emoji = str(reaction.get("emoji", "")).replace("\ufe0f", "")
        if reaction["type"] != "emoji" or emoji not in REACTIONS:
            raise bad("REACTION_INVALID")
        checked.append({"type": "emoji", "emoji": emoji})
    if len(checked) > 1:
        raise bad("REACTIONS_TOO_MANY")
    return checked


def inline_results(value: Any) -> list[JSON]:
    if not isinstance(value, list):
        raise bad("Expected an Array of inline query results")
    if len(value) > 50:
        raise bad("Too many inline query results specified")
    seen: set[str] = set()
    for result in value:
        said = "Can't parse inline query result: "
        if not isinstance(result, dict):
            raise bad(f"{said}Inline query result must be an object")
        for name in ("type", "id"):
            if not isinstance(result.get(name), str):
                raise bad(f'{said}Can\'t find field "{name}"')
        if not 1 <= len(result["id"].encode()) <= 64:
            raise bad("RESULT_ID_INVALID")
        if result["id"] in seen:
            raise bad("RESULT_ID_DUPLICATE")
        seen.add(result["id"])
        if result["type"] == "article":
            if not result.get("title"):
                raise bad("ARTICLE_TITLE_EMPTY")
            if not isinstance(result.get("input_message_content"), dict):
                raise bad(f"{said}Input message content is not specified")
    return value
