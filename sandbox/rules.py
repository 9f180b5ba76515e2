"""What Telegram refuses and in which words. Pure: nothing here changes the world.

The texts are those of telegram-bot-api and tdlib, or of Telegram's servers as these two pass them on.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from sandbox import media
from sandbox.html import (
    Entity,
    EntityError,
    ParseError,
    check_bounds,
    clean,
    merge_found,
    parse_html,
    sort_entities,
    utf16_len,
)
from sandbox.links import LinkError, check_link, linked_user, parse_url
from sandbox.markdown import parse_markdown, parse_markdown_v2

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
# "1-64 characters, only A-Z, a-z, 0-9, _ and - are allowed": of a link t.me/bot?start=…, too.
START_PARAMETER = re.compile(r"[A-Za-z0-9_-]{1,64}")
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


_PARSERS = {"html": parse_html, "markdown": parse_markdown, "markdownv2": parse_markdown_v2}


def formatted(text: str, parse_mode: str, entities: Any, *, said: str = "") -> tuple[str, list[Entity]]:
    """The text as people see it with its entities; empty in, empty out. `said` begins what is refused."""
    if len(text.encode("utf-8", "surrogatepass")) > 1 << 15:
        raise bad(f"{said}Text is too long")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise bad("Strings must be encoded in UTF-8") from None
    mode = parse_mode.lower()
    try:
        if not text or mode in ("", "none"):
            found = checked_entities(entities, said)
            if found:
                check_bounds(text, found)
        elif parser := _PARSERS.get(mode):
            text, found = parser(text)
        else:
            raise bad(f"{said}Unsupported parse_mode")
    except ParseError as error:
        raise bad(f"{said}Can't parse entities: {error}") from None
    except EntityError as error:
        raise bad(str(error)) from None
    text, found = clean(text, found)
    return text, merge_found(text, found)


def check_length(text: str, limit: int, too_long: str) -> None:
    """After entities parsing, as the documentation says, in UTF-16 code units."""
    if utf16_len(text) > limit:
        raise bad(too_long)


_ENTITY_TYPES = frozenset({
    "mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bold", "italic",
    "underline", "strikethrough", "spoiler", "blockquote", "expandable_blockquote", "code", "pre",
    "text_link", "text_mention", "custom_emoji", "date_time", "bank_card_number",
})  # fmt: skip
_FOUND_BY_ITSELF = frozenset({
    "mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bank_card_number",
})  # fmt: skip
_ENTITY_NEEDS = {
    "text_link": ("url",), "text_mention": ("user",), "custom_emoji": ("custom_emoji_id",), "date_time": ("unix_time",),
}  # fmt: skip


def checked_entities(entities: Any, said: str = "") -> list[Entity]:
    """Entities as a bot gives them by hand, in place of a parse_mode; what is no list at all is ignored."""
    if not isinstance(entities, list):
        return []
    said, kept = f"{said}Can't parse MessageEntity: ", []
    for given in entities:
        if not isinstance(given, dict):
            raise bad(f"{said}expected an Object")
        entity: Entity = {"offset": _number(given, "offset", said), "length": _number(given, "length", said)}
        kind = given.get("type")
        if not isinstance(kind, str):
            raise bad(f'{said}Can\'t find field "type"')
        if kind not in _ENTITY_TYPES:
            raise bad(f"{said}Unsupported type specified")
        for name in _ENTITY_NEEDS.get(kind, ()):
            if name not in given:
                raise bad(f'{said}Can\'t find field "{name}"')
        if not 0 <= entity["offset"] <= 1_000_000:
            raise bad(f"Receive an entity with incorrect offset {entity['offset']}")
        if not 0 <= entity["length"] <= 1_000_000:
            raise bad(f"Receive an entity with incorrect length {entity['length']}")
        # Telegram finds these in the text by itself and ignores what a bot says about them.
        if kind in _FOUND_BY_ITSELF or entity["length"] == 0:
            continue
        more = {name: given[name] for name in ("language", "custom_emoji_id", "unix_time") if name in given}
        if kind == "text_link" and (user := linked_user(str(given["url"]))):
            kind, more = "text_mention", {"_user_id": user}
        elif kind == "text_link":
            try:
                more["url"] = check_link(str(given["url"]))
            except LinkError as error:
                raise bad(f"Entity URL '{given['url']}' is invalid: {error}") from None
        elif kind == "text_mention":
            more["_user_id"] = _number(given["user"], "id", said) if isinstance(given["user"], dict) else 0
        kept.append(entity | {"type": kind} | more)
    return sort_entities(kept)


def _number(holder: JSON, name: str, said: str) -> int:
    """A whole number or a text of digits, as get_required_int_field of the real server."""
    if name not in holder:
        raise bad(f'{said}Can\'t find field "{name}"')
    if isinstance(holder[name], bool) or not isinstance(holder[name], int | str):
        raise bad(f'{said}Field "{name}" must be a Number')
    if not re.fullmatch(r"-?[0-9]{1,18}", str(holder[name])):
        raise bad(f'{said}Field "{name}" must be a valid Number')
    return int(holder[name])


# --- keyboards ------------------------------------------------------------------------------------------------------

# In the order in which the server looks for them; of two it takes the first and forgets the other.
_INLINE_ACTIONS = (
    "url", "callback_data", "callback_game", "pay", "switch_inline_query", "switch_inline_query_chosen_chat",
    "switch_inline_query_current_chat", "login_url", "web_app", "copy_text", "disabled",
)  # fmt: skip
_STYLES = ("", "default", "primary", "danger", "success")
SHOWN_IN_ROW = {"inline_keyboard": 8, "keyboard": 12}


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


def inline_markup(value: Any, *, web_app: bool) -> JSON | None:
    """The buttons under an inline result; a Mini App cannot be opened from there."""
    markup = reply_markup(value)
    buttons = [button for row in (markup or {}).get("inline_keyboard", []) for button in row]
    if not web_app and any("web_app" in button for button in buttons):
        raise bad("BUTTON_TYPE_INVALID")
    if markup is not None and not buttons:
        raise bad("Inline keyboard expected")
    return markup


def markup_remarks(markup: Any) -> list[str]:
    """What Telegram takes although clients do not show it well."""
    given = markup if isinstance(markup, dict) else {}
    rows = [(name, row) for name in SHOWN_IN_ROW for row in given.get(name) or [] if isinstance(row, list)]
    wide = [(name, len(row)) for name, row in rows if len(row) > SHOWN_IN_ROW[name]]
    return [f"a row of {name} has {count} buttons, clients show {SHOWN_IN_ROW[name]}" for name, count in wide]


def _reply_button(button: Any) -> JSON:
    said = "Can't parse keyboard button: "
    if isinstance(button, str):
        button = {"text": button}
    if not isinstance(button, dict):
        raise bad(f"{said}KeyboardButton must be a String or an Object")
    _check_label(button, said)
    if not button["text"].strip():
        raise bad("Keyboard button text must be non-empty")
    if "web_app" in button:
        _check_button_url(str(button["web_app"].get("url", "")), "Keyboard button Web App", https_only=True)
    return button


def _inline_button(button: Any) -> JSON:
    said = "Can't parse inline keyboard button: "
    if not isinstance(button, dict):
        raise bad(f"{said}InlineKeyboardButton must be an Object")
    _check_label(button, said)
    there = [name for name in _INLINE_ACTIONS if name in button]
    action = next((name for name in there if name not in ("url", "callback_data") or button[name] != ""), None)
    if action is None:
        raise bad(f"{said}Text buttons are unallowed in the inline keyboard")
    if not button["text"].strip():
        raise bad("Inline keyboard button text must be non-empty")
    what = button[action]
    if action in ("callback_game", "pay"):  # buttons of games and invoices, which this server does not send
        raise bad("BUTTON_TYPE_INVALID")
    if action == "callback_data" and not 1 <= len(str(what).encode()) <= 64:
        raise bad("BUTTON_DATA_INVALID")
    if action == "copy_text" and not 1 <= len(str(what.get("text", ""))) <= 256:
        raise bad("BUTTON_COPY_TEXT_INVALID")
    if action == "url" and linked_user(str(what)) is None:
        _check_button_url(str(what), "Inline keyboard button")
    if action in ("login_url", "web_app"):
        name = "login" if action == "login_url" else "Web App"
        _check_button_url(str(what.get("url", "")), f"Inline keyboard button {name}", https_only=True)
    kept = {"text", action, "icon_custom_emoji_id", "style"}
    return {key: value for key, value in button.items() if key in kept}


def _check_label(button: JSON, said: str) -> None:
    if not isinstance(button.get("text"), str):
        raise bad(f'{said}Can\'t find field "text"')
    if str(button.get("style", "")).lower() not in _STYLES:
        raise bad(f"{said}invalid button style specified")


def _check_button_url(url: str, said: str, *, https_only: bool = False) -> None:
    if https_only and linked_user(url) is not None:
        raise bad(f"Link to a user can't be used in {'login' if 'login' in said else 'Web App'} URL buttons")
    try:
        check_link(url, https_only=https_only)
    except LinkError as error:
        raise bad(f"{said} URL '{url}' is invalid: {error}") from None


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


def wrong_file(file_id: str) -> Refusal:
    """What is said of a file_id that leads to no file, by how wrong it is; a link has a dot, an identifier has none."""
    if "." in file_id:
        try:
            parse_url(file_id)
        except LinkError as error:
            return bad(f"Invalid file HTTP URL specified: {error}")
        return bad("Failed to get HTTP URL content")  # the local Telegram has no internet
    said = "Wrong remote file identifier specified: "
    if not re.fullmatch(r"[A-Za-z0-9_-]+={0,2}", file_id):
        return bad(f"{said}Wrong character in the string")
    if len(file_id.rstrip("=")) % 4 == 1:
        return bad(f"{said}Wrong string length")
    if not file_id.startswith(tuple(media.PREFIXES.values())):
        return bad(f"{said}can't unserialize it. Wrong last symbol")
    return bad("Wrong file identifier/HTTP URL specified")


_ALBUM_APART = {"audio": "Audio", "document": "Document"}


def check_album(kinds: Sequence[str], captions: Sequence[JSON]) -> None:
    """An array of messages "must include 2-10 items", says sendMediaGroup."""
    if not kinds:
        raise bad("There are no messages to send")
    if len(kinds) > 10:
        raise bad("Too many messages to send as an album")
    if len(kinds) == 1:  # the open server lets it through, the documentation does not
        raise bad("there must be 2-10 media in the album")
    if len({bool(caption.get("show_caption_above_media")) for caption in captions}) > 1:
        raise bad("Parameter show_caption_above_media must be the same for all messages")
    for kind in dict.fromkeys(kinds):
        if kind in _ALBUM_APART and set(kinds) != {kind}:
            raise bad(f"{_ALBUM_APART[kind]} can't be mixed with other media types")


# --- polls, places, dice --------------------------------------------------------------------------------------------

DICE = frozenset({"🎲", "🎯", "🏀", "⚽", "🎳", "🎰"})
FOR_EVER = 0x7FFFFFFF  # "or 0x7FFFFFFF for live locations that can be edited indefinitely"


def check_question(question: str) -> None:
    if not question:
        raise bad("Text must be non-empty")
    if len(question) > 300:
        raise bad("Poll question length must not exceed 300")


def poll_options(value: Any) -> list[str]:
    """The texts of "1-12 answer options"."""
    if not isinstance(value, list):
        raise bad("Expected an Array of String as options")
    options = []
    for option in value:
        given = {"text": option} if isinstance(option, str) else option
        if not isinstance(given, dict):
            raise bad("Expected an option to be of type String")
        mode, entities = given.get("text_parse_mode") or "", given.get("text_entities")
        text, _ = formatted(str(given.get("text", "")), mode, entities)
        if not text:
            raise bad("Text must be non-empty")
        if len(text) > 100:
            raise bad("Poll options length must not exceed 100")
        options.append(text)
    if not options:
        raise bad("Poll must have at least one answer option")
    if len(options) > 12:
        raise bad("Poll can't have more than 12 options")
    return options


def right_options(value: Any, count: int) -> list[int]:
    """The "monotonically increasing 0-based identifiers of the correct answer options" of a quiz."""
    if not isinstance(value, list):
        raise bad("Expected an Array of correct option identifiers")
    if not all(isinstance(one, int) for one in value):
        raise bad("Correct option identifier must be of type Number")
    if not value:
        raise bad("Correct quiz option list must be non-empty")
    if value != sorted(set(value)):
        raise bad("Correct quiz option list must be increasing")
    if not 0 <= value[0] <= value[-1] < count:
        raise bad("Wrong quiz correct_option_id")
    return value


def coordinate(text: str) -> float:
    """As to_double of the real server: what is no number counts as 0."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def live_location(period: int, heading: int, radius: int) -> JSON:
    if period != FOR_EVER and not 60 <= period <= 86400:
        raise bad("Wrong live location period specified")
    if not 0 <= heading <= 360:
        raise bad("Wrong live location heading specified")
    if not 0 <= radius <= 100_000:
        raise bad("Wrong live location proximity alert radius specified")
    more = {"heading": heading, "proximity_alert_radius": radius}
    return {"live_period": period} | {name: value for name, value in more.items() if value}


def message_ids(value: Any) -> list[int]:
    """The "1-100 identifiers" of a request about several messages."""
    if value is None or value == []:
        raise bad("Message identifiers are not specified")
    if not isinstance(value, list):
        raise bad("Expected an Array of message identifiers")
    if len(value) > 100:
        raise bad("Too many message identifiers specified")
    for one in value:
        if isinstance(one, bool) or not isinstance(one, int | str):
            raise bad("Message identifier must be a Number")
        if not re.fullmatch(r"-?[0-9]{1,10}", str(one)):
            raise bad("Can't parse message identifier as a Number")
        if int(one) <= 0:
            raise bad("Invalid message identifier specified")
    return [int(one) for one in value]


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


def inline_button_above(value: Any) -> JSON | None:
    """The button over the results: "You must use exactly one of the optional fields"."""
    if value is None:
        return None
    said = "Can't parse inline query results button: "
    if not isinstance(value, dict):
        raise bad(f"{said}InlineQueryResultsButton must be an Object")
    if "start_parameter" not in value and "web_app" not in value:
        raise bad(f"{said}InlineQueryResultsButton must have exactly one optional field")
    if not value.get("text"):
        raise bad("SWITCH_PM_TEXT_EMPTY")
    if "start_parameter" in value and not START_PARAMETER.fullmatch(str(value["start_parameter"])):
        raise bad("START_PARAM_INVALID")
    return value


def inline_results(value: Any) -> list[JSON]:
    if value is None:
        return []
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
            if name not in result:
                raise bad(f'{said}Can\'t find field "{name}"')
            result[name] = str(result[name])
        if not 1 <= len(result["id"].encode()) <= 64:
            raise bad("RESULT_ID_INVALID")
        if result["id"] in seen:
            raise bad("RESULT_ID_DUPLICATE")
        seen.add(result["id"])
        if result["type"] == "article" and not result.get("title"):
            raise bad("ARTICLE_TITLE_EMPTY")
    return value
