"""A calculation in the chat: asked for, questioned, answered, handed in, shown to the client, chosen, issued."""

import pytest

from models.enums import Role
from sandbox.people import VirtualUser, keep, show
from tests.bot.conftest import Agency

LINE = "/new Семёнов Пётр Ильич 8 916 123-45-67 каско Skoda Rapid о716мк77"
LINES = "РЕСО 54300 фр15 сс1.2м рассрочка 2 кв15\nАльфа 49,9к фр30 до 20.03\nРоссо 100000"


@pytest.fixture
async def anna(agency: Agency) -> VirtualUser:
    return await agency.person("Анна Серова", Role.SELLER)


@pytest.fixture
async def egor(agency: Agency) -> VirtualUser:
    return await agency.person("Егор Лисин", Role.EXECUTOR)


async def status(agency: Agency, number: int = 1) -> str:
    return str(await agency.value("SELECT status FROM tasks ORDER BY id OFFSET :n LIMIT 1", n=number - 1))


async def given(anna: VirtualUser) -> None:
    """Anna opens a deal and asks for a calculation: three taps from the card."""
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    await anna.tap("Дать задачу на расчёт")
    await anna.tap("✅ Дать задачу")


async def test_a_calculation_is_given_in_two_taps_from_the_deal(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    await anna.tap("Дать задачу на расчёт")
    assert "Егор Лисин" in anna.screen
    assert "● сегодня 18:00" in anna.screen.replace("\u00a0", " ")
    await anna.double_tap("✅ Дать задачу")
    assert await agency.value("SELECT count(*) FROM tasks") == 1
    assert await agency.value("SELECT stage FROM deals") == "calculating"
    card = egor.screen
    for words in ("Новый расчёт · №1001", "Семёнов Пётр Ильич", "КАСКО Skoda Rapid", "[✅ Принять]", "[❓ Вопрос]"):
        assert words in card, card


async def test_of_more_executors_than_a_keyboard_carries_each_is_on_some_page_the_least_busy_first(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await given(anna)
    await agency.execute(
        "INSERT INTO users (telegram_id, full_name, roles, time_zone, language, digest_hour, quiet_from, quiet_to,"
        " active, reachable) SELECT 5000 + n, 'Рождественская-Преображенская Александра ' || n, '{executor}',"
        " 'Europe/Moscow', 'ru', 9, 21, 8, true, true FROM generate_series(1, 120) AS n"
    )
    await anna.say("/new Ершов Иван 8 916 123-45-68 каско Kia Rio")
    await anna.tap("✅ Открыть сделку")
    await anna.tap("Дать задачу на расчёт")
    assert "🙋 Егор Лисин" in anna.screen
    await anna.tap("👤 Егор Лисин")

    def people() -> list[str]:
        return [line for line in anna.screen.splitlines() if " · " in line and line.startswith("[")]

    first, *others = people()
    assert first == "[⭐ Егор Лисин · 1 открытая задача]"
    assert len(others) == 7
    assert all(line.endswith("свободен]") for line in others)
    await anna.tap("‹")
    last = people()[-1][1:-1]
    await anna.tap(last)
    assert f"🙋 {last.split(' · ')[0]}" in anna.screen


async def test_who_is_done_with_the_only_task_of_the_last_page_comes_back_to_the_page_before(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await given(anna)
    await agency.execute(
        "INSERT INTO tasks (kind, deal_id, author_id, assignee_id, due_at, comment, status)"
        " SELECT 'other', deal_id, author_id, assignee_id, due_at + make_interval(days => n), '', 'accepted'"
        " FROM tasks, generate_series(1, 8) AS n"
    )
    await egor.say("/tasks")
    await egor.tap("‹")
    assert "2 / 2" in egor.screen
    await egor.tap("📌")
    await egor.tap("✅")
    await egor.tap("‹ Назад")
    assert "8 открытых задач" in egor.screen.replace("\u00a0", " ")
    assert egor.screen.count("Семёнов Пётр Ильич") == 8


async def test_the_due_and_the_comment_can_be_typed(agency: Agency, anna: VirtualUser, egor: VirtualUser) -> None:
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    await anna.tap("Дать задачу на расчёт")
    for wrong in ("31.13", "31.02", "25:00"):
        await anna.say(wrong)
        assert f"нет: «{wrong}». Например" in anna.transcript
    await anna.say("завтра 15:00")
    assert "вт, 3 марта, 15:00" in anna.screen
    assert "31.13" not in anna.screen
    await anna.say("<b>Срочно</b>, клиент ждёт")
    await anna.tap("✅ Дать задачу")
    assert "срок 03.03 15:00" in egor.screen
    assert "<b>Срочно</b>, клиент ждёт" in egor.last.text
    assert await agency.value("SELECT due_at AT TIME ZONE 'Europe/Moscow' FROM tasks") is not None


async def test_the_card_of_the_task_is_carried_by_its_buttons(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await given(anna)
    await egor.double_tap("✅ Принять")
    assert await status(agency) == "accepted"
    assert await agency.value("SELECT count(*) FROM task_moves") == 2
    assert "[📝 Внести варианты]" in egor.screen
    assert "В работе" in anna.screen
    fresh = keep(egor.last)
    await egor.tap("⏳ Жду СК")
    assert await status(agency) == "waiting_insurer"
    assert "часы стоят" in egor.screen
    # The button of the card as it was a minute ago says so and brings the card up to date.
    answer = await egor.tap_old(fresh, "⏳ Жду СК")
    assert answer is not None
    assert answer.text
    await egor.tap("▶️ Продолжить")
    assert await status(agency) == "accepted"


async def test_a_question_is_answered_by_reply_and_the_answer_returns(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await given(anna)
    card = egor.find("Новый расчёт")
    await egor.reply(card, "Какой пробег?")
    assert await status(agency) == "question"
    question = anna.find("Вопрос по задаче")
    assert "Какой пробег?" in question.text
    assert "Ответьте на это сообщение" in question.text
    await anna.reply(question, "45 тысяч")
    assert await status(agency) == "accepted"
    assert "45 тысяч" in egor.find("Ответ на вопрос").text
    texts = await agency.rows("SELECT text FROM journal_entries WHERE event IS NULL ORDER BY id")
    assert [row[0] for row in texts] == ["Какой пробег?", "45 тысяч"]


async def test_a_reply_of_the_executor_that_is_no_question_is_offered_both_ways(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await given(anna)
    card = egor.find("Новый расчёт")
    await egor.reply(card, "Нужен пробег")
    assert await status(agency) == "queued"
    await egor.tap("❓ Продавцу")
    assert await status(agency) == "question"
    assert "Нужен пробег" in anna.find("Вопрос по задаче").text
    await anna.tap("💬 Ответить")
    await anna.say("45 тысяч")
    assert await status(agency) == "accepted"
    await egor.reply(egor.find("Ответ на вопрос"), "Созвонился с банком")
    await egor.double_tap("✍️ В журнал")
    count = "SELECT count(*) FROM journal_entries WHERE text = 'Созвонился с банком'"
    assert await agency.value(count) == 1


async def test_a_refused_task_is_handed_to_another(agency: Agency, anna: VirtualUser, egor: VirtualUser) -> None:
    await given(anna)
    faina = await agency.person("Фаина Орлова", Role.EXECUTOR)
    await egor.tap("🚫 Отказаться")
    await egor.say("Болею")
    assert "Исполнитель отказался" in anna.screen
    assert "Болею" in anna.screen
    await anna.tap("👤 Передать другому")
    await anna.tap("Фаина")
    assert "Новый расчёт" in faina.screen
    assert "Болею" in faina.screen
    await faina.tap("✅ Принять")
    assert await status(agency) == "accepted"


async def test_a_returned_and_a_cancelled_task_are_told_with_the_reason(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await given(anna)
    await anna.say("/tasks")
    await anna.tap("Семёнов", message=anna.last)
    await anna.tap("✖️ Отменить")
    await anna.say("Клиент передумал")
    assert await status(agency) == "cancelled"
    assert "Задача отменена" in egor.screen
    assert "Клиент передумал" in egor.screen
    assert await agency.value("SELECT stage FROM deals") == "collecting"


async def test_the_author_sets_another_due_and_is_warned_of_a_day_off(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await given(anna)
    await anna.say("/tasks")
    await anna.tap("Семёнов", message=anna.last)
    await anna.tap("📅 Другой срок")
    await anna.say("вчера")
    assert "К какому сроку" in anna.screen  # still to be said
    await anna.say("вс")
    assert "нерабочий день" in anna.screen
    assert "У задачи новый срок" in egor.screen
    await anna.tap("📅 Другой срок")
    await anna.say("+90")
    assert "это далеко" in anna.screen


async def handed_in(anna: VirtualUser, egor: VirtualUser) -> None:
    await given(anna)
    await egor.tap("✅ Принять")
    await egor.tap("📝 Внести варианты")
    await egor.say(LINES)
    await egor.tap("📨 Сдать продавцу")


async def test_lines_are_variants_and_the_bad_one_is_shown_back(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await given(anna)
    await egor.tap("✅ Принять")
    await egor.tap("📝 Внести варианты")
    assert "РЕСО 54300 фр15" in egor.screen
    await egor.say(LINES)
    assert egor.screen.count("2 варианта") == 1
    assert "✅ внесено 2 варианта" in egor.screen
    assert "Россо 100000" in egor.screen
    assert "Не знаю" in egor.screen
    assert await agency.value("SELECT count(*) FROM variants") == 2
    await egor.say("РЕСО 57000 фр10")
    assert "✅ внесён 1 вариант. Всего: 3 варианта" in egor.screen
    await egor.tap("В3")
    await egor.tap("🗑 Удалить")
    await egor.tap("🗑 Да, удалить")
    await egor.double_tap("📨 Сдать продавцу (2)")
    assert await status(agency) == "done"
    ready = anna.find("Варианты готовы")
    assert "В2 · АльфаСтрахование — 49 900 ₽" in ready.text.replace("\u00a0", " ")
    assert "КВ 15%" in ready.text
    assert "КВ" not in show(egor.last)


async def test_a_seller_who_types_over_the_variants_is_told_where_his_words_go(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await handed_in(anna, egor)
    await anna.tap("📂 Открыть сделку", message=anna.find("Варианты готовы"))
    await anna.tap("⚖️ Выбрать вариант")
    for words in ("РЕСО 51000", "клиент просит скидку"):
        await anna.say(words)
        assert "Варианты вносит исполнитель. Дайте ему задачу на расчёт" in anna.transcript
        assert "🧮 Варианты" in anna.screen
    assert await agency.value("SELECT count(*) FROM variants") == 2


async def test_what_goes_to_the_client_says_nothing_of_commission(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await handed_in(anna, egor)
    ready = anna.find("Варианты готовы")
    await anna.tap("✉️ Текст клиенту", message=ready)
    text = anna.last.text
    assert "В1. РЕСО-Гарантия — 54 300 ₽" in text
    assert "50/50" in text
    assert "Первый взнос: 27 150 ₽" in text
    for trace in ("КВ", "комис", "15%", "8 145", "8145"):
        assert trace.lower() not in text.lower(), text
    await anna.tap("🖼 Картинкой", message=ready)
    assert anna.last.content == "photo"


async def test_the_choice_leads_to_the_issue_task(agency: Agency, anna: VirtualUser, egor: VirtualUser) -> None:
    await handed_in(anna, egor)
    ready = anna.find("Варианты готовы")
    await anna.double_tap("🎯 Клиент выбрал В1", message=ready)
    assert await agency.rows("SELECT number, status FROM variants ORDER BY number") == [
        (1, "chosen"),
        (2, "not_selected"),
    ]
    await anna.tap("📝 Дать задачу на оформление", message=anna.find("Варианты готовы"))
    assert "В1 · РЕСО-Гарантия" in anna.screen
    await anna.tap("✅ Дать задачу")
    assert await agency.rows("SELECT kind, status, variant_id IS NOT NULL FROM tasks ORDER BY id OFFSET 1") == [
        ("issue", "queued", True)
    ]
    assert "Новое оформление" in egor.screen
    assert "В1 · РЕСО-Гарантия" in egor.screen
    await anna.tap("🎯 Клиент выбрал В2", message=anna.find("Варианты готовы"))
    assert "Клиент выбрал другой вариант" in egor.screen
    assert "В2 · АльфаСтрахование" in egor.screen
    await egor.tap("✅ Принять")
    await egor.tap("📜 Зарегистрировать полис")
    assert "АльфаСтрахование" in egor.screen


async def test_the_same_choice_is_made_on_the_screen_of_the_deal(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await handed_in(anna, egor)
    await anna.tap("📊 Сравнить варианты")
    await anna.tap("‹ Назад", message=anna.last)
    assert "⌂ Меню · " in anna.screen, "opened from a message, the comparison has no list to go back to"
    await anna.say("/deals")
    await anna.tap("Семёнов", message=anna.last)
    await anna.tap("⚖️ Выбрать вариант", message=anna.last)
    await anna.tap("📊 Сравнить", message=anna.last)
    await anna.tap("‹ Назад", message=anna.last)
    assert "🧮 Варианты · №1001" in anna.screen, "back from the comparison is the list that it was opened from"
    await anna.tap("📊 Сравнить", message=anna.last)
    await anna.tap("🖼 Картинкой", message=anna.last)
    assert "photo" in [message.content for message in anna.received]
    await anna.tap("✉️ Текст клиенту", message=anna.last)
    await anna.tap("🎯 Клиент выбрал В2", message=anna.last)
    assert "Новая задача: оформление" in anna.screen
    await anna.tap("✅ Дать задачу")
    assert await agency.value("SELECT count(*) FROM tasks WHERE kind = 'issue'") == 1
    assert await agency.value("SELECT stage FROM deals") == "issuing"


async def test_a_variant_is_changed_copied_declined_and_deleted(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await given(anna)
    await egor.tap("📝", message=egor.last) if "[📝" in egor.screen else await egor.tap("✅ Принять")
    await egor.tap("📝 Внести варианты")
    await egor.say("РЕСО 54300 фр15")
    await egor.tap("В1 · РЕСО")
    invited = "Чтобы изменить, напишите строку заново"
    assert invited in egor.screen
    await egor.say("РЕСО 52 000")
    assert "52 000 ₽" in egor.screen.replace("\u00a0", " ")
    assert "15 000 ₽" in egor.screen.replace("\u00a0", " ")
    await egor.tap("📄 Копия")
    assert "В2" in egor.screen
    await egor.tap("🚫 СК отказала")
    assert invited not in egor.screen, "a line typed over the question would be looked for as a deal"
    await egor.tap("🚫 Да, отказала")
    assert "отказ" in egor.screen
    assert invited not in egor.screen, "what the insurer has declined is not changed"
    await egor.tap("‹ Назад")
    assert "📊 Сравнить" not in egor.last.labels, "nothing has been handed in"
    await egor.tap("В2 · РЕСО")
    await egor.tap("🗑 Удалить")
    assert invited not in egor.screen
    await egor.double_tap("🗑 Да, удалить")
    assert await agency.rows("SELECT number, deleted_at IS NULL FROM variants ORDER BY number") == [
        (1, True),
        (2, False),
    ]


async def test_a_variant_is_entered_and_changed_step_by_step(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await given(anna)
    await egor.tap("✅ Принять")
    await egor.tap("📝 Внести варианты")
    await egor.tap("➕ По шагам")
    await egor.say("ингос")
    await egor.say("61 200")
    assert "СК: Ингосстрах" in egor.screen
    await egor.tap("Пропустить")
    await egor.tap("15\u00a0000\u00a0₽")
    await egor.tap("50/50")
    await egor.say("12,5")
    await egor.say("20.03")
    await egor.say("без ограничений")
    await egor.tap("✅ Сохранить вариант")
    assert await agency.rows(
        "SELECT premium, deductible, plan, commission_rate, valid_until::text, comment FROM variants"
    ) == [(61200, 15000, "halves", 12.5, "2026-03-20", "без ограничений")]
    await egor.tap("В1 · Ингосстрах")
    await egor.tap("✏️ По шагам")
    await egor.tap("Пропустить")
    await egor.say("сто рублей")
    assert "не сумма" in egor.screen or "сумм" in egor.transcript
    await egor.say("60000")
    await egor.tap("✅ Сохранить вариант")
    assert await agency.rows("SELECT premium, commission_rate, deductible FROM variants") == [(60000, 12.5, 15000)]
    assert "60 000 ₽" in egor.screen.replace("\u00a0", " ")


async def test_an_old_button_of_a_task_that_is_somebody_elses_now_does_nothing(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await given(anna)
    old = keep(egor.find("Новый расчёт"))
    faina = await agency.person("Фаина Орлова", Role.EXECUTOR)
    await anna.say("/tasks")
    await anna.tap("Семёнов", message=anna.last)
    await anna.tap("👤 Передать другому")
    await anna.tap("Фаина")
    assert "передана другому исполнителю" in egor.screen
    await egor.tap_old(old, "✅ Принять")
    assert await status(agency) == "queued"
    await faina.tap("✅ Принять")
    assert await status(agency) == "accepted"
    await faina.tap("📂 Открыть сделку")
    assert "№1001" in faina.screen


async def test_a_file_sent_over_a_variant_is_its_calculation(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await given(anna)
    await egor.tap("✅ Принять")
    await egor.tap("📝 Внести варианты")
    await egor.say("РЕСО 54300 фр15")
    await egor.tap("В1 · РЕСО")
    await egor.send_file("расчёт.pdf", b"%PDF-1.4 calculation", mime="application/pdf")
    assert "1 документ" in egor.screen
    assert await agency.value("SELECT count(*) FROM documents WHERE variant_id IS NOT NULL") == 1


async def test_an_executor_enters_variants_while_the_database_of_states_is_wiped(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await handed_in(anna, egor)
    await agency.execute("DELETE FROM dialog_state")
    await anna.tap("🎯 Клиент выбрал В2", message=anna.find("Варианты готовы"))
    assert await agency.value("SELECT number FROM variants WHERE status = 'chosen'") == 2
    await anna.tap("📝 Дать задачу на оформление", message=anna.find("Варианты готовы"))
    await anna.tap("✅ Дать задачу")
    assert await agency.value("SELECT count(*) FROM tasks WHERE kind = 'issue'") == 1


async def test_a_foreign_card_and_a_forged_button_give_nothing(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await handed_in(anna, egor)
    boris = await agency.person("Борис Котов", Role.SELLER)
    await boris.say("/menu")
    for data in ("t:ac:1", "v:c:1:1", "v:t:1:0", "tr:n:1", "t:de:1"):
        await boris.tap_data(boris.last, data)
    assert "Семёнов" not in boris.transcript
    assert "54" not in boris.transcript
    assert await agency.value("SELECT count(*) FROM variants WHERE status = 'chosen'") == 0


async def test_forty_variants_with_long_words_fit_the_messages_of_telegram(
    agency: Agency, anna: VirtualUser, egor: VirtualUser
) -> None:
    await given(anna)
    await egor.tap("✅ Принять")
    await egor.tap("📝 Внести варианты")
    product, words = "п" * 110, "ж" * 150
    for part in range(4):
        await egor.say("\n".join(f"РЕСО {50000 + n + part * 20} «{product}» фр15 сс1.2м {words}" for n in range(9)))
    await egor.tap("📨 Сдать продавцу (36)")
    ready = anna.find("Варианты готовы")
    assert "…и ещё" in ready.text
    await anna.tap("✉️ Текст клиенту", message=ready)
    assert sum(message.text.count("Франшиза: 15 000 ₽") for message in anna.received) == 36
    await anna.tap("🖼 Картинкой", message=ready)
    assert anna.last.content == "photo"
    await anna.tap("↩️ Вернуть", message=anna.find("Расчёт · №1001"))
    await anna.say("в" * 1900)
    for _again in range(3):
        await egor.tap("❓ Вопрос")
        await egor.say("? " * 900)
        await anna.tap("💬 Ответить")
        await anna.say("о" * 1900)
    await egor.say("/tasks")
    await egor.tap("Семёнов", message=egor.last)
    await egor.tap("🕓 История")
    assert "ооо" in egor.screen
