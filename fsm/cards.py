"""Messages outside dialogs: a renderer a kind, called when the outbox row is sent, with the facts of that moment."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiogram.exceptions import TelegramBadRequest
from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, Message
from markupsafe import Markup

from fsm.i18n import _
from services.access import Actor
from services.registry import Services


@dataclass(frozen=True, slots=True)
class Card:
    """What is sent: HTML text, stateless buttons, documents to send after it by id."""

    text: Markup
    keyboard: InlineKeyboardMarkup | None = None
    documents: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CardContext:
    """Who the card is for, and how it may look things up — with the recipient's own rights."""

    actor: Actor
    services: Services


class OpenDeal(CallbackData, prefix="deal"):
    """Open a deal's card from a message of any age."""

    deal_id: int


def deal_keyboard(deal_id: int) -> InlineKeyboardMarkup:
    """The way on for a message that only tells something of a deal."""
    button = InlineKeyboardButton(text=_("📂 Open the deal"), callback_data=OpenDeal(deal_id=deal_id).pack())
    return InlineKeyboardMarkup(inline_keyboard=[[button]])


Renderer = Callable[..., Awaitable[Card | None]]
_renderers: dict[str, Renderer] = {}


def card(kind: str) -> Callable[[Renderer], Renderer]:
    """Register the renderer of a kind of message; its keyword arguments are the outbox row's params."""

    def register(renderer: Renderer) -> Renderer:
        if kind in _renderers:
            raise ValueError(f"two renderers for the card {kind!r}")
        _renderers[kind] = renderer
        return renderer

    return register


def kinds() -> frozenset[str]:
    return frozenset(_renderers)


async def render(kind: str, context: CardContext, params: dict[str, Any]) -> Card | None:
    """Render a message; None means that the facts have changed and there is nothing to say any more."""
    return await _renderers[kind](context, **params)


async def rewrite(message: object, text: str, keyboard: InlineKeyboardMarkup | None = None) -> None:
    """Change a message of ours; one that says this already, or is too old to be changed, stays as it is."""
    if not isinstance(message, Message):
        return
    try:
        await message.edit_text(text, reply_markup=keyboard)
    except TelegramBadRequest as error:
        if "not modified" not in error.message and "can't be edited" not in error.message:
            raise
