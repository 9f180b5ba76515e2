"""Which parameters each method has, from the machine-readable description of the Bot API, and the check against it.

The real server is lenient: it ignores names it does not know and takes a wrong number for 0. Both are mistakes of the
bot all the same, so here a value of a wrong type is refused and an unknown name is remarked on in the record.
"""

import json
from collections.abc import Mapping
from typing import Any

from sandbox.rules import bad

# name, "!" where required, ":type" where it is no string. `id` is a chat: a number or a @name.
FIELDS = {
    "answerCallbackQuery": "callback_query_id! text show_alert:bool url cache_time:int",
    "answerInlineQuery": (
        "inline_query_id! results!:list cache_time:int is_personal:bool next_offset button:dict switch_pm_parameter "
        "switch_pm_text"
    ),
    "close": "",
    "copyMessage": (
        "chat_id!:id from_chat_id!:id message_id!:int message_thread_id:int direct_messages_topic_id:int "
        "video_start_timestamp:int caption parse_mode caption_entities:list show_caption_above_media:bool "
        "disable_notification:bool protect_content:bool allow_paid_broadcast:bool message_effect_id "
        "suggested_post_parameters:dict reply_parameters:dict reply_markup:dict allow_sending_without_reply:bool "
        "reply_to_message_id:int"
    ),
    "copyMessages": (
        "chat_id!:id from_chat_id!:id message_ids!:list message_thread_id:int direct_messages_topic_id:int "
        "disable_notification:bool protect_content:bool remove_caption:bool"
    ),
    "deleteMessage": "chat_id!:id message_id!:int",
    "deleteMessages": "chat_id!:id message_ids!:list",
    "deleteMyCommands": "scope:dict language_code",
    "deleteWebhook": "drop_pending_updates:bool",
    "editMessageCaption": (
        "business_connection_id chat_id:id message_id:int inline_message_id caption parse_mode caption_entities:list "
        "show_caption_above_media:bool reply_markup:dict"
    ),
    "editMessageMedia": (
        "media!:dict business_connection_id chat_id:id message_id:int inline_message_id reply_markup:dict"
    ),
    "editMessageReplyMarkup": "business_connection_id chat_id:id message_id:int inline_message_id reply_markup:dict",
    "editMessageText": (
        "text business_connection_id chat_id:id message_id:int inline_message_id parse_mode entities:list "
        "link_preview_options:dict reply_markup:dict rich_message:dict disable_web_page_preview:bool"
    ),
    "forwardMessage": (
        "chat_id!:id from_chat_id!:id message_id!:int message_thread_id:int direct_messages_topic_id:int "
        "video_start_timestamp:int disable_notification:bool protect_content:bool message_effect_id "
        "suggested_post_parameters:dict"
    ),
    "forwardMessages": (
        "chat_id!:id from_chat_id!:id message_ids!:list message_thread_id:int direct_messages_topic_id:int "
        "disable_notification:bool protect_content:bool"
    ),
    "getChat": "chat_id!:id",
    "getChatAdministrators": "chat_id!:id return_bots:bool",
    "getChatMember": "chat_id!:id user_id!:int",
    "getChatMemberCount": "chat_id!:id",
    "getChatMenuButton": "chat_id:int",
    "getFile": "file_id!",
    "getMe": "",
    "getMyCommands": "scope:dict language_code",
    "getMyDescription": "language_code",
    "getMyName": "language_code",
    "getMyShortDescription": "language_code",
    "getUpdates": "offset:int limit:int timeout:int allowed_updates:list",
    "getUserProfilePhotos": "user_id!:int offset:int limit:int",
    "getWebhookInfo": "",
    "logOut": "",
    "pinChatMessage": "chat_id!:id message_id!:int business_connection_id disable_notification:bool",
    "sendAnimation": (
        "chat_id!:id animation!:file business_connection_id message_thread_id:int direct_messages_topic_id:int "
        "duration:int width:int height:int thumbnail:file caption parse_mode caption_entities:list "
        "show_caption_above_media:bool has_spoiler:bool disable_notification:bool protect_content:bool "
        "allow_paid_broadcast:bool message_effect_id suggested_post_parameters:dict reply_parameters:dict "
        "reply_markup:dict ephemeral_message_parameters:dict receiver_user_id:int callback_query_id "
        "allow_sending_without_reply:bool reply_to_message_id:int"
    ),
    "sendAudio": (
        "chat_id!:id audio!:file business_connection_id message_thread_id:int direct_messages_topic_id:int caption "
        "parse_mode caption_entities:list duration:int performer title thumbnail:file disable_notification:bool "
        "protect_content:bool allow_paid_broadcast:bool message_effect_id suggested_post_parameters:dict "
        "reply_parameters:dict reply_markup:dict ephemeral_message_parameters:dict receiver_user_id:int "
        "callback_query_id allow_sending_without_reply:bool reply_to_message_id:int"
    ),
    "sendChatAction": "chat_id!:id action! business_connection_id message_thread_id:int",
    "sendContact": (
        "chat_id!:id phone_number! first_name! business_connection_id message_thread_id:int "
        "direct_messages_topic_id:int last_name vcard disable_notification:bool protect_content:bool "
        "allow_paid_broadcast:bool message_effect_id suggested_post_parameters:dict reply_parameters:dict "
        "reply_markup:dict ephemeral_message_parameters:dict receiver_user_id:int callback_query_id "
        "allow_sending_without_reply:bool reply_to_message_id:int"
    ),
    "sendDice": (
        "chat_id!:id business_connection_id message_thread_id:int direct_messages_topic_id:int emoji "
        "disable_notification:bool protect_content:bool allow_paid_broadcast:bool message_effect_id "
        "suggested_post_parameters:dict reply_parameters:dict reply_markup:dict allow_sending_without_reply:bool "
        "reply_to_message_id:int"
    ),
    "sendDocument": (
        "chat_id!:id document!:file business_connection_id message_thread_id:int direct_messages_topic_id:int "
        "thumbnail:file caption parse_mode caption_entities:list disable_content_type_detection:bool "
        "disable_notification:bool protect_content:bool allow_paid_broadcast:bool message_effect_id "
        "suggested_post_parameters:dict reply_parameters:dict reply_markup:dict ephemeral_message_parameters:dict "
        "receiver_user_id:int callback_query_id allow_sending_without_reply:bool reply_to_message_id:int"
    ),
    "sendLocation": (
        "chat_id!:id latitude!:float longitude!:float business_connection_id message_thread_id:int "
        "direct_messages_topic_id:int horizontal_accuracy:float live_period:int heading:int "
        "proximity_alert_radius:int disable_notification:bool protect_content:bool allow_paid_broadcast:bool "
        "message_effect_id suggested_post_parameters:dict reply_parameters:dict reply_markup:dict "
        "ephemeral_message_parameters:dict receiver_user_id:int callback_query_id allow_sending_without_reply:bool "
        "reply_to_message_id:int"
    ),
    "sendMediaGroup": (
        "chat_id!:id media!:list business_connection_id message_thread_id:int direct_messages_topic_id:int "
        "disable_notification:bool protect_content:bool allow_paid_broadcast:bool message_effect_id "
        "reply_parameters:dict allow_sending_without_reply:bool reply_to_message_id:int"
    ),
    "sendMessage": (
        "chat_id!:id text! business_connection_id message_thread_id:int direct_messages_topic_id:int parse_mode "
        "entities:list link_preview_options:dict disable_notification:bool protect_content:bool "
        "allow_paid_broadcast:bool message_effect_id suggested_post_parameters:dict reply_parameters:dict "
        "reply_markup:dict ephemeral_message_parameters:dict receiver_user_id:int callback_query_id "
        "allow_sending_without_reply:bool disable_web_page_preview:bool reply_to_message_id:int"
    ),
    "sendPhoto": (
        "chat_id!:id photo!:file business_connection_id message_thread_id:int direct_messages_topic_id:int caption "
        "parse_mode caption_entities:list show_caption_above_media:bool has_spoiler:bool disable_notification:bool "
        "protect_content:bool allow_paid_broadcast:bool message_effect_id suggested_post_parameters:dict "
        "reply_parameters:dict reply_markup:dict ephemeral_message_parameters:dict receiver_user_id:int "
        "callback_query_id allow_sending_without_reply:bool reply_to_message_id:int"
    ),
    "sendSticker": (
        "chat_id!:id sticker!:file business_connection_id message_thread_id:int direct_messages_topic_id:int emoji "
        "disable_notification:bool protect_content:bool allow_paid_broadcast:bool message_effect_id "
        "suggested_post_parameters:dict reply_parameters:dict reply_markup:dict ephemeral_message_parameters:dict "
        "receiver_user_id:int callback_query_id allow_sending_without_reply:bool reply_to_message_id:int"
    ),
    "sendVenue": (
        "chat_id!:id latitude!:float longitude!:float title! address! business_connection_id message_thread_id:int "
        "direct_messages_topic_id:int foursquare_id foursquare_type google_place_id google_place_type "
        "disable_notification:bool protect_content:bool allow_paid_broadcast:bool message_effect_id "
        "suggested_post_parameters:dict reply_parameters:dict reply_markup:dict ephemeral_message_parameters:dict "
        "receiver_user_id:int callback_query_id allow_sending_without_reply:bool reply_to_message_id:int"
    ),
    "sendVideo": (
        "chat_id!:id video!:file business_connection_id message_thread_id:int direct_messages_topic_id:int "
        "duration:int width:int height:int thumbnail:file cover:file start_timestamp:int caption parse_mode "
        "caption_entities:list show_caption_above_media:bool has_spoiler:bool supports_streaming:bool "
        "disable_notification:bool protect_content:bool allow_paid_broadcast:bool message_effect_id "
        "suggested_post_parameters:dict reply_parameters:dict reply_markup:dict ephemeral_message_parameters:dict "
        "receiver_user_id:int callback_query_id allow_sending_without_reply:bool reply_to_message_id:int"
    ),
    "sendVideoNote": (
        "chat_id!:id video_note!:file business_connection_id message_thread_id:int direct_messages_topic_id:int "
        "duration:int length:int thumbnail:file disable_notification:bool protect_content:bool "
        "allow_paid_broadcast:bool message_effect_id suggested_post_parameters:dict reply_parameters:dict "
        "reply_markup:dict ephemeral_message_parameters:dict receiver_user_id:int callback_query_id "
        "allow_sending_without_reply:bool reply_to_message_id:int"
    ),
    "sendVoice": (
        "chat_id!:id voice!:file business_connection_id message_thread_id:int direct_messages_topic_id:int caption "
        "parse_mode caption_entities:list duration:int disable_notification:bool protect_content:bool "
        "allow_paid_broadcast:bool message_effect_id suggested_post_parameters:dict reply_parameters:dict "
        "reply_markup:dict ephemeral_message_parameters:dict receiver_user_id:int callback_query_id "
        "allow_sending_without_reply:bool reply_to_message_id:int"
    ),
    "setChatMenuButton": "chat_id:int menu_button",
    "setMessageReaction": "chat_id!:id message_id!:int reaction:list is_big:bool",
    "setMyCommands": "commands!:list scope:dict language_code",
    "setMyDescription": "description language_code",
    "setMyName": "name language_code",
    "setMyShortDescription": "short_description language_code",
    "setWebhook": (
        "url! certificate:file ip_address max_connections:int allowed_updates:list drop_pending_updates:bool "
        "secret_token"
    ),
    "unpinAllChatMessages": "chat_id!:id",
    "unpinChatMessage": "chat_id!:id business_connection_id message_id:int",
}

# What is missing of these is refused by the method itself, in words of its own.
_OWN_WORDS = frozenset({
    "chat_id", "from_chat_id", "message_id", "message_ids", "text", "action", "user_id", "file_id", "latitude",
    "longitude", "callback_query_id", "inline_query_id", "commands", "photo", "document", "voice", "video", "audio",
    "animation", "video_note", "sticker", "url",
})  # fmt: skip
# A wrong type of these too.
_OWN_TYPES = frozenset({
    "reply_markup", "media", "commands", "results", "reaction", "message_ids", "scope", "menu_button", "chat_id",
    "reply_parameters", "link_preview_options", "user_id", "message_id",
})  # fmt: skip
_NAMES = {"int": "Integer", "float": "Float", "bool": "Boolean", "list": "Array", "dict": "Object"}


def _parse(line: str) -> dict[str, tuple[str, bool]]:
    fields = {}
    for word in line.split():
        name, _, kind = word.partition(":")
        fields[name.removesuffix("!")] = (kind or "str", name.endswith("!"))
    return fields


_PARSED = {method.lower(): _parse(line) for method, line in FIELDS.items()}


def check(method: str, values: Mapping[str, Any], files: Mapping[str, object]) -> list[str]:
    """Refuse what is missing or of a wrong type; say which names Telegram would silently ignore."""
    fields = _PARSED.get(method.lower())
    if fields is None:
        return []
    for name, (kind, required) in fields.items():
        value = values.get(name)
        if value in (None, ""):
            if required and name not in _OWN_WORDS and name not in files:
                raise bad(f'Parameter "{name}" is required')
        elif kind in _NAMES and name not in _OWN_TYPES and not _fits(value, kind):
            raise bad(f'Parameter "{name}" must be of type {_NAMES[kind]}')
    return [f"{method} has no parameter {name!r}" for name in values if name not in fields]


def _fits(value: Any, kind: str) -> bool:
    """Whether the value is of this type, itself or written as text (forms and query strings have only text)."""
    if kind == "bool":
        return str(value).lower() in ("true", "false", "1", "0", "yes", "no")
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return False
    if isinstance(value, bool):
        return False
    types: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "list": list, "dict": dict}
    return isinstance(value, types[kind])
