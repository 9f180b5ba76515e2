"""The whole line of work walked by buttons: words are typed only where a name, a number or a reason must be.

A chapter is a step of DOMAIN.md §2 and says what each person sees and what the database holds after it. Whoever walks
it with a trembling thumb (`Office.trembling`) presses every changing button twice, and it must come to the same.
"""

from datetime import date
from decimal import Decimal

from sandbox.people import show
from sandbox.world import Upload
from tests.bot import the_year
from tests.bot.steps import JPEG, PDF, Office, heard, plain, screen

CLIENT = "Семёнов Пётр Ильич"
PLATE = "О716МК77"
VIN = "XWEFX411BJ0000001"
PHONE = "+7 916 123-45-67"


async def the_deal_is_opened(office: Office) -> None:
    anna = office.anna
    await anna.start()
    await anna.tap("➕ Новая сделка")
    await anna.say(CLIENT)
    await anna.tap("КАСКО")
    await anna.say(f"Skoda Rapid {PLATE} {VIN}")
    await anna.tap("📱 Телефон")
    await anna.say("8 916 123-45-67")
    assert f"{CLIENT} (новый клиент) · {PHONE}" in screen(anna)
    assert (await office.counts())["deals"] == 0
    await office.press(anna, "✅ Открыть сделку")
    for words in (
        "№1001 · КАСКО Skoda Rapid",
        CLIENT,
        PHONE,
        PLATE,
        VIN,
        "сбор документов",
        "вт, 3 марта, завтра: новая сделка",
    ):
        assert words in screen(anna)
    assert await office.touch() == ("collecting", date(2026, 3, 3), "new_deal")
    counts = await office.counts()
    assert (counts["deals"], counts["clients"], counts["client_phones"]) == (1, 1, 1)
    assert (await office.audited())["deal.opened"] == 1


async def papers_come_and_go(office: Office) -> None:
    """Sent over the open deal, sent with none open, refused, got back one and all."""
    anna = office.anna
    photo = await anna.send_photo(JPEG + b"car")
    assert "👍" in str(photo.reactions)
    await anna.send_album([Upload("Паспорт.pdf", PDF + b"passport"), Upload("СТС.pdf", PDF + b"sts")])
    await anna.send_voice()
    assert (await office.counts())["documents"] == 4
    assert "📎 Документы · 4" in screen(anna)
    for name, content, refusal in (
        ("Паспорт ещё раз.pdf", PDF + b"passport", "«Паспорт.pdf» в этой сделке уже есть"),
        ("пусто.pdf", b"", "Файл «пусто.pdf» пустой"),
        ("setup.exe", b"MZ\x90", "«setup.exe» — это программа"),
        ("полис.pdf.scr", PDF, "«полис.pdf.scr» — это программа"),
        ("безобидный.pdf", b"MZ\x90", "«безобидный.pdf» — это программа"),
    ):
        await anna.send_file(name, content)
        assert refusal in heard(anna)
    await anna.send_album([Upload("фильм.mp4", PDF, size=20 * 1024 * 1024 + 1)])
    assert "«фильм.mp4» больше 20 МБ" in heard(anna)
    assert (await office.counts())["documents"] == 4
    await papers_find_their_deal(office)
    await papers_are_got_back(office)


async def papers_find_their_deal(office: Office) -> None:
    """With no deal open the bot asks once for the whole album."""
    anna = office.anna
    await anna.say("/menu")
    heard_before = len(anna.received)
    await anna.send_album([Upload("ПТС.pdf", PDF + b"pts"), Upload("ВУ.pdf", PDF + b"licence")])
    assert len(anna.received) == heard_before + 1
    question = office.card(anna, "К какой это сделке?")
    assert "Получено 2 файла" in plain(question.text)
    await office.press(anna, f"№1001 · {CLIENT}", message=question)
    assert "✅ 2 файла в сделке №1001" in plain(question.text)
    assert question.labels == ["📂 Открыть сделку"]
    counts = await office.counts()
    assert (counts["documents"], counts["parcels"], counts["parcel_items"]) == (6, 1, 2)


async def papers_are_got_back(office: Office) -> None:
    anna = office.anna
    await anna.say("/deals")
    await anna.tap("Семёнов")
    await anna.tap("📎 Документы · 6")
    await anna.tap("Паспорт.pdf")
    await anna.tap("📥 Получить файл")
    assert anna.received[-2].file is not None
    assert office.agency.world.file_bytes(anna.received[-2].file["file_id"]) == PDF + b"passport"
    await anna.tap("‹ Назад")
    await anna.tap("📥 Получить все файлами")
    sent = [message.content for message in anna.received[-7:-1]]
    assert sorted(sent) == ["document", "document", "document", "document", "photo", "voice"]
    await anna.tap("‹ Назад")
    assert "№1001 · КАСКО Skoda Rapid" in screen(anna)


async def the_journal_is_kept(office: Office) -> None:
    anna = office.anna
    await anna.say("Клиент просит франшизу 15")
    assert "Клиент просит франшизу 15" in screen(anna)
    await office.press(anna, "📝 Записать в журнал")
    assert "Анна Серова: Клиент просит франшизу 15" in screen(anna)
    assert (await office.events())[-1] == "Клиент просит франшизу 15"


async def an_expense_is_agreed(office: Office) -> None:
    anna = office.anna
    await anna.tap("💸 Расходы")
    await anna.tap("➕ Согласовать расход")
    await anna.tap("скидка клиенту")
    await anna.say("2%")
    assert "скидка клиенту · 2 %" in screen(anna)
    await anna.tap("‹ Назад")
    assert "💸 согласован 1 расход" in screen(anna)


async def a_task_is_called_off(office: Office) -> None:
    anna, egor = office.anna, office.egor
    await anna.tap("📋 Задача")
    assert "Новая задача: поручение · №1001" in screen(anna)
    assert "Напишите, что нужно сделать." in screen(anna)
    assert "✅ Дать задачу" not in anna.last.labels
    await anna.say("Сфотографировать машину")
    await office.press(anna, "✅ Дать задачу")
    assert "Новая задача · №1001" in screen(egor)
    assert "💬 Сфотографировать машину" in screen(egor)
    await anna.tap("📋 поручение")
    await anna.tap("✖️ Отменить")
    await anna.say("Уже не нужно")
    assert "Задача отменена" in screen(egor)
    assert "Уже не нужно" in screen(egor)
    assert await office.rows("SELECT kind, status FROM tasks") == [("other", "cancelled")]
    assert (await office.audited())["task.cancelled"] == 1


async def the_calculation_is_given(office: Office) -> None:
    anna, egor = office.anna, office.egor
    await anna.say("/deals")
    await anna.tap("Семёнов")
    await anna.tap("🧮 Дать задачу на расчёт")
    assert "🙋 Егор Лисин" in screen(anna)
    await anna.tap("завтра 18:00")
    await anna.tap("💬 Комментарий")
    await anna.say("Нужно два варианта")
    await office.press(anna, "✅ Дать задачу")
    assert "на расчёте" in screen(anna)
    assert "расчёт: Егор Лисин, срок 03.03 18:00 — не принята" in screen(anna)
    for words in (
        "Новый расчёт · №1001", CLIENT, f"КАСКО Skoda Rapid · {PLATE}", "от: Анна Серова", "срок 03.03 18:00",
        "Нужно два варианта", "6 документов", "Анна Серова: Клиент просит франшизу 15",
    ):  # fmt: skip
        assert words in screen(egor)
    assert (await office.touch())[0] == "calculating"
    assert await office.value("SELECT count(*) FROM tasks WHERE kind = 'calculate'") == 1


async def the_executor_asks_and_waits(office: Office) -> None:
    """Accept, a question and its answer, wait for the insurer and go on: the clock stands meanwhile."""
    anna, egor = office.anna, office.egor
    await office.press(egor, "✅ Принять")
    assert "В работе" in screen(egor)
    await egor.tap("❓ Вопрос")
    await egor.say("Какой пробег?")
    question = office.card(anna, "Вопрос по задаче")
    assert "Егор Лисин: Какой пробег?" in plain(question.text)
    assert "часы стоят" in screen(egor)
    await anna.tap("💬 Ответить", message=question)
    await anna.say("15 000 км")
    answered = office.card(egor, "Ответ на вопрос")
    assert "Анна Серова: 15 000 км" in plain(answered.text)
    await office.press(egor, "⏳ Жду СК", message=answered)
    assert "Ждём СК · часы стоят" in plain(answered.text)
    await office.days_pass(hours=2)
    await office.press(egor, "▶️ Продолжить", message=answered)
    assert "В работе" in plain(answered.text)
    steps = [status for (status,) in await office.rows("SELECT status FROM task_moves WHERE task_id = 2 ORDER BY id")]
    assert steps == ["queued", "accepted", "question", "accepted", "waiting_insurer", "accepted"]
    await egor.tap("📎 Документы (6)", message=answered)
    await egor.tap("📥 Получить все файлами")
    assert sum(message.content == "document" for message in egor.received) == 4


async def variants_are_entered(office: Office) -> None:
    """One by the wizard, one copied from it and changed; both handed in."""
    anna, egor = office.anna, office.egor
    await egor.tap("📝 Внести варианты", message=office.card(egor, "Расчёт · №1001"))
    await egor.tap("➕ По шагам")
    await egor.tap("РЕСО-Гарантия")
    await egor.say("54 300")
    await egor.say("1,2 млн")
    await egor.tap("15 000 ₽")
    await egor.tap("50/50")
    await office.press(egor, "✅ Сохранить вариант")
    await egor.tap("В1 · РЕСО-Гарантия · 54 300 ₽")
    await egor.tap("📄 Копия")
    await egor.tap("✏️ По шагам")
    await egor.tap("Ингосстрах")
    await egor.say("61000,01")
    await office.press(egor, "✅ Сохранить вариант")
    assert "В2 · Ингосстрах — 61 000,01 ₽" in screen(egor)
    await egor.tap("‹ Назад")
    await office.press(egor, "📨 Сдать продавцу (2)")
    ready = plain(office.card(anna, "Варианты готовы").text)
    assert "В1 · РЕСО-Гарантия — 54 300 ₽" in ready
    assert "В2 · Ингосстрах — 61 000,01 ₽" in ready
    assert "франшиза 15 000 ₽ · СС 1 200 000 ₽ · 50/50" in ready
    assert (await office.touch())[0] == "choosing"
    assert await office.rows("SELECT number, status FROM variants ORDER BY number") == [(1, "offered"), (2, "offered")]
    assert await office.value("SELECT status FROM tasks WHERE id = 2") == "done"


async def the_calculation_is_returned(office: Office) -> None:
    """The seller wants one more; the executor adds it and hands in again."""
    anna, egor = office.anna, office.egor
    await anna.say("/deals")
    await anna.tap("Семёнов")
    await anna.tap("↩️ Вернуть на доработку", message=office.card(anna, "Расчёт · №1001"))
    await anna.say("Добавьте ещё один")
    returned = office.card(egor, "Возвращено на доработку")
    assert "Добавьте ещё один" in plain(returned.text)
    assert (await office.touch())[0] == "calculating"
    await office.press(egor, "✅ Принять", message=returned)
    await egor.tap("📝 Внести варианты", message=returned)
    await egor.tap("В2")
    await egor.tap("📄 Копия")
    await egor.say("Альфа 49 900 фр30 кв15")
    await egor.tap("‹ Назад")
    await office.press(egor, "📨 Сдать продавцу (1)")
    assert "В3 · АльфаСтрахование — 49 900 ₽" in plain(office.card(anna, "Варианты готовы").text)
    assert await office.value("SELECT count(*) FROM variants WHERE status = 'offered'") == 3
    assert (await office.touch())[0] == "choosing"


async def the_client_chooses(office: Office) -> None:
    """Shown as a picture and as words without a word of commission; the choice is changed before it is issued."""
    anna, egor = office.anna, office.egor
    ready = office.card(anna, "Варианты готовы")
    assert "КВ" not in plain(ready.text).replace("КВ 15%", "")
    await anna.tap("🖼 Картинкой", message=ready)
    picture = anna.last
    assert picture.content == "photo"
    assert "КВ" not in picture.text
    await anna.tap("✉️ Текст клиенту", message=ready)
    for words in (
        f"КАСКО Skoda Rapid {PLATE} — варианты страхования",
        "В3. АльфаСтрахование — 49 900 ₽",
        "Франшиза: 30 000 ₽",
    ):
        assert words in screen(anna)
    assert "КВ" not in screen(anna)
    assert "15%" not in screen(anna)
    await office.press(anna, "🎯 Клиент выбрал В1", message=ready)
    await anna.tap("📝 Дать задачу на оформление", message=ready)
    await office.press(anna, "✅ Дать задачу")
    assert "оформление полиса: Егор Лисин" in screen(anna)
    issue = office.card(egor, "Новое оформление · №1001")
    assert "В1 · РЕСО-Гарантия · 54 300 ₽" in plain(issue.text)
    await office.press(anna, "🎯 Клиент выбрал В2", message=ready)
    assert "Клиент выбрал другой вариант" in screen(egor)
    assert "В2 · Ингосстрах · 61 000,01 ₽" in screen(egor)
    statuses = await office.rows("SELECT number, status FROM variants ORDER BY number")
    assert statuses == [(1, "not_selected"), (2, "chosen"), (3, "not_selected")]
    assert (await office.touch())[0] == "issuing"
    assert (await office.audited())["variant.chosen"] == 2


async def the_policy_is_issued(office: Office) -> None:
    anna, egor = office.anna, office.egor
    card = office.card(egor, "Клиент выбрал другой вариант")
    await office.press(egor, "✅ Принять", message=card)
    await egor.tap("📜 Зарегистрировать полис", message=card)
    for words in ("СК: Ингосстрах", "Премия: 61 000,01 ₽", "03.03.2026 – 02.03.2027", "По варианту В2"):
        assert words in screen(egor)
    await egor.say("ххх 0123456789")
    await office.press(egor, "✅ Зарегистрировать полис")
    assert "📜 ХХХ0123456789 · №1001" in screen(egor)
    assert "КВ" not in screen(egor)
    await egor.send_file("ХХХ0123456789.pdf", PDF + b"policy")
    assert "1 файл полиса" in screen(egor)
    told = plain(office.card(anna, "Полис зарегистрирован").text)
    assert "ХХХ0123456789 · Ингосстрах · 61 000,01 ₽" in told
    assert "Внёс: Егор Лисин" in told
    await the_money_is_laid_out(office)
    assert await office.value("SELECT status FROM tasks WHERE kind = 'issue'") == "done"


async def the_money_is_laid_out(office: Office) -> None:
    """Instalments add up to the premium to the kopeck; the commission is by the frozen rate; the discount as agreed."""
    assert await office.rows("SELECT seq, due_on, amount FROM payments ORDER BY seq") == [
        (1, date(2026, 3, 3), Decimal("30500.01")),
        (2, date(2026, 9, 3), Decimal("30500.00")),
    ]
    assert await office.value("SELECT sum(amount) FROM payments") == Decimal("61000.01")
    assert await office.rows("SELECT rate_kind, rate_value FROM policies") == [("percent", Decimal(10))]
    incomes = await office.rows("SELECT kind, expected_amount, status FROM incomes ORDER BY id")
    assert incomes == [("commission", Decimal("3050.01"), "expected"), ("commission", Decimal("3049.99"), "expected")]
    expenses = await office.rows("SELECT kind, expected_amount, status FROM expenses ORDER BY id")
    assert expenses == [
        ("client_discount", Decimal("610.01"), "expected"),
        ("client_discount", Decimal("609.99"), "expected"),
    ]
    assert await office.value("SELECT count(*) FROM documents WHERE policy_id IS NOT NULL") == 1
    # The first instalment comes before everything else.
    assert await office.touch() == ("in_force", date(2026, 3, 3), "payment_due")


async def the_money_comes(office: Office) -> None:
    """In part, taken back, in full, confirmed; commission and discount where they were expected."""
    anna = office.anna
    await anna.tap("📜 Открыть полис", message=office.card(anna, "Полис зарегистрирован"))
    await anna.tap("🧾 Взносы (2)")
    await anna.tap("30 500,01 ₽")
    await anna.tap("✍️ Частично / другая дата")
    await anna.say("20000")
    assert "Оплачено 20 000 ₽, осталось 10 500,01 ₽" in screen(anna)
    payment = anna.last
    await office.days_pass(minutes=9)
    await office.press(anna, "↩️ Отменить последнее: 20 000 ₽", message=payment)
    assert await office.value("SELECT paid_amount FROM payments WHERE seq = 1") == 0
    await office.press(anna, "✅ Оплачен сегодня: 30 500,01 ₽", message=payment)
    await office.press(anna, "🏦 Подтверждён СК", message=payment)
    assert "СК подтвердила 02.03.2026" in plain(payment.text)
    await anna.tap("💰 КВ", message=payment)
    await office.press(anna, "✅ Пришло сегодня: 3 050,01 ₽", message=payment)
    await anna.tap("💸 Расходы", message=payment)
    await office.press(anna, "✅ Выплачен сегодня: 610,01 ₽", message=payment)
    await anna.tap("‹ Назад", message=payment)
    assert "↩️ Отменить последнее: 610,01 ₽" in plain(show(payment))
    await office.days_pass(minutes=11)
    await anna.tap("📁 Сделка", message=payment)
    for words in (
        "💳 Премия 61 000,01 ₽, оплачено 30 500,01 ₽",
        "💰 КВ 6 100 ₽, получено 3 050,01 ₽",
        "💸 Расходы 1 220 ₽, выплачено 610,01 ₽",
    ):
        assert words in plain(payment.text)
    moves = await office.rows("SELECT kind, amount, undone_at IS NOT NULL FROM money_moves ORDER BY id")
    assert moves == [
        ("client_paid", Decimal(20000), True),
        ("client_paid", Decimal("30500.01"), False),
        ("insurer_confirmed", Decimal("30500.01"), False),
        ("commission_received", Decimal("3050.01"), False),
        ("expense_paid", Decimal("610.01"), False),
    ]
    await anna.say("/deals")
    await anna.tap("Семёнов")
    await anna.tap("💳 Взносы · 1")
    await anna.tap("30 500,01 ₽")
    assert "Отменить последнее" not in screen(anna)
    await anna.tap("📁 Сделка")
    await the_deal_waits_for_its_next_event(office)


async def the_deal_waits_for_its_next_event(office: Office) -> None:
    assert await office.touch() == ("in_force", date(2026, 8, 20), "payment_due")
    assert "чт, 20 августа" in screen(office.anna)
    assert "взнос 30 500 ₽ до 03.09" in screen(office.anna)


async def the_deal_is_put_off(office: Office) -> None:
    anna = office.anna
    await anna.tap("⏰ Отложить")
    await office.press(anna, "+3")
    assert await office.touch() == ("in_force", date(2026, 3, 5), "by_hand")
    await anna.tap("⏰ Отложить")
    await anna.tap("🗓 Другой день")
    await office.press(anna, "+30")
    assert await office.touch() == ("in_force", date(2026, 4, 1), "by_hand")
    await anna.tap("⏰ Отложить")
    await office.press(anna, "⏭ К следующему событию")
    await the_deal_waits_for_its_next_event(office)


async def another_deal_is_closed_and_opened_again(office: Office) -> None:
    """The same client's flat: he thinks better of it, and then again."""
    anna = office.anna
    await anna.tap("👤 Клиент")
    await anna.tap("➕ Новая сделка")
    await anna.tap("ИФЛ")
    await anna.say("Квартира, Тверь, Советская 5")
    await office.press(anna, "✅ Открыть сделку")
    assert "№1002" in screen(anna)
    await anna.tap("🔒 Закрыть сделку")
    await anna.tap("проиграна")
    await anna.tap("дорого")
    await office.press(anna, "🔒 Закрыть сделку")
    assert "🔒 закрыта: проиграна, дорого" in screen(anna)
    assert await office.rows("SELECT stage, outcome, close_reason FROM deals WHERE number = 1002") == [
        ("closed", "lost", "price")
    ]
    await office.press(anna, "♻️ Открыть снова")
    assert "сбор документов" in screen(anna)
    assert await office.touch(1002) == ("collecting", date(2026, 3, 2), "reopened")
    await anna.tap("🔒 Закрыть сделку")
    await anna.tap("отменена")
    await anna.tap("больше не нужно")
    await office.press(anna, "🔒 Закрыть сделку")
    audited = await office.audited()
    assert (audited["deal.closed"], audited["deal.reopened"]) == (2, 1)


async def lists_and_search_find_it(office: Office) -> None:
    anna, egor, galina = office.anna, office.egor, office.galina
    await anna.start()
    await anna.tap("📂 Сделки")
    assert [label for label in anna.last.labels if "Семёнов" in label] == ["20.08 · Семёнов П. И. · КАСКО Skoda Rapid"]
    await anna.tap("🔒 Закрытые")
    assert any("Квартира" in label for label in anna.last.labels)
    await anna.tap("⌂ Меню")
    await anna.tap("💳 Взносы")
    await anna.tap("Все")
    assert any("30 500 ₽" in plain(label) for label in anna.last.labels)
    await anna.tap("⌂ Меню")
    await anna.tap("📜 Полисы")
    await anna.tap("Все")
    await anna.tap("🕓 02.03.2027")
    assert "📜 ХХХ0123456789" in screen(anna)
    await egor.say("/tasks")
    assert "Открытых задач здесь нет" in screen(egor)
    await anna.tap("⌂ Меню")
    await anna.tap("🔎 Поиск")
    for words in ("семенов петр", "Симёнов", "161234", "xxx0123456789", "0123456", "о716мк", VIN[-8:], "1001"):
        await anna.say(words)
        assert any("№1001" in label for label in anna.last.labels), f"{words}: {screen(anna)}"
    await galina.say("/find 1001")
    await galina.tap("№1001")
    assert "💰 КВ 6 100 ₽" in screen(galina)


async def the_first_days_work(office: Office) -> None:
    """From a new deal to a policy in force, all on the day on which the story begins."""
    await the_deal_is_opened(office)
    await papers_come_and_go(office)
    await the_journal_is_kept(office)
    await an_expense_is_agreed(office)
    await a_task_is_called_off(office)
    await the_calculation_is_given(office)
    await the_executor_asks_and_waits(office)
    await variants_are_entered(office)
    await the_calculation_is_returned(office)
    await the_client_chooses(office)
    await the_policy_is_issued(office)
    await the_money_comes(office)
    await the_deal_is_put_off(office)
    await another_deal_is_closed_and_opened_again(office)
    await lists_and_search_find_it(office)


async def the_next_years_work(office: Office) -> None:
    """The deal comes back, last year's variant is the base, and the policy is renewed with the same insurer."""
    egor = office.egor
    await the_year.the_second_instalment_is_paid(office, "Ингосстрах ХХХ0123456789")
    asked = await the_year.the_deal_comes_back(office)
    await the_year.it_is_calculated_again(office, asked)
    await egor.tap("📝 В4 · Ингосстрах · 61 000,01 ₽")
    await egor.tap("✏️ По шагам")
    await egor.tap("Пропустить ›")
    await egor.say("63 500")
    await office.press(egor, "✅ Сохранить вариант")
    assert "В4 · Ингосстрах — 63 500 ₽" in screen(egor)
    await egor.tap("‹ Назад")
    await the_year.the_renewal_is_handed_in(office, 4)
    for words in ("Продлевает полис ХХХ0123456789", "03.03.2027 – 02.03.2028", "Премия: 63 500 ₽"):
        assert words in screen(egor)
    await egor.say("ххх 9876543210")
    await the_year.the_old_policy_is_followed(office, "ХХХ9876543210", "renewed")
