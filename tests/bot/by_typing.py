"""The whole line of work for people who type well: lines instead of wizards, replies instead of buttons."""

from datetime import date
from decimal import Decimal

from tests.bot import the_year
from tests.bot.steps import JPEG, PDF, Office, heard, plain, screen


async def the_deal_is_opened_in_two_messages(office: Office) -> None:
    anna = office.anna
    await anna.say("/new Семёнов Пётр Ильич 8(916)123-45-67 каско Skoda Rapid о716мк77")
    for words in ("Семёнов Пётр Ильич (новый клиент) · +7 916 123-45-67", "КАСКО", "Skoda Rapid · О716МК77"):
        assert words in screen(anna)
    await anna.say("торопится, нужен до пятницы")
    await office.press(anna, "✅ Открыть сделку")
    written = [message for message in anna.messages if not message.out]
    assert len(written) <= 3
    assert "№1001 · КАСКО Skoda Rapid" in screen(anna)
    assert await office.touch() == ("collecting", date(2026, 3, 3), "new_deal")
    assert await office.events() == ["deal_opened", "торопится, нужен до пятницы"]


async def words_and_papers_go_where_they_belong(office: Office) -> None:
    """A forwarded word with its author, a file over the card, a reply to the card from elsewhere."""
    anna = office.anna
    card = anna.last
    await anna.forward_text("Стаж с 2010 года", author="Пётр Семёнов")
    await anna.send_photo(JPEG + b"car", caption="СТС")
    assert (await office.events())[-3:] == ["Пётр Семёнов: Стаж с 2010 года", "document_filed", "СТС"]
    await anna.say("/menu")
    said = await anna.reply(card, "перезвонил, ждёт до вечера")
    assert "👍" in str(said.reactions)
    assert (await office.events())[-1] == "перезвонил, ждёт до вечера"
    await anna.forward_text("Паспорт пришлю завтра", author="Пётр Семёнов")
    question = office.card(anna, "К какой это сделке?")
    await anna.tap("🔎 Другая сделка", message=question)
    await anna.say("семенов " * 20)
    assert "Сократите или пришлите частями." in anna.screen
    await anna.say("семенов")
    await anna.tap("№1001")
    assert (await office.events())[-1] == "Пётр Семёнов: Паспорт пришлю завтра"
    assert await office.value("SELECT kind FROM documents") == "vehicle"


async def the_calculation_is_typed(office: Office) -> None:
    anna = office.anna
    await anna.say("/deals")
    await anna.tap("Семёнов")
    await anna.tap("🧮 Дать задачу на расчёт")
    await anna.say("завтра 15:00")
    await anna.say("франшиза 15, сс 1.2")
    await office.press(anna, "✅ Дать задачу")
    assert "срок 03.03 15:00" in screen(office.egor)
    assert "франшиза 15, сс 1.2" in screen(office.egor)


async def question_and_answer_are_replies(office: Office) -> None:
    anna, egor = office.anna, office.egor
    card = office.card(egor, "Новый расчёт")
    await office.press(egor, "✅ Принять", message=card)
    await egor.reply(card, "Какой пробег?")
    question = office.card(anna, "Вопрос по задаче")
    assert await office.value("SELECT status FROM tasks") == "question"
    await anna.reply(question, "15 000 км")
    assert "Анна Серова: 15 000 км" in plain(office.card(egor, "Ответ на вопрос").text)
    assert await office.value("SELECT status FROM tasks") == "accepted"
    assert (await office.events()).count("15 000 км") == 1


async def variants_are_lines(office: Office) -> None:
    """The good lines are kept, the bad one is shown back with its mistake."""
    anna, egor = office.anna, office.egor
    await egor.tap("📝 Внести варианты", message=office.card(egor, "Ответ на вопрос"))
    await egor.say("РЕСО 54300 фр15 сс1.2м рассрочка 2\nРоссо 100000\nАльфа 49,9к фр30 до 20.03 кв15")
    assert "внесено 2 варианта" in screen(egor)
    assert "Россо 100000" in screen(egor)
    assert "В2 · АльфаСтрахование · 49 900 ₽" in screen(egor)
    assert await office.rows("SELECT number, premium, plan, deductible FROM variants ORDER BY number") == [
        (1, Decimal(54300), "halves", Decimal(15000)),
        (2, Decimal(49900), "full", Decimal(30000)),
    ]
    await office.press(egor, "📨 Сдать продавцу (2)")
    await anna.tap("🎯 Клиент выбрал В1", message=office.card(anna, "Варианты готовы"))
    await anna.tap("📝 Дать задачу на оформление", message=office.card(anna, "Варианты готовы"))
    await anna.say("пт")
    await office.press(anna, "✅ Дать задачу")
    assert "срок 06.03 18:00" in screen(egor)


async def the_policy_is_a_line(office: Office) -> None:
    anna, egor = office.anna, office.egor
    card = office.card(egor, "Новое оформление")
    await office.press(egor, "✅ Принять", message=card)
    await egor.tap("📜 Зарегистрировать полис", message=card)
    await egor.say("SYS 1234567 с 03.03")
    await office.press(egor, "✅ Зарегистрировать полис")
    await egor.send_file("полис.pdf", PDF + b"policy")
    assert await office.rows("SELECT number, premium, starts_on, ends_on, plan FROM policies") == [
        ("SYS1234567", Decimal(54300), date(2026, 3, 3), date(2027, 3, 2), "halves")
    ]
    assert await office.rows("SELECT amount FROM payments") == [(Decimal(27150),), (Decimal(27150),)]
    assert await office.rows("SELECT expected_amount FROM incomes") == [(Decimal(2715),), (Decimal(2715),)]
    assert "SYS1234567 · РЕСО-Гарантия · 54 300 ₽" in plain(office.card(anna, "Полис зарегистрирован").text)


async def the_money_is_typed(office: Office) -> None:
    """«27000 вчера», «остаток»; a mistake in the sum is explained and changes nothing."""
    anna = office.anna
    await office.until(date(2026, 3, 4))
    await anna.say("/payments")
    await anna.tap("Все")
    await anna.tap("27 150 ₽")
    await anna.tap("✍️ Частично / другая дата")
    await anna.say("много")
    assert "«много» — не сумма" in heard(anna)
    await anna.say("27000 вчера")
    assert "Оплачено 27 000 ₽, осталось 150 ₽" in screen(anna)
    await anna.tap("✍️ Частично / другая дата")
    await anna.say("200")
    assert "Это больше, чем осталось: 150 ₽." in heard(anna)
    await anna.say("остаток")
    await anna.tap("💰 КВ")
    await anna.say("2700 вчера")
    assert "получено 2 700 ₽ 03.03.2026" in screen(anna)
    assert "на 15 ₽ меньше" in screen(anna)
    await anna.tap("💸 Расходы")
    await anna.tap("➕ Расход")
    await anna.say("500 Олег")
    await anna.say("500 вчера")
    assert await office.rows("SELECT kind, amount, on_date FROM money_moves ORDER BY id") == [
        ("client_paid", Decimal(27000), date(2026, 3, 3)),
        ("client_paid", Decimal(150), date(2026, 3, 4)),
        ("commission_received", Decimal(2700), date(2026, 3, 3)),
        ("expense_paid", Decimal(500), date(2026, 3, 3)),
    ]


async def the_deal_is_found_and_put_off(office: Office) -> None:
    """A name, a plate or a number in the menu is enough; a date typed puts the deal off."""
    anna = office.anna
    for words in ("Симёнов", "123-45-67", "sys1234567", "О716МК", "1001"):
        await anna.say("/menu")
        await anna.say(words)
        await anna.tap("№1001")
        assert "№1001 · КАСКО Skoda Rapid" in screen(anna)
    await anna.tap("⏰ Отложить")
    await anna.say("31.03")
    assert await office.touch() == ("in_force", date(2026, 3, 31), "by_hand")
    assert "вт, 31 марта" in screen(anna)


async def the_first_days_work(office: Office) -> None:
    await the_deal_is_opened_in_two_messages(office)
    await words_and_papers_go_where_they_belong(office)
    await the_calculation_is_typed(office)
    await question_and_answer_are_replies(office)
    await variants_are_lines(office)
    await the_policy_is_a_line(office)
    await the_money_is_typed(office)
    await the_deal_is_found_and_put_off(office)


async def the_next_years_work(office: Office) -> None:
    """The client goes over to another insurer: a line in the calculation, a line of the new policy."""
    egor = office.egor
    await the_year.the_second_instalment_is_paid(office, "РЕСО-Гарантия SYS1234567")
    asked = await the_year.the_deal_comes_back(office)
    await the_year.it_is_calculated_again(office, asked)
    await egor.say("Ингос 59 000 фр15 50/50")
    await the_year.the_renewal_is_handed_in(office, 4)
    assert "Переход из РЕСО-Гарантия: вместо полиса SYS1234567" in screen(egor)
    await egor.say("AI 777")
    await the_year.the_old_policy_is_followed(office, "AI777", "moved")
