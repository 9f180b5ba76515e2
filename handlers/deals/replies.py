"""What reaches a deal from outside its screens: replies to messages that name it, and buttons on notifications."""

from aiogram import F, Router
from aiogram.types import CallbackQuery, Message, ReactionTypeEmoji
from aiogram_dialog import DialogManager, ShowMode, StartMode

from fsm import states
from fsm.cards import OpenDeal
from fsm.context import actor, services
from fsm.errors import deal_number

router = Router(name="deals")


def names_deal(message: Message) -> dict[str, int] | bool:
    """Filter: a reply to our message with «№1024» in it; gives the number to the handler."""
    card = message.reply_to_message
    if card is None or card.from_user is None or not card.from_user.is_bot:
        return False
    number = deal_number(card)
    return {"number": number} if number is not None else False


@router.message(F.text, ~F.text.startswith("/"), ~F.forward_origin, names_deal)
async def on_reply(message: Message, number: int, dialog_manager: DialogManager) -> None:
    deal_id = await services(dialog_manager).deals.find_number(actor(dialog_manager), number)
    await services(dialog_manager).journal.add(actor(dialog_manager), deal_id, message.text or "")
    await message.react([ReactionTypeEmoji(emoji="👍")])
    if dialog_manager.has_context():
        await dialog_manager.show(ShowMode.EDIT)


@router.callback_query(OpenDeal.filter())
async def on_open(query: CallbackQuery, callback_data: OpenDeal, dialog_manager: DialogManager) -> None:
    """The card is shown below: the notification stays as it was read."""
    await services(dialog_manager).deals.card(actor(dialog_manager), callback_data.deal_id)
    await dialog_manager.start(
        states.Deal.card,
        data={"deal_id": callback_data.deal_id},
        mode=StartMode.RESET_STACK,
        show_mode=ShowMode.SEND,
    )
    await query.answer()
