"""The clock moves, a reminder comes, and it is answered where it stands: told over real HTTP."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from models.enums import Role, TaskKind
from models.tables import Insurer, LineOfBusiness
from sandbox.people import VirtualUser, keep
from services.access import Actor
from services.deals import DealDraft
from services.rules.deal_line import ClientDraft
from tests.bot.conftest import Agency, OpenAgency
from tests.conftest import ManualClock

FIRST_DAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
PHONE = "+7 912 345-67-89"


class Desk:
    """Anna sells, Egor calculates, Galina is the admin, Boris sells too; Anna has a КАСКО policy until 1 March 2027."""

    def __init__(self, agency: Agency, clock: ManualClock) -> None:
        self.agency, self.clock = agency, clock

    async def open(self, plan: str = "full") -> "Desk":
        self.anna = await self.agency.person("Анна Серова", Role.SELLER)
        self.boris = await self.agency.person("Борис Котов", Role.SELLER)
        self.egor = await self.agency.person("Егор Лисин", Role.EXECUTOR)
        self.galina = await self.agency.person("Галина Маркова", Role.ADMIN)
        services, seller = self.agency.app.services, await self.actor(self.anna)
        async with self.agency.app.database.reading() as session:
            line = (await session.execute(select(LineOfBusiness.id).where(LineOfBusiness.code == "kasko"))).scalar_one()
            insurer = (await session.execute(select(Insurer.id).where(Insurer.name == "РЕСО-Гарантия"))).scalar_one()
        client = ClientDraft(name="Иванов <Иван>", phones=("+79123456789",))
        self.deal_id = await services.deals.open_with_client(seller, client, DealDraft(line, "Skoda Rapid"))
        self.policy_id = await services.policies.register(
            seller,
            self.deal_id,
            number="ААА 0001",
            insurer_id=insurer,
            premium=Decimal(60000),
            starts_on=date(2026, 3, 2),
            ends_on=date(2027, 3, 1),
            plan=plan,
        )
        return self

    async def actor(self, person: VirtualUser) -> Actor:
        found = await self.agency.app.services.people.identify(person.id)
        assert found is not None
        return found

    async def at(self, *moment: int) -> None:
        """Move the clock to this moment (Moscow) and let it look for what is due."""
        self.clock.set(datetime(*moment, tzinfo=UTC) - timedelta(hours=3))  # type: ignore[arg-type, misc]
        await self.agency.app.tick()
        await self.agency.quiet()

    async def settle_payments(self) -> None:
        for (payment_id,) in await self.agency.rows("SELECT id FROM payments WHERE settled_on IS NULL"):
            await self.agency.app.services.money.client_paid(await self.actor(self.anna), payment_id)

    async def answers(self) -> list[Any]:
        return await self.agency.rows(
            "SELECT kind, step, status, answer FROM reminders WHERE status IN ('sent', 'answered') AND kind <> 'digest'"
            " ORDER BY sent_at, id"
        )


@pytest.fixture
async def desk(open_agency: OpenAgency, clock: ManualClock) -> Desk:
    return await Desk(await open_agency(), clock).open()


def said(person: VirtualUser) -> str:
    return person.screen.replace("\u00a0", " ")


async def test_the_year_passes_and_the_renewal_reminder_is_answered(desk: Desk) -> None:
    await desk.settle_payments()
    # T-45 is Friday, 15 January; at 8:30 Anna's reminders are still to come.
    await desk.at(2027, 1, 15, 8, 30)
    assert not desk.anna.received
    await desk.at(2027, 1, 15, 9, 1)
    card = said(desk.anna)
    assert "Полис заканчивается через 45 дней, 01.03.2027" in card
    assert "Последний безопасный день: 26.02.2027 (через 42 дня)" in card
    assert "№1001 · КАСКО · Skoda Rapid" in card
    assert f"Иванов <Иван> · {PHONE}" in card
    assert "РЕСО-Гарантия ААА0001 · 60 000 ₽" in card
    assert [row.split("]")[0] for row in card.split("\n[")[1:]] == [
        "✅ Продлил", "🧮 Считаем", "Думает +3", "❌ Отказ", "Открыть",
    ]  # fmt: skip
    asked = keep(desk.anna.last)

    await desk.anna.tap("Думает +3")
    await desk.anna.tap("↩️ Вернуть")
    assert said(desk.anna) == card
    await desk.anna.double_tap("Думает +7")
    assert "💭 Клиент думает" in said(desk.anna)
    assert "Следующее касание: 22.01.2027 — назначено вручную" in said(desk.anna)
    assert await desk.agency.value("SELECT count(*) FROM journal_entries WHERE event = 'client_thinks'") == 2

    await desk.anna.tap_old(asked, "❌ Отказ")
    assert desk.anna.alert == "Это уже сделано."
    await desk.at(2027, 1, 21, 12)
    assert len(desk.anna.received) == 1
    await desk.at(2027, 1, 22, 9, 1)
    assert "Сегодня посмотреть сделку" in said(desk.anna)
    await desk.anna.tap("+7")
    assert "Следующее касание: 29.01.2027" in said(desk.anna)
    await desk.at(2027, 1, 29, 9, 1)
    await desk.at(2027, 1, 30, 9, 1)
    assert "Полис заканчивается через 31 день" in desk.anna.transcript.replace("\u00a0", " ")


async def test_calculating_offers_the_task_and_silences_the_ladder(desk: Desk) -> None:
    await desk.settle_payments()
    await desk.at(2027, 1, 15, 9, 1)
    reminder = desk.anna.last
    await desk.anna.tap("🧮 Считаем")
    assert "🧮 Считаем" in said_of(reminder)
    assert await desk.agency.rows("SELECT stage, renewal_of_id FROM deals") == [("calculating", desk.policy_id)]
    # The screen for giving the calculation is open, with the only executor proposed.
    assert "Егор" in said(desk.anna)
    for day in range(16, 46):
        await desk.at(*(date(2027, 1, 1) + timedelta(days=day - 1)).timetuple()[:3], 9, 1)
    kinds = [(kind, step) for kind, step, _status, _answer in await desk.answers()]
    assert kinds.count(("policy_end", -45)) == 1
    assert not [step for kind, step in kinds if kind == "policy_end" and step > -45]


def said_of(message: Any) -> str:
    return str(message.text)


async def test_a_refusal_is_given_with_its_reason_and_taken_back(desk: Desk) -> None:
    await desk.settle_payments()
    await desk.at(2027, 1, 15, 9, 1)
    await desk.anna.tap("❌ Отказ")
    assert "Дорого" in said(desk.anna)
    await desk.anna.tap("Дорого")
    assert "❌ Клиент отказался: дорого" in said(desk.anna)
    assert await desk.agency.rows("SELECT outcome, outcome_reason FROM policies") == [("lost", "price")]
    assert await desk.agency.value("SELECT review_reason FROM deals") == "nothing_ahead"
    await desk.anna.tap("↩️ Вернуть")
    assert "Полис заканчивается через 45 дней" in said(desk.anna)
    assert await desk.agency.rows("SELECT outcome FROM policies") == [(None,)]


async def test_a_deal_is_handed_over_from_its_reminder(desk: Desk) -> None:
    await desk.settle_payments()
    await desk.at(2027, 1, 15, 9, 1)
    await desk.anna.tap("👤 Передать")
    await desk.anna.tap("Борис Котов")
    assert "👤 Передана: Борис Котов" in desk.anna.transcript
    await desk.at(2027, 1, 29, 9, 1)
    assert "Полис заканчивается через 31 день" in desk.boris.transcript.replace("\u00a0", " ")
    assert "31 день" not in desk.anna.transcript


async def test_an_instalment_is_promised_paid_and_undone_in_place(open_agency: OpenAgency, clock: ManualClock) -> None:
    desk = await Desk(await open_agency(), clock).open(plan="halves")
    first = await desk.agency.value("SELECT min(id) FROM payments")
    await desk.agency.app.services.money.client_paid(await desk.actor(desk.anna), first)
    # The second half is due on 2 September; two weeks before is Wednesday, 19 August.
    await desk.at(2026, 8, 19, 9, 1)
    assert "Взнос через 14 дней, 02.09.2026" in said(desk.anna)
    assert "30 000 ₽ · РЕСО-Гарантия ААА0001, взнос 2" in said(desk.anna)
    await desk.anna.tap("🤝 Обещал до…")
    await desk.anna.tap("📅 Дата")
    assert "До какого дня клиент обещал заплатить?" in said(desk.anna)
    await desk.anna.say("04.09")
    assert "🤝 Обещал заплатить: 04.09.2026" in desk.anna.received[-1].text
    assert "🤝 Обещал заплатить: 04.09.2026" in desk.anna.received[0].text
    await desk.at(2026, 9, 2, 9, 1)
    assert "Взнос просрочен" not in desk.anna.transcript
    await desk.at(2026, 9, 4, 9, 1)
    assert "Обещал до 04.09.2026 (сегодня)" in said(desk.anna)
    reminder = desk.anna.last
    await desk.anna.tap("✅ Оплачен", message=reminder)
    assert "✅ Взнос оплачен" in said_of(reminder)
    await desk.anna.tap("↩️ Вернуть", message=reminder)
    assert "Обещал" not in said_of(reminder)
    assert await desk.agency.value("SELECT paid_amount FROM payments WHERE seq = 2") == 0
    await desk.anna.double_tap("✅ Оплачен", message=reminder)
    assert (
        await desk.agency.value(
            "SELECT count(*) FROM money_moves WHERE undone_at IS NULL AND payment_id <> :p", p=first
        )
        == 1
    )


async def test_a_review_is_put_off_by_chips_by_a_date_and_to_the_next_event(desk: Desk) -> None:
    await desk.settle_payments()
    await desk.agency.app.services.deals.postpone(await desk.actor(desk.anna), desk.deal_id, "2026-03-04")
    await desk.at(2026, 3, 4, 9, 1)
    assert "Сегодня посмотреть сделку" in said(desk.anna)
    await desk.anna.tap("+1")
    await desk.at(2026, 3, 5, 9, 1)
    await desk.anna.tap("📅 Дата")
    await desk.anna.say("+5")
    assert "Следующее касание: 10.03.2026" in said(desk.anna)
    await desk.at(2026, 3, 10, 9, 1)
    await desk.anna.tap("✅ Готово, к следующему событию")
    assert "Следующее касание: 15.01.2027 — окончание полиса" in said(desk.anna)


async def test_a_task_that_nobody_accepts_is_heard_of_and_accepted_from_its_reminder(desk: Desk) -> None:
    services, seller = desk.agency.app.services, await desk.actor(desk.anna)
    egor = await desk.agency.user_id(desk.egor)
    await services.tasks.give(seller, desk.deal_id, TaskKind.OTHER, egor, "2026-03-02T18:00", "Позвонить <в> РЕСО")
    await desk.at(2026, 3, 2, 14, 1)
    assert "Задачу ещё никто не принял" in said(desk.anna)
    await desk.at(2026, 3, 2, 16, 1)
    assert "Скоро срок задачи" in said(desk.egor)
    assert "Позвонить <в> РЕСО" in said(desk.egor)
    await desk.egor.tap("✅ Принять", message=desk.egor.find("Скоро срок"))
    assert await desk.agency.rows("SELECT status FROM tasks") == [("accepted",)]
    await desk.at(2026, 3, 2, 18, 1)
    assert "Задача просрочена" in desk.anna.transcript
    assert "Задача просрочена" in desk.egor.transcript


async def test_the_day_is_walked_card_by_card(desk: Desk) -> None:
    await desk.agency.app.services.reminders.ensure_digests(await desk.actor(desk.galina))
    services, seller = desk.agency.app.services, await desk.actor(desk.anna)
    egor = await desk.agency.user_id(desk.egor)
    await services.deals.postpone(seller, desk.deal_id, "2026-03-03")
    await services.tasks.give(seller, desk.deal_id, TaskKind.OTHER, egor, "2026-03-05T18:00", "Позвонить")
    await desk.at(2026, 3, 3, 9, 1)
    digest = next(m for m in desk.anna.received if "Ваш день" in m.text)
    assert "Ваш день, вт, 3 марта" in digest.text
    assert "Посмотреть сделки: 1" in digest.text
    assert "Задачи, которые никто не принял: 1" in digest.text
    await desk.anna.tap("▶️ Начать", message=digest)
    assert "1 из 2" in said(desk.anna)
    await desk.anna.double_tap("+3")  # the second tap must not fall on the card that comes next
    assert "2 из 2" in said(desk.anna)
    assert "Позвонить" in said(desk.anna)
    await desk.anna.double_tap("Дальше")
    assert "На сегодня всё: просмотрено 2." in said(desk.anna)
    assert await desk.agency.value("SELECT review_by_hand FROM deals") == date(2026, 3, 6)
    # Whoever has nothing to do hears nothing; /today says so.
    assert not [m for m in desk.boris.received if "Ваш день" in m.text]
    await desk.boris.say("/today")
    assert "Ничего не горит, никто не ждёт." in said(desk.boris)
