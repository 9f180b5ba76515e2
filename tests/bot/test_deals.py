"""Deals in the chat: opened from one line or by buttons, looked at, put off, written about, closed and found."""

import pytest

from models.enums import Role
from sandbox.people import VirtualUser, keep
from tests.bot.conftest import Agency, OpenAgency

LINE = "/new Семёнов Пётр Ильич 8 916 123-45-67 каско Skoda Rapid о716мк77"


@pytest.fixture
async def anna(agency: Agency) -> VirtualUser:
    return await agency.person("Анна Серова", Role.SELLER)


async def deals(agency: Agency) -> int:
    return int(await agency.value("SELECT count(*) FROM deals"))


async def test_a_deal_is_opened_with_one_line_and_one_tap(agency: Agency, anna: VirtualUser) -> None:
    await anna.say(LINE)
    assert "Семёнов Пётр Ильич" in anna.screen
    assert "+7 916 123-45-67" in anna.screen
    assert "КАСКО" in anna.screen
    assert "О716МК77" in anna.screen
    assert await deals(agency) == 0
    await anna.double_tap("✅ Открыть сделку")
    assert await deals(agency) == 1
    assert "№1001 · КАСКО Skoda Rapid" in anna.screen
    assert "вт, 3 марта" in anna.screen
    assert "Дать задачу на расчёт" in anna.screen


async def test_a_deal_is_opened_step_by_step_by_somebody_who_types_little(agency: Agency, anna: VirtualUser) -> None:
    await anna.say("/start")
    assert "Здравствуйте, Анна Серова" in anna.screen
    await anna.tap("➕ Новая сделка")
    await anna.say("8 916 123-45-67")
    assert "Телефон +7 916 123-45-67 записан" in anna.screen
    await anna.say("Семёнов Пётр")
    await anna.tap("ОСАГО")
    await anna.tap("Пропустить")
    await anna.say("торопится, нужен до пятницы")
    assert "торопится" in anna.screen
    await anna.tap("✅ Открыть сделку")
    assert "№1001 · ОСАГО" in anna.screen
    assert "торопится" in anna.screen
    assert await agency.rows("SELECT e164 FROM client_phones") == [("+79161234567",)]


async def test_back_in_a_new_deal_loses_nothing_that_was_said(agency: Agency, anna: VirtualUser) -> None:
    await anna.say(LINE)
    await anna.tap("👤 Клиент")
    assert "Семёнов Пётр Ильич" in anna.screen
    await anna.tap("‹ Назад")
    await anna.tap("🛡 Вид")
    await anna.tap("ОСАГО")
    await anna.tap("📝 Заметка")
    await anna.tap("‹ Назад")
    assert "ОСАГО" in anna.screen
    assert "О716МК77" in anna.screen
    await anna.tap("‹ Назад")
    await anna.tap("Дальше ›")
    await anna.tap("✅ Открыть сделку")
    assert "№1001 · ОСАГО Skoda Rapid" in anna.screen
    assert await agency.rows("SELECT e164 FROM client_phones") == [("+79161234567",)]


async def test_back_from_the_question_who_it_is_leads_to_the_client_and_then_out(
    agency: Agency, anna: VirtualUser
) -> None:
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    await anna.say("/new Семенов Петр осаго Лада")
    await anna.tap("‹ Назад")
    assert "ОСАГО" in anna.screen
    await anna.tap("Дальше ›")
    assert "это кто-то из них" in anna.screen
    await anna.tap("‹ Назад")
    await anna.tap("‹ Назад")
    assert "⌂ Меню" in anna.screen
    assert await deals(agency) == 1


@pytest.mark.parametrize("typed", ["😀😀", "12", "<b>Иванов</b> & Ко"])
async def test_a_line_that_names_no_client_is_answered(agency: Agency, anna: VirtualUser, typed: str) -> None:
    await anna.say("/new")
    await anna.say(typed)
    assert "нет имени" in anna.transcript
    await anna.say(f"/new {typed}")
    assert "Новая сделка › Клиент" in anna.screen
    await anna.say("каско")
    assert "КАСКО" in anna.screen
    await anna.say("Семёнов Пётр")
    assert "Новая сделка › Объект" in anna.screen
    assert await deals(agency) == 0


async def test_a_known_client_is_offered_before_a_second_one_is_made(agency: Agency, anna: VirtualUser) -> None:
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    await anna.say("/new Семенов Петр осаго Skoda Rapid")
    assert "похожее имя" in anna.screen
    await anna.tap("Семёнов Пётр Ильич")
    await anna.tap("✅ Открыть сделку")
    assert await agency.value("SELECT count(*) FROM clients") == 1
    assert await deals(agency) == 2


async def test_another_sellers_client_is_warned_about_and_not_named(agency: Agency, anna: VirtualUser) -> None:
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    boris = await agency.person("Борис Котов", Role.SELLER)
    await boris.say("/new Петров Фома 89161234567 осаго Лада")
    assert "У другого продавца уже есть клиент с этим телефоном" in boris.screen
    assert "Семёнов" not in boris.transcript
    await boris.say("/find 1001")
    assert "Ничего не найдено" in boris.screen


async def test_nothing_typed_on_the_open_card_is_lost(agency: Agency, anna: VirtualUser) -> None:
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    await anna.say("Клиент просит <франшизу> 15")
    await anna.say("и рассрочку")
    assert "<франшизу> 15\nи рассрочку" in anna.last.text
    await anna.double_tap("📝 Записать в журнал")
    assert await agency.rows("SELECT text FROM journal_entries WHERE event IS NULL") == [
        ("Клиент просит <франшизу> 15\nи рассрочку",)
    ]
    assert "Клиент просит <франшизу> 15" in anna.last.text


async def test_a_reply_to_any_message_that_names_a_deal_goes_into_its_journal(
    agency: Agency, anna: VirtualUser
) -> None:
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    card = anna.last
    await anna.say("/menu")
    await anna.reply(card, "перезвонил, думает")
    assert await agency.rows("SELECT text FROM journal_entries WHERE event IS NULL") == [("перезвонил, думает",)]
    await anna.say("/deals")
    await anna.tap("03.03")
    await anna.reply(anna.last, "и ещё раз")
    assert await agency.value("SELECT count(*) FROM journal_entries WHERE event IS NULL") == 2
    assert "и ещё раз" in anna.screen


async def test_a_changed_message_changes_nothing_and_is_answered_once(agency: Agency, anna: VirtualUser) -> None:
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    note = await anna.say("Звонить после 18")
    await anna.tap("📝 Записать в журнал")
    for words in ("Звонить после 19", "Звонить после 20"):
        await anna.edit(note, words)
    answers = [m for m in anna.received if "Пришлите исправленное новым сообщением" in m.text]
    assert [m.body["reply_to_message"]["message_id"] for m in answers] == [note.id]
    assert await agency.rows("SELECT text FROM journal_entries WHERE event IS NULL") == [("Звонить после 18",)]
    await anna.edit(await anna.say("/menu"), "/deals")
    assert len([m for m in anna.received if "Пришлите исправленное новым сообщением" in m.text]) == 2


async def test_a_deal_is_put_off_in_one_tap_and_by_typing(agency: Agency, anna: VirtualUser) -> None:
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    await anna.tap("⏰ Отложить")
    await anna.tap("+3")
    assert "чт, 5 марта" in anna.screen
    await anna.tap("⏰ Отложить")
    await anna.say("31.03")
    assert "вт, 31 марта" in anna.screen
    await anna.tap("⏰ Отложить")
    await anna.say("31.01.2027")
    assert "вс, 31 января 2027" in anna.screen
    await anna.tap("⏰ Отложить")
    await anna.say("вчера")
    assert "не может быть в прошлом" in anna.transcript
    await anna.tap("🗓 Другой день")
    await anna.tap("+30")
    assert "ср, 1 апреля" in anna.screen


async def test_a_deal_is_closed_with_a_reason_and_opened_again(agency: Agency, anna: VirtualUser) -> None:
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    await anna.tap("🔒 Закрыть сделку")
    await anna.tap("проиграна")
    assert "Причина останется в карточке сделки и в её журнале" in anna.screen
    await anna.tap("дорого")
    await anna.say("ушёл к соседу")
    assert "ушёл к соседу" in anna.screen
    await anna.double_tap("🔒 Закрыть сделку")
    assert await agency.rows("SELECT outcome, close_reason, close_note FROM deals") == [
        ("lost", "price", "ушёл к соседу")
    ]
    assert "закрыта" in anna.screen
    await anna.say("/deals")
    await anna.tap("🔒 Закрытые")
    assert "Всего 1, закрытые последними сверху" in anna.screen
    await anna.tap("🔒 Семёнов", message=anna.last)
    await anna.tap("♻️ Открыть снова")
    assert "сбор документов" in anna.screen
    assert "открыта снова" in anna.screen


async def test_lists_and_search_lead_to_the_card(agency: Agency, anna: VirtualUser) -> None:
    for n in range(10):
        await anna.say(f"/new Клиентов Иван осаго Лада {n}")
        await anna.tap("➕ Новый клиент") if n else None
        await anna.tap("✅ Открыть сделку")
    await agency.execute("UPDATE deals SET review_on = review_on - 10 WHERE number = 1005")
    await anna.say("/deals")
    assert "Всего 10" in anna.screen
    assert anna.last.labels[0].startswith("⚠️")
    await anna.tap("›")
    assert "2 / 2" in anna.screen
    await anna.tap("⚠️ Просрочены")
    await anna.tap("⚠️ 21.02")
    assert "№1005" in anna.screen
    await anna.tap("‹ Назад")
    assert "Просрочены" in anna.screen
    await agency.execute("UPDATE deals SET title = 'Лада 2 ' || repeat('с прицепом ', 9) WHERE number = 1003")
    await anna.say("1003")
    assert anna.last.labels[0].endswith("…"), "what is cut looks whole"
    await anna.tap("№1003")
    assert "№1003 · ОСАГО Лада 2" in anna.screen


async def test_from_a_deal_to_its_client_and_to_the_deal_again_is_the_way_back(
    agency: Agency, anna: VirtualUser
) -> None:
    await anna.say("/new Клиентов Иван осаго Лада")
    await anna.tap("✅ Открыть сделку")
    await anna.say("/deals")
    await anna.tap("Клиентов")
    for _round in range(3):
        await anna.tap("👤")
        await anna.tap("№1001")
        assert "№1001 · ОСАГО Лада" in anna.screen
    await anna.tap("‹ Назад")
    assert "Всего 1" in anna.screen


async def test_an_old_button_leads_to_the_fresh_card_of_its_deal(agency: Agency, anna: VirtualUser) -> None:
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    old = keep(anna.last)
    await agency.execute("DELETE FROM dialog_state")
    await anna.tap_old(old, "⏰ Отложить")
    assert "№1001" in anna.screen
    await anna.tap("⏰ Отложить")
    assert "Сейчас следующее касание" in anna.screen


async def test_help_differs_by_role_and_the_menu_counts_what_waits(agency: Agency, anna: VirtualUser) -> None:
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    await agency.execute("UPDATE deals SET review_on = review_on - 10")
    await anna.say("/menu")
    assert "Просрочены касания: 1" in anna.last.text
    assert "✅ Задачи" in anna.last.labels, "who has nothing to do is not told that there are no tasks at all"
    await anna.say("/help")
    assert "/new" in anna.screen
    egor = await agency.person("Егор Лисин", Role.EXECUTOR)
    await egor.say("/help")
    assert "/new" not in egor.screen
    assert "/tasks" in egor.screen
    await egor.say("/menu")
    assert "Новая сделка" not in egor.screen


async def test_a_line_typed_with_no_screen_open_is_offered_to_be_found_or_begun(
    agency: Agency, anna: VirtualUser
) -> None:
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    await agency.execute("DELETE FROM dialog_state")
    await anna.say("семенов")
    assert "№1001" in anna.screen
    await anna.say("Фёдоров Олег осаго Лада")
    await anna.tap("➕ Новая сделка из этой строки")
    await anna.tap("✅ Открыть сделку")
    assert "№1002 · ОСАГО Лада" in anna.screen


async def test_a_shared_contact_becomes_a_client(agency: Agency, anna: VirtualUser) -> None:
    await anna.share_contact("+79160001122")
    await anna.tap("➕ Новая сделка из этой строки")
    assert "+7 916 000-11-22" in anna.screen


async def test_a_forged_deal_id_shows_nothing_of_it(agency: Agency, anna: VirtualUser) -> None:
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    boris = await agency.person("Борис Котов", Role.SELLER)
    await boris.say("/new Фёдоров Олег осаго Лада")
    await boris.tap("✅ Открыть сделку")
    await boris.say("/deals")
    real = str(boris.last.buttons[0]["callback_data"])
    assert real.endswith(":2")
    await boris.tap_data(boris.last, f"{real[:-1]}1")
    assert "Здесь ничего нет" in str(boris.alert)
    assert "Семёнов" not in boris.transcript
    await boris.tap_data(boris.last, "deal:1")
    assert "Семёнов" not in boris.transcript


async def test_an_executor_reads_writes_and_decides_nothing(agency: Agency, anna: VirtualUser) -> None:
    egor = await agency.person("Егор Лисин", Role.EXECUTOR)
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    await anna.tap("👷 Исполнитель")
    await anna.tap("Егор Лисин")
    await egor.tap("📂 Открыть сделку")
    assert "№1001" in egor.screen
    for hidden in ("Отложить", "Закрыть сделку", "Расходы", "Дать задачу"):
        assert hidden not in egor.screen
    await egor.say("жду СТС")
    await egor.tap("📝 Записать в журнал")
    assert await agency.rows("SELECT text FROM journal_entries WHERE event IS NULL") == [("жду СТС",)]
    await egor.say("/new Иванов осаго")
    assert "недоступно" in egor.transcript
    await agency.execute("UPDATE users SET roles = '{}' WHERE full_name = 'Егор Лисин'")
    await egor.say("/deals")
    assert "№1001" not in egor.screen


async def test_cancel_leaves_a_half_typed_deal_and_saves_nothing(agency: Agency, anna: VirtualUser) -> None:
    await anna.say(LINE)
    await anna.say("/cancel")
    assert "Ничего не сохранено" in anna.screen
    assert await deals(agency) == 0


async def test_a_client_is_corrected_and_merged(agency: Agency, anna: VirtualUser) -> None:
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    await anna.tap("👤 Клиент")
    await anna.tap("🔗 Объединить")
    assert "Похожих клиентов нет." in anna.screen
    await anna.say("/new Семёнов П.И. осаго Лада")
    await anna.tap("➕ Новый клиент")
    await anna.tap("✅ Открыть сделку")
    await anna.tap("👤 Клиент")
    await anna.tap("✏️ Изменить")
    await anna.tap("Телефоны")
    await anna.say("8 495 111-22-33")
    assert "+7 495 111-22-33" in anna.screen
    await anna.tap("✏️ Изменить")
    await anna.tap("E-mail")
    await anna.say("не почта")
    assert "не адрес почты" in anna.transcript
    await anna.tap("‹ Назад")
    await anna.tap("‹ Назад")
    await anna.tap("🔗 Объединить")
    await anna.say("zzz")
    assert "«zzz»: никого не найдено" in anna.screen
    await anna.say("Семёнов")
    await anna.tap("Семёнов Пётр Ильич")
    await anna.tap("🔗 Да, объединить")
    assert "Сделки: 2" in anna.screen
    assert await agency.value("SELECT count(*) FROM clients WHERE deleted_at IS NULL") == 1


async def test_the_owner_becomes_admin_and_a_stranger_gets_one_line(open_agency: OpenAgency) -> None:
    agency = await open_agency(admin_ids=(777,))
    owner = VirtualUser(agency.telegram, id=777, first_name="Галина", quiet=agency.quiet)
    await owner.start()
    assert "главный админ" in owner.screen
    stranger = agency.stranger("Чужой")
    await stranger.say("/start выдуманный-код")
    assert "Приглашение больше не действует" in stranger.screen
    await stranger.say("/new Иванов")
    assert await deals(agency) == 0


async def test_a_line_that_is_too_long_to_look_for_is_told_so_and_the_next_one_is_looked_for(
    agency: Agency, anna: VirtualUser
) -> None:
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    for long in (f"/find {'семёнов ' * 500}", "семёнов " * 60):
        await anna.say(long)
        assert anna.screen.startswith("🔎 Поиск › семёнов семёнов")
        assert "Сократите или пришлите частями." in anna.screen
    await anna.say("симёнов")
    assert "Найдено: 1" in anna.screen
    assert await agency.value("SELECT count(*) FROM inbox WHERE status <> 'done'") == 0


async def test_a_client_who_is_named_anew_keeps_his_phone_and_the_deal_its_object(
    agency: Agency, anna: VirtualUser
) -> None:
    await anna.say("/new Смирнва Алла 8 912 345-67-89 каско Hyundai Creta к555ом77")
    await anna.tap("👤 Клиент")
    await anna.say("Смирнова Алла 😀")
    assert "👤 Смирнова Алла (новый клиент) · +7 912 345-67-89\n" in anna.screen
    assert "🔖 Hyundai Creta · К555ОМ77\n📝 😀" in anna.screen
    await anna.tap("👤 Клиент")
    await anna.say("ООО Строительная компания Север 8 912 345-67-80")
    assert "🏢 ООО Строительная компания Север (новый клиент) · +7 912 345-67-80\n" in anna.screen
    assert "🔖 Hyundai Creta · К555ОМ77\n📝 😀" in anna.screen


async def test_a_client_without_a_name_is_asked_for_it_before_the_deal_can_be_opened(
    agency: Agency, anna: VirtualUser
) -> None:
    await anna.say("/new <b>Жук</b> & Ко 🚗 89123456789 каско Киа А123ВС77")
    assert "Телефон +7 912 345-67-89 записан. Как зовут клиента?" in anna.screen
    await anna.say("Жук Пётр")
    assert "👤 Жук Пётр (новый клиент) · +7 912 345-67-89" in anna.screen
    await anna.tap("✅ Открыть сделку")
    assert await agency.rows("SELECT name, e164 FROM clients c JOIN client_phones p ON p.client_id = c.id") == [
        ("Жук Пётр", "+79123456789")
    ]


async def test_who_has_been_told_that_a_client_is_new_does_not_ask_it_again_unless_others_turn_up(
    agency: Agency, anna: VirtualUser
) -> None:
    for name, phone in (("Семёнов Пётр", "89161234567"), ("Ларина Вера", "89161234568")):
        await anna.say(f"/new {name} {phone} осаго Лада")
        await anna.tap("✅ Открыть сделку")
    await anna.say("/new Семёнов Пётр осаго Рено")
    await anna.tap("➕ Новый клиент: Семёнов Пётр")
    await anna.tap("📱 Телефон")
    await anna.say("8 916 000-00-00")
    assert "это кто-то из них?" not in anna.screen
    await anna.tap("📱 Телефон")
    await anna.say("8 916 123-45-68")
    assert "это кто-то из них?" in anna.screen
    assert "Ларина Вера" in anna.screen
