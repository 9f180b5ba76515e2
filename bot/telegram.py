"""The way to Telegram: aiogram's session, with a short way for the calls of which a screen is made.

Those carry no file and their answers are hardly read, so they go as JSON, and of an answer only what somebody looks at
becomes an object (docs/adr/0010 says what that won). Every other call, and every refusal, is aiogram's own affair.
"""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, cast

import orjson
from aiogram import Bot
from aiogram.client.default import Default
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.exceptions import TelegramNetworkError
from aiogram.methods import (
    AnswerCallbackQuery,
    DeleteMessage,
    EditMessageReplyMarkup,
    EditMessageText,
    SendChatAction,
    SendMessage,
    SetMessageReaction,
    TelegramMethod,
)
from aiogram.methods.base import TelegramType
from aiogram.types import Chat, InlineKeyboardMarkup, Message
from aiohttp import ClientError, ClientTimeout

from fsm.keys import like

_SHORT: Final[frozenset[type[TelegramMethod[Any]]]] = frozenset(
    {
        AnswerCallbackQuery,
        DeleteMessage,
        EditMessageReplyMarkup,
        EditMessageText,
        SendChatAction,
        SendMessage,
        SetMessageReaction,
    }
)
_JSON: Final = {"Content-Type": "application/json"}
_CHAT: Final = Chat(id=0, type="private")
_SHOWN: Final = Message(message_id=0, date=datetime(1970, 1, 1, tzinfo=UTC), chat=_CHAT)


class TelegramSession(AiohttpSession):
    """aiogram's session, without the quarter of a second it sleeps when it is closed: the loop lives on a little."""

    async def close(self) -> None:
        if self._session is not None and not self._session.closed:
            await self._session.close()

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109 - aiogram's own parameter
    ) -> TelegramType:
        if type(method) not in _SHORT:
            return await super().make_request(bot, method, timeout)
        session = await self.create_session()
        url = self.api.api_url(token=bot.token, method=method.__api_method__)
        prepare = partial(self.prepare_value, bot=bot, files={}, _dumps_json=False)
        body = orjson.dumps(_plain(bot, method), default=prepare, option=orjson.OPT_PASSTHROUGH_DATETIME)
        patience = ClientTimeout(total=timeout or self.timeout)
        try:
            async with session.post(url, data=body, headers=_JSON, timeout=patience) as response:
                content = await response.read()
        except TimeoutError as error:
            raise TelegramNetworkError(method=method, message="Request timeout error") from error
        except ClientError as error:
            raise TelegramNetworkError(method=method, message=f"{type(error).__name__}: {error}") from error
        result = _result(content) if response.status == 200 else None
        if result is None:
            return cast("TelegramType", self.check_response(bot, method, response.status, content.decode()).result)
        return cast("TelegramType", _message(bot, result) if isinstance(result, dict) else result)


def _plain(bot: Bot, method: TelegramMethod[Any]) -> dict[str, Any]:
    """A method's parameters without what was not given."""
    plain: dict[str, Any] = {}
    for name, given in method.__dict__.items():
        value = bot.default[given.name] if isinstance(given, Default) else given
        if isinstance(value, InlineKeyboardMarkup):
            keys = [[_given(key.__dict__) for key in row] for row in value.inline_keyboard]
            plain[name] = {"inline_keyboard": keys}
        elif value is not None:
            plain[name] = value
    return plain


def _given(parts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parts.items() if value is not None}


def _result(content: bytes) -> Any:
    """What a call has brought; None for a refusal and for what is no answer of Telegram's."""
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return answer.get("result") if isinstance(answer, dict) and answer.get("ok") is True else None


def _message(bot: Bot, sent: dict[str, Any]) -> Message:
    """The message that a text has become: its id, chat, moment and words. Nobody here reads more of it."""
    seen = {
        "message_id": sent["message_id"],
        "date": datetime.fromtimestamp(sent["date"], UTC),
        "chat": like(_CHAT, id=sent["chat"]["id"], type=sent["chat"]["type"]),
        "text": sent.get("text"),
    }
    return like(_SHOWN, **seen).as_(bot)
