"""Registering a policy and entering its money, told by virtual users over real HTTP."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiogram import Router
from aiogram.filters import Command, CommandObject
from aiogram.types import Message
from aiogram_dialog import DialogManager, StartMode
from sqlalchemy import select

import handlers
from fsm import states
from models.enums import RateKind, RateScope, ReviewReason, Role, VariantStatus
from models.tables import Client, CommissionRate, Deal, Insurer, LineOfBusiness, User, Variant
from sandbox.people import VirtualUser, keep
from services.people import as_actor
from tests.bot.conftest import Agency, OpenAgency


def screens() -> Sequence[Router]:
    """The product's screens, and a door straight to the registration of a deal's policy."""
    door = Router()

    @door.message(Command("register"))
    async def register(_message: Message, command: CommandObject, dialog_manager: DialogManager) -> None:
        data = {"deal_id": int(command.args or 0)}
        await dialog_manager.start(states.NewPolicy.review, data=data, mode=StartMode.RESET_STACK)

    return [door, *handlers.routers()]


def screen(person: VirtualUser) -> str:
    """What is seen, with plain spaces in the sums."""
    return person.screen.replace("\u00a0", " ")


def transcript(person: VirtualUser) -> str:
    return person.transcript.replace("\u00a0", " ")


class Office:
    """Anna sells, Egor executes, Galina is the admin; one КАСКО deal with a chosen variant."""

    def __init__(self, agency: Agency) -> None:
        self.agency = agency

    async def open(self) -> "Office":
        self.anna = await self.agency.person("Анна Серова", Role.SELLER)
        self.egor = await self.agency.person("Егор Лисин", Role.EXECUTOR)
        self.galina = await self.agency.person("Галина Маркова", Role.ADMIN)
        async with self.agency.app.database.writing() as session:
            users = {u.full_name: u for u in (await session.execute(select(User))).scalars()}
            anna, egor = users["Анна Серова"], users["Егор Лисин"]
            reso = (await session.execute(select(Insurer).where(Insurer.name == "РЕСО-Гарантия"))).scalar_one()
            line = (await session.execute(select(LineOfBusiness).where(LineOfBusiness.code == "kasko"))).scalar_one()
            client = Client(name="Иванов <Иван>", seller_id=anna.id)
            session.add(client)
            await session.flush()
            deal = Deal(
                client_id=client.id, line_id=line.id, title="Skoda Rapid", seller_id=anna.id, executor_id=egor.id,
                review_on=date(2026, 3, 2), review_reason=ReviewReason.NEW_DEAL,
            )  # fmt: skip
            session.add(deal)
            await session.flush()
            session.add_all(
                [
                    Variant(
                        deal_id=deal.id, number=2, insurer_id=reso.id, premium=Decimal(54300), author_id=egor.id,
                        plan="halves", sum_insured=Decimal(1200000), status=VariantStatus.CHOSEN,
                    ),
                    CommissionRate(
                        insurer_id=reso.id, line_id=None, scope=RateScope.ANY, kind=RateKind.PERCENT,
                        value=Decimal(10), valid_from=date(2026, 1, 1),
                    ),
                ]
            )  # fmt: skip
            await session.commit()
            self.deal_id, self.actor = deal.id, as_actor(anna)
        return self

    async def value(self, query: str, **values: Any) -> Any:
        return await self.agency.value(query, **values)


@pytest.fixture
async def office(open_agency: OpenAgency) -> Office:
    return await Office(await open_agency(screens=screens)).open()


async def test_typing_the_number_is_enough_to_register_a_policy(office: Office) -> None:
    anna = office.anna
    await anna.say(f"/register {office.deal_id}")
    assert "Новый полис" in screen(anna)
    assert "Иванов <Иван>" in screen(anna)
    assert "03.03.2026 – 02.03.2027" in screen(anna)
    assert "✅ Зарегистрировать полис" not in anna.buttons[:1]
    await anna.say("xxx 0123456789")
    assert "Номер: ХХХ0123456789" in screen(anna)
    await anna.tap("✅ Зарегистрировать полис")
    assert anna.alert == "Полис ХХХ0123456789 зарегистрирован."
    assert "📜 ХХХ0123456789" in screen(anna)
    assert "Файла полиса ещё нет" in screen(anna)
    assert "💰 КВ: ожидается 5 430 ₽, получено 0 ₽" in screen(anna)
    assert await office.value("SELECT sum(amount) FROM payments") == Decimal(54300)
    await anna.send_file("полис.pdf", b"%PDF-1.4 policy")
    assert "1 файл полиса" in screen(anna)


async def test_a_term_typed_after_the_number_changes_the_term_alone(office: Office) -> None:
    anna = office.anna
    await anna.say(f"/register {office.deal_id}")
    await anna.say("XXX 0123456789")
    await anna.say("с 10.03.2026")
    assert "Номер: ХХХ0123456789" in screen(anna)
    assert "10.03.2026 – 09.03.2027" in screen(anna)
    await anna.say("31.11.2026")
    assert "Такого дня нет" in transcript(anna)
    assert "Номер: ХХХ0123456789" in screen(anna)


async def test_a_whole_line_and_every_field_by_its_button(office: Office) -> None:
    anna = office.anna
    await anna.say(f"/register {office.deal_id}")
    await anna.say("SYS 77 с 10.03 60000")
    assert "SYS77" in screen(anna)
    assert "10.03.2026 – 09.03.2027" in screen(anna)
    await anna.tap("🏢 СК")
    await anna.say("ингос")
    assert "СК: Ингосстрах" in screen(anna)
    await anna.tap("💵 Премия")
    await anna.say("ничего")
    assert "не сумма" in transcript(anna)
    await anna.say("61к")
    assert "Премия: 61 000 ₽" in screen(anna)
    await anna.tap("🧾 Взносы")
    await anna.say("10.03 27000\n10.06 30000")
    assert "4 000" in transcript(anna)  # how much is missing
    await anna.say("10.03 27000\n10.06 остаток")
    assert "2. 10.06.2026 — 34 000 ₽" in screen(anna)
    await anna.tap("🛡 Страх. сумма")
    await anna.tap("Без страховой суммы")
    await anna.tap("📅 Окончание")
    await anna.say("31.12.2026")
    assert "10.03.2026 – 31.12.2026" in screen(anna)
    await anna.tap("💵 Премия")
    await anna.say("62000")
    assert "⚠️" in screen(anna)
    assert "✅ Зарегистрировать полис" not in anna.last.labels
    await anna.tap("🧾 Взносы")
    await anna.tap("50/50")
    await anna.double_tap("✅ Зарегистрировать полис")
    assert await office.value("SELECT count(*) FROM policies") == 1
    assert await office.value("SELECT plan FROM policies") == "halves"


async def test_a_term_that_can_hardly_be_meant_is_doubted_and_no_instalment_comes_after_its_end(office: Office) -> None:
    anna = office.anna
    await anna.say(f"/register {office.deal_id}")
    await anna.say("XXX 0123456789 с 03.03")
    await anna.tap("📅 Окончание")
    await anna.say("03.03")
    assert "Последний взнос пришёлся бы на 03.09.2026 — после окончания полиса 03.03.2026." in screen(anna)
    assert "✅ Зарегистрировать полис" not in anna.last.labels
    await anna.tap("🧾 Взносы")
    await anna.say("один платёж")
    assert "⚠️" not in screen(anna)
    await anna.say("с 01.03.2025")
    assert "⚠️ Начало больше года назад." in screen(anna)
    await anna.say("с 25.11.2035")
    assert "⚠️ Начало больше чем через год." in screen(anna)
    await anna.tap("✅ Зарегистрировать полис")
    assert await office.value("SELECT starts_on FROM policies") == date(2035, 11, 25)


async def test_a_taken_number_is_told_at_once_with_its_deal(office: Office) -> None:
    anna = office.anna
    await anna.say(f"/register {office.deal_id}")
    await anna.say("A1")
    await anna.tap("✅ Зарегистрировать полис")
    await anna.say(f"/register {office.deal_id}")
    await anna.say("a 1")
    assert "Полис A1 уже есть в этой сделке." in transcript(anna)


async def registered(office: Office) -> None:
    await office.anna.say(f"/register {office.deal_id}")
    await office.anna.say("A1 с 02.03")
    await office.anna.tap("✅ Зарегистрировать полис")


async def test_money_is_entered_in_one_tap_or_by_a_line_and_taken_back(office: Office) -> None:
    anna = office.anna
    await registered(office)
    await anna.tap("✅ Взнос 1 оплачен")
    assert "Взнос 1 из 2" in screen(anna)
    assert "Анна Серова: клиент оплатил 27 150 ₽ 02.03.2026" in screen(anna)
    await anna.tap("🏦 Подтверждён СК")
    assert "СК подтвердила 02.03.2026" in screen(anna)
    await anna.tap("↩️ Отменить последнее")
    await anna.tap("↩️ Отменить последнее")
    assert "осталось" not in screen(anna)
    await anna.tap("✍️ Частично")
    await anna.say("20 000 вчера")
    assert "Оплачено 20 000 ₽, осталось 7 150 ₽" in screen(anna)
    await anna.tap("✍️ Частично")
    await anna.say("8000")
    assert "Это больше, чем осталось: 7 150 ₽." in transcript(anna)
    await anna.say("остаток")
    assert "✅ оплачен" in screen(anna)
    await anna.tap("💰 КВ")
    await anna.tap("✅ Пришло сегодня")
    assert "получено 2 715 ₽" in screen(anna)
    await anna.tap("💸 Расходы")
    await anna.tap("➕ Расход")
    await anna.say("5% Олег")
    await anna.tap("✅ Выплачен сегодня")
    assert "выплачено 1 357,50 ₽" in screen(anna)
    await anna.tap("➕ Расход")
    await anna.say("3%")
    assert [label for label in anna.last.labels if label != label.strip()] == [], "nobody is named, and a blank is left"
    await anna.tap("‹ Назад")
    assert "выплачен расход 1 357,50 ₽" in screen(anna)


async def test_ten_times_the_commission_is_asked_about_and_what_does_not_come_is_disputed_or_given_up(
    office: Office,
) -> None:
    anna = office.anna
    await registered(office)
    await anna.tap("✅ Взнос 1 оплачен")
    await anna.tap("💰 КВ")
    await anna.say("27150")
    assert "27 150 ₽ — это намного больше" in screen(anna)
    assert "получено" not in screen(anna)
    await anna.tap("⚖️ Оспаривается")
    await anna.tap("СК считает по другой ставке")
    assert "получено 0 ₽ · спорное: СК считает по другой ставке\n" in screen(anna)
    await anna.tap("✖️ Не придёт")
    await anna.say("Пожалели")
    assert "КВ: списано: Пожалели\n" in screen(anna)
    await anna.say("1000")
    assert "КВ: ожидалось 2 715 ₽, получено 1 000 ₽ · списано: Пожалели\n" in screen(anna)
    await anna.tap("↩️ Отменить последнее: 1 000 ₽")
    await anna.tap("💰 КВ")
    await anna.tap("↩️ Снова ждём")
    assert "Пожалели" not in screen(anna)
    await anna.say("27150")
    await anna.tap("✅ Да, пришло 27 150 ₽")
    assert "получено 27 150 ₽" in screen(anna)


async def test_commission_that_the_insurer_takes_back_is_entered_in_part_or_whole_and_undone(office: Office) -> None:
    anna = office.anna
    await registered(office)
    await anna.tap("✅ Взнос 1 оплачен")
    await anna.tap("💰 КВ")
    assert "СК забрала" not in screen(anna)
    await anna.tap("✅ Пришло сегодня: 2 715 ₽")
    await anna.tap("💰 КВ")
    await anna.tap("↪️ СК забрала обратно")
    await anna.say("715 вчера")
    assert "ожидалось 2 715 ₽, получено 2 000 ₽ · СК забрала обратно\n" in screen(anna)
    await anna.tap("↪️ СК забрала обратно")
    await anna.say("2001")
    assert "Этой комиссии пришло только 2 000 ₽." in transcript(anna)
    await anna.double_tap("↪️ Всё, сегодня: 2 000 ₽")
    assert "получено 0 ₽ · СК забрала обратно\n" in screen(anna)
    await anna.tap("‹ Назад")
    assert "СК забрала обратно КВ 2 000 ₽" in screen(anna)
    await anna.tap("↩️ Отменить последнее: 2 000 ₽")
    assert "получено 2 000 ₽" in screen(anna)
    await anna.tap("💰 КВ")
    await anna.tap("↩️ Снова ждём")
    await anna.tap("✅ Пришло сегодня: 715 ₽")
    assert "ожидалось 2 715 ₽, получено 2 715 ₽" in screen(anna)


async def test_an_instalment_is_promised_moved_written_off_and_brought_back(office: Office) -> None:
    anna = office.anna
    await registered(office)
    await anna.tap("🧾 Взносы (2)")
    await anna.tap("▫️")
    await anna.tap("🤝 Обещал до…")
    await anna.say("10.09")
    assert "Обещал оплатить до 10.09.2026" in screen(anna)
    await anna.tap("📅 Перенести срок")
    await anna.say("01.01.2040")
    assert "не больше чем на год" in transcript(anna)
    await anna.say("15.09")
    assert "срок 15.09.2026" in screen(anna)
    await anna.tap("✖️ Списать")
    await anna.say("машина продана")
    assert "машина продана" in screen(anna)
    await anna.tap("↩️ Вернуть взнос")
    assert await office.value("SELECT count(*) FROM payments WHERE waived_at IS NOT NULL") == 0


async def test_the_touch_after_a_promise_says_that_it_was_promised(office: Office) -> None:
    anna = office.anna
    await registered(office)
    await anna.tap("✅ Взнос 1 оплачен")
    await anna.say("/payments")
    await anna.tap("Все")
    await anna.tap("▫️ 02.09")
    await anna.tap("🤝 Обещал до…")
    await anna.say("20.03")
    await anna.tap("📁 Сделка")
    assert "взнос 27 150 ₽ обещан до 20.03" in screen(anna)


async def test_lists_show_what_is_due_and_what_ends(office: Office) -> None:
    anna = office.anna
    await anna.say("/payments")
    assert "В ближайшие 14 дней платить нечего." in screen(anna)
    await anna.tap("Все")
    assert "Всё оплачено." in screen(anna)
    await registered(office)
    await anna.say("/payments")
    assert "Взносы к оплате · 1" in screen(anna)
    await anna.tap("Все")
    assert "Взносы к оплате · 2" in screen(anna)
    await anna.tap("▫️ 02.09")
    assert "Взнос 2 из 2" in screen(anna)
    await anna.tap("‹ Назад")
    await anna.say("/policies")
    assert "Полисы заканчиваются · 0\nВ ближайшие 60 дней ничего не заканчивается." in screen(anna)
    await anna.tap("Все")
    assert "Полисы без исхода · 1" in screen(anna)
    await anna.tap("🟢 01.03.2027")
    assert "📜 A1" in screen(anna)
    office.agency.clock.advance(timedelta(days=320))  # type: ignore[attr-defined]
    await anna.say("/menu")
    assert "Полисы закончились или закончатся за 60 дней: 1" in screen(anna)
    await anna.tap("📜 Полисы")
    assert "Полисы заканчиваются · 1" in screen(anna), "the list has another number than the menu that leads to it"


async def test_a_year_later_it_is_renewed_refused_or_cancelled(office: Office) -> None:
    anna, clock = office.anna, office.agency.clock
    await registered(office)
    clock.advance(timedelta(days=345))  # type: ignore[attr-defined]
    await anna.say("/policies")
    await anna.tap("🟠 01.03")
    assert "Продлить без разрыва можно до 26.02.2027" in screen(anna)
    await anna.tap("🚫 Отказ")
    await anna.tap("дорого")
    assert "не продлён · дорого" in screen(anna)
    await anna.tap("↩️ Клиент передумал")
    await anna.tap("🔄 Продлить: считаем")
    assert await office.value("SELECT stage FROM deals") == "calculating"
    assert await office.value("SELECT count(*) FROM variants WHERE status = 'draft'") == 1
    await anna.say(f"/register {office.deal_id}")
    assert "Продлевает полис A1" in screen(anna)
    await anna.say("B2")
    await anna.tap("✅ Зарегистрировать полис")
    assert "Вместо полиса A1" in screen(anna)
    await anna.tap("✂️ Расторгнуть")
    await anna.tap("Оформлен по ошибке")
    assert await office.value("SELECT outcome FROM policies WHERE number = 'A1'") is None
    assert await office.value("SELECT outcome FROM policies WHERE number = 'B2'") == "cancelled"


async def test_a_seller_is_not_asked_for_a_reason_to_cancel_what_only_an_admin_cancels(office: Office) -> None:
    anna, galina = office.anna, office.galina
    await registered(office)
    await anna.tap("✅ Взнос 1 оплачен")
    await anna.tap("‹ Назад")
    await anna.tap("✂️ Расторгнуть")
    assert "расторгнуть может только главный админ" in screen(anna)
    assert "Выберите причину" not in screen(anna)
    assert anna.last.labels == ["‹ Назад", "⌂ Меню"]
    await galina.say("/policies")
    await galina.tap("Все")
    await galina.tap("🟢 01.03.2027")
    await galina.tap("✂️ Расторгнуть")
    await galina.tap("Оформлен по ошибке")
    assert await office.value("SELECT outcome FROM policies") == "cancelled"


async def test_of_a_policy_that_ended_with_no_outcome_its_deal_asks_first_until_it_is_decided(office: Office) -> None:
    anna, clock = office.anna, office.agency.clock
    await registered(office)
    for seq in (1, 2):
        payment_id = await office.value("SELECT id FROM payments WHERE seq = :seq", seq=seq)
        await office.agency.app.services.money.client_paid(office.actor, payment_id)
    clock.advance(timedelta(days=365))  # type: ignore[attr-defined]
    await anna.say("/deals")
    await anna.tap("Иванов")
    assert "КАСКО РЕСО-Гарантия закончился 01.03.2027" in screen(anna)
    await anna.tap("✅ Готово, к следующему событию")
    assert "КАСКО РЕСО-Гарантия закончился 01.03.2027" in screen(anna)
    assert anna.last.labels[0] == "🔴 Решить по полису A1"
    await anna.tap("🔴 Решить по полису A1")
    await anna.tap("🚫 Отказ")
    await anna.tap("дорого")
    await anna.tap("‹ Назад")
    assert "не продлён" in screen(anna)
    assert "Решить" not in screen(anna)


async def test_the_executor_registers_sees_no_commission_and_the_seller_is_told(office: Office) -> None:
    egor, anna = office.egor, office.anna
    await anna.start()
    await egor.say(f"/register {office.deal_id}")
    await egor.say("E5 с 02.03")
    await egor.tap("✅ Зарегистрировать полис")
    await egor.tap("✅ Взнос 1 оплачен")
    assert "💰" not in transcript(egor)
    assert "КВ" not in transcript(egor)
    await anna.quiet()
    told = anna.find("Полис зарегистрирован")
    assert "E5" in told.text
    assert "Внёс: Егор Лисин" in told.text
    await anna.say("/deals")
    deals = anna.last
    for _twice in range(2):
        await anna.tap("📜 Открыть полис", message=told)
        assert "📜 E5" in screen(anna)
        assert told.buttons, "what was told cannot be opened again"
    assert not deals.buttons, "the screen before keeps buttons that lead nowhere"


async def test_a_policy_without_a_rate_is_on_the_admins_list_until_he_sets_it(office: Office) -> None:
    await office.agency.execute("DELETE FROM commission_rates")
    await registered(office)
    assert "Ставка КВ не задана" in screen(office.anna)
    office.agency.clock.advance(timedelta(days=400))  # type: ignore[attr-defined]
    galina = office.galina
    await galina.say("/policies")
    assert "1 закончился без исхода" in screen(galina)
    await galina.tap("Без ставки")
    assert screen(galina).startswith("📜 Полисы без ставки · 1\n[❗️ A1")
    await galina.tap("❗️ A1")
    await galina.tap("% Задать ставку КВ")
    await galina.say("12,5")
    assert "ожидается 6 787,50 ₽" in screen(galina)
    await galina.tap("‹ Назад")
    assert screen(galina).startswith("📜 Полисы без ставки · 0\nСтавка задана у каждого полиса.\n")


async def test_a_typo_is_corrected(office: Office) -> None:
    anna = office.anna
    await registered(office)
    await anna.tap("✏️ Исправить")
    await anna.tap("Номер")
    await anna.say("A 2")
    assert "📜 A2" in screen(anna)
    await anna.tap("✏️ Исправить")
    await anna.tap("💵 Премия")
    await anna.say("60 000")
    assert "1. 02.03.2026 — 30 000 ₽" in screen(anna)
    await anna.tap("✏️ Исправить")
    await anna.tap("📅 Окончание")
    await anna.say("01.09.2026")
    assert "Последний взнос пришёлся бы на 02.09.2026" in transcript(anna)
    await anna.say("31.03.2027")
    assert "02.03.2026 – 31.03.2027" in screen(anna)


async def test_a_double_tap_on_every_button_that_changes_something_has_one_effect(office: Office) -> None:
    anna, clock = office.anna, office.agency.clock
    await registered(office)
    await anna.double_tap("✅ Взнос 1 оплачен")
    assert await office.value("SELECT count(*) FROM money_moves") == 1
    await anna.say("/payments")
    await anna.tap("Все")
    await anna.tap("▫️ 02.09")
    await anna.double_tap("✅ Оплачен сегодня")
    await anna.double_tap("🏦 Подтверждён СК")
    assert await office.value("SELECT count(*) FROM money_moves") == 3
    await anna.double_tap("↩️ Отменить последнее")
    assert await office.value("SELECT count(*) FROM money_moves WHERE undone_at IS NOT NULL") == 1
    await anna.tap("💰 КВ")
    await anna.double_tap("✅ Пришло сегодня")
    assert await office.value("SELECT count(*) FROM money_moves WHERE kind = 'commission_received'") == 1
    await anna.tap("💸 Расходы")
    await anna.tap("➕ Расход")
    await anna.say("700")
    await anna.double_tap("✅ Выплачен сегодня")
    assert await office.value("SELECT count(*) FROM money_moves WHERE kind = 'expense_paid'") == 1
    clock.advance(timedelta(days=345))  # type: ignore[attr-defined]
    await anna.say("/policies")
    await anna.tap("🟠 01.03")
    await anna.tap("🚫 Отказ")
    await anna.double_tap("дорого")
    assert await office.value("SELECT count(*) FROM audit_records WHERE action = 'policy.lost'") == 1
    await anna.double_tap("↩️ Клиент передумал")
    await anna.double_tap("🔄 Продлить: считаем")
    assert await office.value("SELECT count(*) FROM variants WHERE status = 'draft'") == 1


async def test_a_notification_about_a_deal_that_is_anothers_now_opens_nothing(office: Office) -> None:
    egor, anna = office.egor, office.anna
    await anna.start()
    await egor.say(f"/register {office.deal_id}")
    await egor.say("E5")
    await egor.tap("✅ Зарегистрировать полис")
    told = keep(anna.find("Полис зарегистрирован"))
    await office.agency.execute(
        "UPDATE deals SET seller_id = (SELECT id FROM users WHERE full_name = 'Галина Маркова')"
    )
    await anna.tap("📜 Открыть полис", message=told)
    assert anna.alert is not None
    # What she was told once stays told; nothing is added to it and nothing opens.
    assert (anna.last.id, anna.last.text) == (told.id, told.text)


async def test_a_screen_of_a_policy_that_was_handed_over_shows_nothing_of_it(office: Office) -> None:
    anna = office.anna
    await registered(office)
    await office.agency.execute(
        "UPDATE deals SET seller_id = (SELECT id FROM users WHERE full_name = 'Галина Маркова')"
    )
    await anna.tap("✅ Взнос 1 оплачен")
    assert await office.value("SELECT count(*) FROM money_moves") == 0
    assert "A1" not in screen(anna)
