"""What nobody asked for and nobody else understood: never silence, and nothing typed is lost."""

from aiogram import F, Router
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message
from aiogram_dialog import DialogManager, ShowMode

from fsm import states
from fsm.errors import put_buttons_away, show_fresh
from fsm.i18n import _

stray = Router(name="stray")


@stray.message(F.text.startswith("/"))
async def on_unknown_command(message: Message) -> None:
    await message.answer(_("There is no such command. /menu shows what there is, /help explains it."))


@stray.message(F.text)
async def on_text(message: Message, dialog_manager: DialogManager) -> None:
    """A line typed over a screen that asked for none: look for it, or begin a deal with it."""
    await dialog_manager.start(states.Menu.typed, data={"text": message.text or ""})


@stray.message(F.contact)
async def on_contact(message: Message, dialog_manager: DialogManager) -> None:
    """A contact from the phone's book is a client to be, or to be found."""
    if message.contact is not None:
        name = " ".join(word for word in (message.contact.last_name, message.contact.first_name) if word)
        await dialog_manager.start(states.Menu.typed, data={"text": f"{name} {message.contact.phone_number}".strip()})


@stray.message(~F.successful_payment)
async def on_anything_else(message: Message) -> None:
    await message.answer(_("I understand words, files, photos, voice and video messages. /menu shows what I can do."))


@stray.edited_message(F.text | F.caption)
async def on_edited(message: Message, state: FSMContext) -> None:
    """What was said has had its effect when it is changed: say so, once a message."""
    if await state.get_value("edit_answered") == message.message_id:
        return
    await state.update_data(edit_answered=message.message_id)
    await message.reply(
        _("I do not take over what is changed in a message: what is written down stays as it was. Send it anew.")
    )


@stray.callback_query()
async def on_old_button(query: CallbackQuery, dialog_manager: DialogManager) -> None:
    """A button that no screen of ours has any more: show the fresh screen of what it was about."""
    await query.answer(_("This screen is out of date. Here is the fresh one."))
    await put_buttons_away(query)
    dialog_manager.show_mode = ShowMode.SEND
    await show_fresh(dialog_manager, query.message)
