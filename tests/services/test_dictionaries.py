"""Insurers, lines, ladders and rates: what is refused, what is planned anew, what stays as history."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from models.enums import CloseReason, Ladder, PolicyOutcome, RateKind, RateScope, ReminderKind, ReminderStatus
from models.tables import CommissionRate, Insurer, LineOfBusiness, Reminder, Variant
from services import dictionaries
from services.dictionaries import read_aliases, read_rate
from services.errors import AlreadyDone, Forbidden, Invalid, NotFound
from services.rules.reading import Unreadable

TODAY = date(2026, 3, 2)
KASKO = LineOfBusiness(code="kasko", name="КАСКО", ladder=Ladder.KASKO, aliases=["каско"])
GREEN = LineOfBusiness(code="green", name="Зелёная карта", ladder=Ladder.PERSONAL, aliases=["зк"])
KASKO.id, GREEN.id = 2, 4


# --- insurers and lines -------------------------------------------------------------------------------------------


async def test_an_insurer_is_added_with_its_short_names_and_is_read_by_them(agency: Any) -> None:
    made = await agency.services.dictionaries.add_insurer(agency.galina, "ПАРИ, пари, Pari")
    card = await agency.services.dictionaries.insurer(agency.galina, made)
    assert (card.insurer.name, card.insurer.aliases, card.policies, card.rates) == ("ПАРИ", ["пари", "pari"], 0, 0)
    deal_id = await agency.deal(agency.anna)
    await agency.services.variants.add_lines(agency.galina, deal_id, "пари 54300")
    assert await agency.rows(select(Variant.insurer_id)) == [made]


@pytest.mark.parametrize("name", ["Ресо", "РЕСО гарантия", "reso", "Новая, reso", "ингосстрах"])
async def test_a_name_that_already_means_another_insurer_is_refused(agency: Any, name: str) -> None:
    with pytest.raises(Invalid, match="already means"):
        await agency.services.dictionaries.add_insurer(agency.galina, name)
    assert len(await agency.rows(select(Insurer))) == 15


async def test_an_insurer_is_renamed_given_short_names_and_switched_off(agency: Any) -> None:
    service, reso = agency.services.dictionaries, await agency.insurer()
    await service.rename_insurer(agency.galina, reso, "РЕСО")
    await service.set_insurer_aliases(agency.galina, reso, "ресо, reso\nрг")
    with pytest.raises(Invalid, match="already means"):
        await service.set_insurer_aliases(agency.galina, reso, "ресо, ингос")
    with pytest.raises(AlreadyDone):
        await service.set_insurer_aliases(agency.galina, reso, "ресо; reso; рг")
    await service.switch_insurer(agency.galina, reso, active=False)
    with pytest.raises(AlreadyDone):
        await service.switch_insurer(agency.galina, reso, active=False)
    card = await service.insurer(agency.galina, reso)
    assert (card.insurer.name, card.insurer.aliases, card.insurer.active) == ("РЕСО", ["ресо", "reso", "рг"], False)
    assert (await service.insurers(agency.galina))[-1].id == reso
    with pytest.raises(Invalid, match="already means"):
        await service.add_insurer(agency.galina, "Рг")


async def test_short_names_are_read_from_one_message() -> None:
    assert read_aliases("РЕСО,  ресо; Reso\n") == ["ресо", "reso"]
    assert read_aliases("-") == []
    for wrong in ("«»", "а" * 61, ", ".join(map(str, range(40)))):
        with pytest.raises(Unreadable):
            read_aliases(wrong)


async def test_a_line_is_added_renamed_and_switched_off(agency: Any) -> None:
    service = agency.services.dictionaries
    made = await service.add_line(agency.galina, "Киберриски, кибер", "corporate")
    card = await service.line(agency.galina, made)
    assert (card.line.aliases, card.steps[0]) == (["кибер"], 120)
    await service.rename_line(agency.galina, made, "Кибер")
    await service.set_line_aliases(agency.galina, made, "кибер, cyber")
    with pytest.raises(Invalid, match="already means"):
        await service.set_line_aliases(agency.galina, made, "каско")
    await service.switch_line(agency.galina, made, active=False)
    assert made not in [line.id for line in await agency.services.deals.lines(agency.anna)]


async def test_dictionaries_are_the_admins_alone(agency: Any) -> None:
    service, reso, kasko = agency.services.dictionaries, await agency.insurer(), await agency.line()
    for actor in (agency.anna, agency.egor):
        for attempt in (
            service.add_insurer(actor, "Моя"),
            service.rename_insurer(actor, reso, "Моя"),
            service.switch_insurer(actor, reso, active=False),
            service.set_line_aliases(actor, kasko, "моя"),
            service.set_ladder(actor, kasko, "1"),
            service.keep_ladder(actor, kasko, "1"),
            service.replan(actor, kasko, "1", 0),
            service.rates(actor, reso),
            service.set_rate(actor, reso, None, "any", "percent", Decimal(90), TODAY),
        ):
            with pytest.raises(Forbidden):
                await attempt
    with pytest.raises(NotFound):
        await service.insurer(agency.galina, 10_000)
    assert await agency.rows(select(CommissionRate)) == []


# --- ladders ------------------------------------------------------------------------------------------------------


async def policy(agency: Any, deal_id: int, number: str, ends_on: date) -> int:
    return int(
        await agency.services.policies.register(
            agency.anna,
            deal_id,
            number=number,
            insurer_id=await agency.insurer(),
            premium=Decimal(60000),
            starts_on=ends_on - timedelta(days=364),
            ends_on=ends_on,
            plan="full",
        )
    )


async def planned_steps(agency: Any, policy_id: int) -> list[int]:
    rows = await agency.rows(
        select(Reminder).where(
            Reminder.kind == ReminderKind.POLICY_END,
            Reminder.object_id == policy_id,
            Reminder.status == ReminderStatus.PLANNED,
        )
    )
    return sorted(row.step for row in rows if row.step < 0)


async def test_a_new_ladder_plans_every_open_policy_of_its_line_anew(
    agency: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dictionaries, "BATCH", 2)
    far = TODAY + timedelta(days=200)
    made = [await policy(agency, await agency.deal(agency.anna, title=f"Авто {n}"), f"A{n}", far) for n in range(5)]
    home = await policy(agency, await agency.deal(agency.anna, title="Дача", line="home"), "H1", far)
    lost = await policy(agency, await agency.deal(agency.anna, title="Продана"), "L1", far)
    await agency.services.policies.set_outcome(agency.anna, lost, PolicyOutcome.LOST, CloseReason.SOLD_OBJECT)
    before = await planned_steps(agency, home)
    kasko = await agency.line()
    assert await agency.services.dictionaries.set_ladder(agency.galina, kasko, "60 20; 5") == 5
    assert {tuple(await planned_steps(agency, id_)) for id_ in made} == {(-60, -20, -5)}
    assert (await planned_steps(agency, home), await planned_steps(agency, lost)) == (before, [])
    deals = await agency.sql("SELECT DISTINCT review_on FROM deals WHERE title LIKE 'Авто%'")
    assert len(deals) == 1
    with pytest.raises(AlreadyDone):
        await agency.services.dictionaries.set_ladder(agency.galina, kasko, "5,20,60")
    with pytest.raises(Unreadable):
        await agency.services.dictionaries.set_ladder(agency.galina, kasko, "скоро")
    await agency.services.dictionaries.set_ladder(agency.galina, kasko, None)
    assert await planned_steps(agency, made[0]) == [-45, -30, -14, -7, -3, -1]


async def test_a_step_that_was_missed_before_the_ladder_had_it_is_said_by_nobody(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    policy_id = await policy(agency, deal_id, "A1", TODAY + timedelta(days=50))
    await agency.services.dictionaries.set_ladder(agency.galina, await agency.line(), "60,48,30")
    assert await planned_steps(agency, policy_id) == [-48, -30]


async def test_a_client_who_thinks_is_left_alone_by_a_new_ladder_too(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    policy_id = await policy(agency, deal_id, "A1", TODAY + timedelta(days=50))
    await agency.services.reminders.thinking(agency.anna, policy_id, 25)
    await agency.services.dictionaries.set_ladder(agency.galina, await agency.line(), "45,40,35,20,5")
    first = await agency.sql("SELECT min(local_date) FROM reminders WHERE kind = 'policy_end' AND status = 'planned'")
    assert first == [(TODAY + timedelta(days=25),)]


# --- rates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kind", "value", "since", "scope", "line_id"),
    [
        ("15", "percent", "15", TODAY, "any", None),
        ("15% с 01.12 новые", "percent", "15", date(2026, 12, 1), "new", None),
        ("КАСКО 12,5 % прол с 1 апреля", "percent", "12.5", date(2026, 4, 1), "renewal", 2),
        ("зеленая карта 1500 ₽", "fixed", "1500", TODAY, "any", 4),
        ("новые каско 15", None, "", TODAY, "", None),
        ("каско 1,5к руб с завтра", "fixed", "1500", date(2026, 3, 3), "any", 2),
        ("продление 7", "percent", "7", TODAY, "renewal", None),
        ("150", None, "", TODAY, "", None),
        ("много", None, "", TODAY, "", None),
        ("", None, "", TODAY, "", None),
        ("15% с никогда", None, "", TODAY, "", None),
    ],
)
def test_a_rate_is_read_from_one_line(
    typed: str, kind: str | None, value: str, since: date, scope: str, line_id: int | None
) -> None:
    if kind is None:
        with pytest.raises(Unreadable):
            read_rate(typed, [KASKO, GREEN], TODAY)
        return
    read = read_rate(typed, [KASKO, GREEN], TODAY)
    assert (read.kind, read.value, read.valid_from) == (kind, Decimal(value), since)
    assert (read.scope, read.line_id) == (scope, line_id)


async def test_rates_are_kept_as_history_and_corrected_only_ahead(agency: Any) -> None:
    service, reso, kasko = agency.services.dictionaries, await agency.insurer(), await agency.line()

    async def put(value: int, since: date, line: int | None = None) -> int:
        return int(await service.set_rate(agency.galina, reso, line, "any", "percent", Decimal(value), since))

    old = await put(10, TODAY - timedelta(days=30))
    await put(12, TODAY)
    ahead = await put(15, TODAY + timedelta(days=30))
    await put(20, TODAY, kasko)
    rows = await service.rates(agency.galina, reso)
    assert [(row.line, int(row.rate.value), row.ahead, row.replaced) for row in rows] == [
        (None, 15, True, False),
        (None, 12, False, False),
        (None, 10, False, True),
        ("КАСКО", 20, False, False),
    ]
    assert await put(16, TODAY + timedelta(days=30)) == ahead
    with pytest.raises(AlreadyDone):
        await put(16, TODAY + timedelta(days=30))
    with pytest.raises(Invalid):
        await put(11, TODAY - timedelta(days=30))
    with pytest.raises(Invalid):
        await service.delete_rate(agency.galina, old)
    await service.delete_rate(agency.galina, ahead)
    with pytest.raises(AlreadyDone):
        await service.delete_rate(agency.galina, ahead)
    assert len(await service.rates(agency.galina, reso)) == 3
    assert await service.rate_counts(agency.galina) == {reso: 3}
    with pytest.raises(Invalid):
        await put(101, TODAY)


async def test_a_rate_is_used_by_the_next_policy_and_leaves_sold_ones_alone(agency: Any) -> None:
    service, reso = agency.services.dictionaries, await agency.insurer()
    await policy(agency, await agency.deal(agency.anna), "A1", date(2027, 3, 1))
    assert (await agency.services.policies.without_rate(agency.galina))[1] == 1
    await service.set_rate(agency.galina, reso, None, RateScope.NEW.value, RateKind.PERCENT.value, Decimal(10), TODAY)
    await policy(agency, await agency.deal(agency.anna, title="Вторая"), "A2", date(2027, 3, 1))
    assert (await agency.services.policies.without_rate(agency.galina))[1] == 1
    assert await agency.sql("SELECT sum(expected_amount) FROM incomes") == [(Decimal(6000),)]
