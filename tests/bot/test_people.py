"""An admin keeps the house over real HTTP: who comes in, what he may, who takes over, what is set, who did what."""

import re

from models.enums import Role
from tests.bot.conftest import Agency, OpenAgency


def link_code(text: str) -> str:
    found = re.search(r"https://t\.me/(\w+)\?start=([\w-]+)", text)
    assert found is not None, text
    return found[2]


async def test_a_link_lets_one_seller_in_once(agency: Agency) -> None:
    galina = await agency.person("Галина", Role.ADMIN)
    await galina.say("/invite")
    assert "Создать ссылку" not in galina.screen
    await galina.tap("▫️ продавец")
    assert "✅ продавец" in galina.screen
    await galina.tap("🔗 Создать ссылку")
    assert "Неиспользованные ссылки" in galina.received[-2].text
    message = galina.last
    code = link_code(message.text)
    assert f"t.me/{(await agency.app.bot.me()).username}?" in message.text

    sergey, chuzhoy = agency.stranger("Сергей"), agency.stranger("Чужой")
    await sergey.say("/menu")
    assert "по приглашению" in sergey.screen
    await sergey.start(code)
    assert "Ваша роль: продавец" in sergey.screen
    assert "Сергей теперь с нами: продавец" in galina.find("Сергей").text
    await chuzhoy.start(code)
    assert "больше не действует" in chuzhoy.screen
    assert await agency.value("SELECT count(*) FROM users") == 2
    # The link works for nobody else, and following it again harms nobody.
    await sergey.start(code)
    assert "Меню" in sergey.screen
    stored = await agency.rows("SELECT i::text FROM invites i UNION ALL SELECT e::text FROM effects e")
    assert not [row for row in stored if code in row[0]]

    await galina.tap("👤 Открыть", message=galina.find("Сергей теперь с нами"))
    assert "Сергей" in galina.screen
    assert "Роли: продавец" in galina.screen


async def test_a_withdrawn_link_opens_nothing_and_a_double_tap_makes_one(agency: Agency) -> None:
    galina = await agency.person("Галина", Role.ADMIN)
    await galina.say("/invite")
    await galina.tap("▫️ исполнитель")
    await galina.double_tap("🔗 Создать ссылку")
    assert await agency.value("SELECT count(*) FROM invites") == 1
    code = link_code(galina.find("Приглашение в бот").text)
    await galina.say("/invite")
    await galina.tap("📋 Неиспользованные ссылки · 1")
    await galina.tap("исполнитель · до")
    await galina.tap("✖️ Да, отозвать")
    assert "Таких нет" in galina.screen
    guest = agency.stranger("Гость")
    await guest.start(code)
    assert "больше не действует" in guest.screen


async def test_for_others_the_commands_of_an_admin_do_not_exist(agency: Agency) -> None:
    anna = await agency.person("Анна", Role.SELLER)
    egor = await agency.person("Егор", Role.EXECUTOR)
    for person in (anna, egor):
        await person.say("/nonsense")
        nonsense = person.screen
        for command in ("/invite", "/people", "/audit", "/stats"):
            await person.say(command)
            assert person.screen == nonsense
        await person.say("/settings")
        assert "Мои настройки" in person.screen
        assert "агентства" not in person.screen


async def test_a_role_that_was_taken_away_opens_nothing_by_the_next_tap(agency: Agency) -> None:
    galina = await agency.person("Галина", Role.ADMIN)
    zoya = await agency.person("Зоя", Role.SELLER, Role.ADMIN)
    await zoya.say("/people")
    await galina.say("/people")
    await galina.tap("👤 Зоя")
    await galina.tap("🔑 Роли")
    await galina.tap("✅ главный админ")
    await galina.tap("💾 Сохранить")
    assert "Роли: продавец" in galina.screen
    assert "Ваши роли теперь: продавец" in zoya.screen
    answer = await zoya.tap("👤 Галина", message=zoya.find("Сотрудники"))
    assert answer is not None
    assert "Галина" not in zoya.screen
    await zoya.say("/people")
    assert "Такой команды нет" in zoya.screen

    await galina.tap("⛔️ Заблокировать")
    await galina.tap("⛔️ Да, заблокировать")
    assert "заблокирован" in galina.screen
    await zoya.say("/menu")
    assert "по приглашению" in zoya.screen
    await galina.tap("🟢 Разблокировать")
    await zoya.say("/menu")
    assert "Меню" in zoya.screen


async def test_the_only_admin_cannot_be_shut_out(agency: Agency) -> None:
    galina = await agency.person("Галина", Role.SELLER, Role.ADMIN)
    await galina.say("/people")
    await galina.tap("👤 Галина")
    assert "Заблокировать" not in galina.screen
    await galina.tap("🔑 Роли")
    await galina.tap("✅ главный админ")
    await galina.tap("💾 Сохранить")
    assert galina.alert is not None
    assert "единственный администратор" in galina.alert
    assert await agency.value("SELECT 'admin' = ANY(roles) FROM users")


async def test_the_work_of_a_seller_who_leaves_goes_to_another(agency: Agency) -> None:
    galina = await agency.person("Галина", Role.ADMIN)
    anna = await agency.person("Анна", Role.SELLER)
    boris = await agency.person("Борис", Role.SELLER)
    for line in ("Иванов Иван 89123456789 каско Skoda Rapid О716МК77", "Петров Пётр 89123456780 осаго Лада А124ВС77"):
        await anna.say(f"/new {line}")
        await anna.tap("✅ Открыть сделку")
    touches = await agency.rows("SELECT id, review_on, review_reason FROM deals ORDER BY id")
    assert len(touches) == 2
    await galina.say("/people")
    await galina.tap("👤 Анна")
    assert "2 сделки, 2 клиента" in galina.screen
    await galina.tap("⛔️ Заблокировать")
    await galina.tap("⛔️ Да, заблокировать")
    await galina.tap("📂 Борис")
    assert "Анна → Борис" in galina.screen
    assert "2 сделки" in galina.screen
    await galina.double_tap("🤝 Да, передать")
    boris_id = await agency.user_id(boris)
    assert await agency.rows("SELECT DISTINCT seller_id FROM deals") == [(boris_id,)]
    assert await agency.rows("SELECT DISTINCT seller_id FROM clients") == [(boris_id,)]
    assert await agency.rows("SELECT id, review_on, review_reason FROM deals ORDER BY id") == touches
    told = [message for message in boris.received if "Вам передана работа" in message.text]
    assert len(told) == 1
    assert "2 клиента" in told[0].text
    await boris.tap("📂 Мои сделки", message=told[0])
    assert "Skoda Rapid" in boris.screen
    await anna.say("/deals")
    assert "по приглашению" in anna.screen


async def test_a_seller_hands_one_deal_over_from_its_card(agency: Agency) -> None:
    anna = await agency.person("Анна", Role.SELLER)
    boris = await agency.person("Борис", Role.SELLER)
    await anna.say("/new Иванов Иван 89123456789 каско Skoda Rapid О716МК77")
    await anna.tap("✅ Открыть сделку")
    await anna.tap("🤝 Передать")
    assert "Ведёт Анна" in anna.screen
    await anna.tap("Борис")
    await anna.double_tap("🤝 Да, передать сделку")
    assert "Меню" in anna.screen
    await boris.tap("📂 Открыть сделку", message=boris.find("теперь ваша, раньше её вёл(а) Анна"))
    assert "Skoda Rapid" in boris.screen
    assert await agency.rows("SELECT DISTINCT seller_id FROM clients") == [(await agency.user_id(boris),)]
    galina = await agency.person("Галина", Role.ADMIN)
    await galina.say("/find Skoda")
    await galina.tap("№1001")
    await galina.tap("🤝 Передать")
    await galina.tap("Анна")
    await galina.tap("🤝 Да, передать сделку")
    assert "Skoda Rapid" in galina.screen
    assert "Сделка №1001 передана, теперь её ведёт Анна" in boris.screen


async def test_whoever_stops_the_bot_is_known_to_the_admins(agency: Agency) -> None:
    galina = await agency.person("Галина", Role.ADMIN)
    anna = await agency.person("Анна", Role.SELLER)
    await anna.say("/menu")
    assert await agency.value("SELECT last_seen_at IS NOT NULL FROM users WHERE full_name = 'Анна'")
    await anna.block()
    assert "Анна: бот остановлен" in galina.screen
    await anna.unblock()
    await anna.start()
    assert await agency.value("SELECT reachable FROM users WHERE full_name = 'Анна'")


async def test_settings_of_ones_own(agency: Agency) -> None:
    anna = await agency.person("Анна", Role.SELLER)
    await anna.say("/settings")
    await anna.tap("🌐 Язык")
    await anna.tap("🇬🇧 English")
    assert "My settings" in anna.screen
    await anna.tap("🌐 Language")
    await anna.tap("🇷🇺 Русский")
    assert "Мои настройки" in anna.screen
    await anna.tap("🕐 Часовой пояс")
    await anna.say("Атлантида")
    assert "не часовой пояс" in anna.transcript
    await anna.say("Екатеринбург")
    assert "Екатеринбург +5, сейчас 14:00" in anna.screen
    await anna.tap("☀️ Сводка")
    await anna.tap("08:00")
    await anna.tap("🌙 Тихие часы")
    await anna.say("22-7")
    assert "22:00–07:00" in anna.screen
    row = await agency.rows("SELECT language, time_zone, digest_hour, quiet_from, quiet_to FROM users")
    assert row == [("ru", "Asia/Yekaterinburg", 8, 22, 7)]


async def test_the_agencys_dictionaries_and_rates(agency: Agency) -> None:
    galina = await agency.person("Галина", Role.ADMIN)
    await galina.say("/settings")
    await galina.tap("🏢 Настройки агентства")
    await galina.tap("💼 Рабочее время")
    await galina.say("10-19")
    assert "10:00–19:00" in galina.screen
    await galina.tap("🏛 Страховые компании")
    await galina.tap("➕ Добавить СК")
    await galina.say("Новая СК, ресо")
    assert "уже означает" in galina.transcript
    await galina.say("ПАРИ, пари, pari")
    assert "пари, pari" in galina.screen
    await galina.tap("💯 Ставки · 0")
    await galina.say("каско 15% с 01.12 новые")
    assert "Ставка: 15 %" in galina.screen.replace("\u00a0", " ")
    assert "С: 01.12.2026" in galina.screen
    await galina.double_tap("💾 Сохранить")
    assert "15 % · новые · с 01.12.2026" in galina.screen.replace("\u00a0", " ")
    assert await agency.value("SELECT count(*) FROM commission_rates") == 1
    await galina.tap("➕ Задать ставку")
    await galina.tap("Все виды")
    await galina.say("1500 ₽")
    await galina.tap("📅 С другого дня")
    await galina.say("01.04")
    await galina.tap("пролонгация")
    await galina.tap("💾 Сохранить")
    assert await agency.rows("SELECT scope, kind, value::int, valid_from::text FROM commission_rates ORDER BY id") == [
        ("new", "percent", 15, "2026-12-01"),
        ("renewal", "fixed", 1500, "2026-04-01"),
    ]
    await galina.tap("✖️ Все виды")
    await galina.tap("🗑 Да, убрать")
    assert await agency.value("SELECT count(*) FROM commission_rates") == 1
    await galina.say("/settings")
    await galina.tap("🏢 Настройки агентства")
    await galina.tap("📚 Виды и напоминания")
    await galina.tap("КАСКО")
    await galina.tap("⏰ Напоминания")
    await galina.say("60, 30; 5")
    assert "60, 30, 5" in galina.screen
    assert "запланированы заново: 0 полисов" in galina.screen
    await galina.tap("⏰ Напоминания")
    await galina.tap("↩️ Как обычно")
    assert "45, 30, 14, 7, 3, 1" in galina.screen


async def test_the_audit_and_the_numbers(agency: Agency) -> None:
    galina = await agency.person("Галина", Role.ADMIN)
    anna = await agency.person("Анна", Role.SELLER)
    await anna.say("/new Иванов Иван 89123456789 каско Skoda Rapid О716МК77")
    await anna.tap("✅ Открыть сделку")
    number = await agency.value("SELECT number FROM deals")
    await galina.say("/audit")
    assert "сделка открыта" in galina.screen
    await galina.say(str(number))
    assert f"№{number}" in galina.screen
    await galina.tap("👤 Сотрудник")
    await galina.tap("Галина")
    assert "Записей нет" in galina.screen
    await galina.tap("✖️ Все")
    await galina.tap("📅 День")
    await galina.tap("-1")
    assert "Записей нет" in galina.screen
    await galina.tap("🔗 Проверить цепочку")
    assert galina.alert is not None
    assert "цепочка цела" in galina.alert
    await galina.say("/stats")
    assert "Новые сделки: 1" in galina.screen
    await galina.tap("📅 Другой день")
    assert "вчера, 14.10" in galina.screen
    await galina.say("+5")
    assert "07.03.2026 ещё не наступило" in galina.transcript
    await galina.say("14.10")
    assert "14 октября 2025" in galina.screen
    await galina.say("/stats")
    await galina.tap("‹ День раньше")
    assert "Новые сделки: 0" in galina.screen
    await agency.execute(
        "INSERT INTO inbox (bot_id, update_id, person_id, payload, status, attempts, error)"
        " VALUES (:bot, 1, :person, '{\"update_id\": 1, \"message\": {}}', 'dead', 5, 'A1B2C3: KeyError')",
        bot=agency.app.bot.id,
        person=anna.id,
    )
    await galina.tap("День позже ›")
    await galina.tap("⚠️ Необработанные действия · 1")
    assert "A1B2C3" in galina.screen
    await agency.execute(
        "INSERT INTO outbox (recipient_id, kind, params, edits_card, status, attempts) SELECT id, 'update_died',"
        ' \'{"person": "Анна", "reference": "A1"}\', false, \'dead\', 5 FROM users WHERE telegram_id = :p',
        p=anna.id,
    )
    await agency.execute(
        "INSERT INTO reminders (kind, object_id, step, recipient_id, local_date, due_at, deal_id, status, attempts,"
        " error, created_at, updated_at) SELECT 'review', id, 1, seller_id, review_on, now() + interval '1 year', id,"
        " 'planned', 2, 'KeyError()', now(), now() FROM deals"
    )
    await galina.say("/stats")
    await galina.tap("⚠️ Недошедшие сообщения · 1")
    heard = len(anna.received)
    await galina.tap("Анна · сообщение")
    assert "Недошедшие сообщения · 0" in galina.screen
    assert len(anna.received) == heard + 1
    await galina.tap("‹ Назад")
    await galina.tap("⚠️ Сбои напоминаний · 1")
    await galina.tap(f"Анна · сделка №{number}")
    assert await agency.value("SELECT due_at <= now() FROM reminders WHERE error IS NOT NULL AND step = 1") is not None


async def test_the_first_admin_comes_from_the_settings(open_agency: OpenAgency) -> None:
    agency = await open_agency(admin_ids=(1001,))
    owner = agency.stranger("Хозяин")
    assert owner.id == 1001
    await owner.start()
    assert "главный админ" in owner.screen
    await owner.say("/people")
    assert "Сотрудники" in owner.screen
