"""What people do reaches the bot as Telegram would tell it."""

from typing import Any

import pytest
from aiogram import Bot

from sandbox.world import Person, SandboxError, World


async def last(bot: Bot) -> Any:
    return (await bot.get_updates())[-1].event


async def test_a_command_has_its_entity_and_a_deep_link_its_payload(bot: Bot, world: World, anna: Person) -> None:
    """ "https://t.me/your_bot?start=airplane": the bot gets "/start airplane"."""
    await world.start(anna.id, "invite_5")
    message = await last(bot)
    assert message.text == "/start invite_5"
    assert [(e.type, e.offset, e.length) for e in message.entities] == [("bot_command", 0, 6)]
    assert message.from_user.language_code == "ru"
    assert message.chat.type == "private"


async def test_an_edit_of_a_person_is_an_update_of_its_own(bot: Bot, world: World, anna: Person) -> None:
    """ "edited_message: New version of a message that is known to the bot and was edited"."""
    said = await world.say(anna.id, "фр15")
    await world.edit(anna.id, said.id, "фр20")
    edited = await last(bot)
    assert (edited.message_id, edited.text) == (said.id, "фр20")
    assert edited.edit_date is not None


async def test_a_hidden_account_is_forwarded_by_name_only(bot: Bot, world: World, anna: Person) -> None:
    """ "MessageOriginHiddenUser: The message was originally sent by an unknown user." """
    await world.forward_text(anna.id, "Беру РЕСО", author="Пётр")
    hidden = (await last(bot)).forward_origin
    assert (hidden.type, hidden.sender_user_name) == ("hidden_user", "Пётр")
    await world.forward_text(anna.id, "Беру РЕСО", author="Пётр", author_id=555)
    assert (await last(bot)).forward_origin.sender_user.id == 555


async def test_a_shared_contact_is_the_persons_own(bot: Bot, world: World, anna: Person) -> None:
    await world.share_contact(anna.id, "+79123456789")
    contact = (await last(bot)).contact
    assert (contact.phone_number, contact.user_id) == ("+79123456789", anna.id)


async def test_an_update_shows_the_message_as_it_was_then(bot: Bot, world: World, anna: Person) -> None:
    sent = await bot.send_message(anna.id, "до")
    hers = await world.say(anna.id, "ответ", reply_to=sent.message_id)
    await bot.edit_message_text("после", chat_id=anna.id, message_id=sent.message_id)
    assert (await last(bot)).reply_to_message.text == "до"
    assert hers.body["reply_to_message"]["text"] == "до"


async def test_what_cannot_happen_in_telegram_is_an_error_of_the_test(world: World, anna: Person) -> None:
    with pytest.raises(SandboxError, match="no empty messages"):
        await world.say(anna.id, "  ")
    with pytest.raises(SandboxError, match="there is no message 999"):
        await world.press(anna.id, 999, "x")
    await world.block(anna.id)
    with pytest.raises(SandboxError, match="has blocked the bot"):
        await world.say(anna.id, "x")


async def test_a_reset_forgets_all_but_the_growing_ids(bot: Bot, world: World, anna: Person) -> None:
    (before,) = await bot.get_updates()
    with world.subscribe() as events:
        world.reset()
        kinds = [event.kind for event in [await events.get(), await events.get()] if event]
    assert kinds == ["update", "reset"]
    assert (world.people, world.refusals(), list(world.calls)) == ({}, [], [])
    world.person(anna.id, "Анна")
    message = await world.start(anna.id)
    (after,) = await bot.get_updates()
    assert after.update_id > before.update_id
    assert before.message is not None
    assert message.id > before.message.message_id


async def test_a_reader_that_falls_behind_is_told_so(world: World, anna: Person) -> None:
    events = world.subscribe(limit=3)
    for _ in range(5):
        await world.say(anna.id, "x")
    assert len([event async for event in events]) == 3
    assert events.overflowed
