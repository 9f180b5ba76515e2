"""The year after the policy: the second instalment, the ladder before its end, and the renewal on the same deal."""

from datetime import date, timedelta

from sandbox.people import VirtualUser
from sandbox.world import Message
from tests.bot.steps import PDF, Office, heard, plain, screen

LADDER = [
    # КАСКО ends on Tuesday, 2 March 2027: 45, 30, 14, 7, 3 and 1 days before, earlier where that is a day off.
    (-45, date(2027, 1, 15)),
    (-30, date(2027, 1, 29)),
    (-14, date(2027, 2, 16)),
    (-7, date(2027, 2, 22)),
    (-3, date(2027, 2, 26)),
    (-1, date(2027, 3, 1)),
    (1, date(2027, 3, 3)),
    (7, date(2027, 3, 9)),
    (30, date(2027, 4, 1)),
]


async def days_pass_until(office: Office, day: date) -> None:
    """Weeks go by and then the last days before that day, one by one; the clock looks at noon."""
    today = office.agency.clock.now().date()
    while today < day:
        today += timedelta(days=1 if (day - today).days <= 5 else min((day - today).days - 5, 21))
        await office.until(today)


def pushes(person: VirtualUser, words: str) -> list[Message]:
    """What the person was told with these words and is asked to answer, oldest first."""
    return [message for message in person.received if words in plain(message.text) and message.buttons]


async def the_second_instalment_is_paid(office: Office, policy: str) -> None:
    """Asked for two weeks before its day, answered in the reminder, and not asked for again."""
    anna = office.anna
    due: date = await office.value("SELECT due_on FROM payments WHERE seq = 2")
    await days_pass_until(office, due - timedelta(days=14))
    asked = office.card(anna, f"Взнос через 14 дней, {due:%d.%m.%Y}")
    assert f"{policy}, взнос 2" in plain(asked.text)
    await office.press(anna, "✅ Оплачен", message=asked)
    assert "✅ Взнос оплачен" in plain(asked.text)
    assert await office.value("SELECT count(*) FROM payments WHERE settled_on IS NULL") == 0
    before = len(anna.received)
    await days_pass_until(office, due + timedelta(days=4))
    assert len(anna.received) == before


async def the_deal_comes_back(office: Office) -> Message:
    """The first step of the ladder finds the seller, with everything that is needed to act; returns the reminder."""
    anna = office.anna
    planned = "SELECT step, local_date FROM reminders WHERE kind = 'policy_end' AND status = 'planned' ORDER BY step"
    assert await office.rows(planned) == LADDER
    await days_pass_until(office, date(2027, 1, 14))
    assert pushes(anna, "Полис заканчивается") == []
    await days_pass_until(office, date(2027, 1, 15))
    (asked,) = pushes(anna, "Полис заканчивается через 46 дней, 02.03.2027")
    for words in ("Последний безопасный день: 27.02.2027", "№1001 · КАСКО · Skoda Rapid", "+7 916 123-45-67"):
        assert words in plain(asked.text)
    assert pushes(office.egor, "Полис заканчивается") == []
    return asked


async def it_is_calculated_again(office: Office, asked: Message) -> Message:
    """«Считаем» under the reminder, and the task is one tap away; returns the executor's card."""
    anna, egor = office.anna, office.egor
    await office.press(anna, "🧮 Считаем", message=asked)
    assert "🧮 Считаем" in plain(asked.text)
    assert await office.rows("SELECT stage, renewal_of_id FROM deals WHERE number = 1001") == [("calculating", 1)]
    await office.press(anna, "✅ Дать задачу", message=office.card(anna, "Новая задача: расчёт · №1001"))
    card = office.card(egor, "Новый расчёт · №1001")
    await office.press(egor, "✅ Принять", message=card)
    await egor.tap("📝 Внести варианты", message=card)
    return card


async def the_renewal_is_handed_in(office: Office, number: int) -> None:
    """The executor hands in what is open before him, the seller marks it and gives it to be issued."""
    anna, egor = office.anna, office.egor
    await office.press(egor, "📨 Сдать продавцу")
    await office.press(anna, f"🎯 Клиент выбрал В{number}", message=office.card(anna, "Варианты готовы"))
    await anna.tap("📝 Дать задачу на оформление", message=office.card(anna, "Варианты готовы"))
    await office.press(anna, "✅ Дать задачу")
    card = office.card(egor, "Новое оформление · №1001")
    await office.press(egor, "✅ Принять", message=card)
    await egor.tap("📜 Зарегистрировать полис", message=card)


async def the_old_policy_is_followed(office: Office, number: str, outcome: str) -> None:
    """The new policy points to the old one, whose ladder is silent from now on."""
    anna, egor = office.anna, office.egor
    await office.press(egor, "✅ Зарегистрировать полис")
    assert f"📜 {number}" in screen(egor)
    await egor.send_file("полис нового года.pdf", PDF + b"renewal")
    old, new = await office.rows("SELECT id, outcome, previous_policy_id, starts_on FROM policies ORDER BY id")
    assert (old[1], new[1:]) == (outcome, (None, old[0], date(2027, 3, 3)))
    assert await office.rows("SELECT stage, renewal_of_id FROM deals WHERE number = 1001") == [("in_force", None)]
    left = (
        "SELECT count(*) FROM reminders WHERE kind = 'policy_end' AND object_id = :p AND status IN ('planned', 'sent')"
    )
    assert await office.value(left, p=old[0]) == 0
    assert await office.value(left, p=new[0]) == len(LADDER)
    sums = (
        "SELECT p.premium, sum(y.amount) FROM policies p JOIN payments y ON y.policy_id = p.id GROUP BY p.id, p.premium"
    )
    assert all(premium == total for premium, total in await office.rows(sums))
    before = len(pushes(anna, "Полис заканчивается"))
    await days_pass_until(office, date(2027, 3, 12))
    assert len(pushes(anna, "Полис заканчивается")) == before, heard(anna)
    assert "Полис закончился" not in heard(anna)
