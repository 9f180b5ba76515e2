"""Variants: typed as lines, handed in, compared without a word of commission, chosen once."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from models.enums import DealStage, DocumentKind, Role, TaskKind, TaskStatus, VariantStatus
from models.tables import Deal, Document, JournalEntry, OutboxMessage, Policy, Task, Variant
from services.access import Actor
from services.errors import AlreadyDone, Forbidden, Invalid, NotFound
from services.variants import VariantService, VariantView
from tests.services.conftest import Agency

LINES = "РЕСО 54300 фр15 сс1.2м рассрочка 2 кв15\nИнгос 61 200 без фр\nАльфа 49,9к фр30 до 20.03"


@pytest.fixture
async def deal_id(agency: Agency) -> int:
    """Anna's deal that Egor has been asked to calculate."""
    made = await agency.deal(agency.anna)
    await agency.services.tasks.give(agency.anna, made, TaskKind.CALCULATE, agency.egor.user_id, "2026-03-03T18:00")
    return made


async def variants(agency: Agency) -> list[Variant]:
    return await agency.rows(select(Variant).order_by(Variant.number))


async def stage(agency: Agency) -> DealStage:
    found: DealStage = (await agency.rows(select(Deal.stage)))[0]
    return found


async def statuses(agency: Agency) -> list[str]:
    return [variant.status.value for variant in await variants(agency)]


async def entered(agency: Agency, deal_id: int, text: str = LINES) -> list[int]:
    ids: list[int] = (await agency.services.variants.add_lines(agency.egor, deal_id, text))["added"]
    return ids


async def handed_in(agency: Agency, deal_id: int, text: str = LINES) -> list[int]:
    ids = await entered(agency, deal_id, text)
    await agency.services.variants.hand_in(agency.egor, deal_id)
    return ids


async def policy_from(agency: Agency, variant_id: int) -> None:
    """A policy registered from a variant, past the services: only what variants look at."""
    variant = next(row for row in await variants(agency) if row.id == variant_id)
    deal = (await agency.rows(select(Deal).where(Deal.id == variant.deal_id)))[0]
    await agency.save(
        Policy(
            number="ХХХ0000000001",
            deal_id=deal.id,
            client_id=deal.client_id,
            insurer_id=variant.insurer_id,
            line_id=deal.line_id,
            premium=variant.premium,
            starts_on=agency.today,
            ends_on=agency.today + timedelta(days=364),
            registered_by_id=agency.egor.user_id,
            variant_id=variant.id,
        )
    )


async def messages(agency: Agency, actor: Actor) -> list[str]:
    rows = await agency.rows(
        select(OutboxMessage).where(OutboxMessage.recipient_id == actor.user_id).order_by(OutboxMessage.id)
    )
    return [row.kind for row in rows if not row.edits_card]


async def test_several_lines_are_several_variants(agency: Agency, deal_id: int) -> None:
    result = await agency.services.variants.add_lines(agency.egor, deal_id, LINES)
    assert (len(result["added"]), result["bad"]) == (3, [])
    reso, ingos, alfa = await variants(agency)
    assert (reso.number, ingos.number, alfa.number) == (1, 2, 3)
    assert (reso.premium, reso.deductible, reso.sum_insured) == (Decimal(54300), Decimal(15000), Decimal(1200000))
    assert (reso.plan, reso.commission_rate, reso.status) == ("halves", Decimal(15), VariantStatus.DRAFT)
    assert (ingos.deductible, ingos.plan) == (Decimal(0), "full")
    assert alfa.valid_until == date(2026, 3, 20)
    task = (await agency.rows(select(Task)))[0]
    assert task.status is TaskStatus.ACCEPTED  # who calculates has accepted


async def test_a_bad_line_is_shown_back_and_the_rest_is_kept(agency: Agency, deal_id: int) -> None:
    text = "РЕСО 54300\nРоссо 100000\n\nВСК без премии\nИнгос 61200 до 01.03.2026"
    result = await agency.services.variants.add_lines(agency.egor, deal_id, text)
    assert len(result["added"]) == 1
    assert [bad["line"] for bad in result["bad"]] == ["Россо 100000", "ВСК без премии", "Ингос 61200 до 01.03.2026"]
    assert all(bad["msgid"].format(**bad["params"]) for bad in result["bad"])
    assert [variant.premium for variant in await variants(agency)] == [Decimal(54300)]


async def test_a_number_is_never_given_twice(agency: Agency, deal_id: int) -> None:
    _first, second = await entered(agency, deal_id, "РЕСО 54300\nИнгос 61200")
    await agency.services.variants.delete(agency.egor, second)
    with pytest.raises(NotFound):
        await agency.services.variants.delete(agency.egor, second)
    await entered(agency, deal_id, "ВСК 70000")
    page = await agency.services.variants.of_deal(agency.anna, deal_id)
    assert [view.label for view in page.rows] == ["В3", "В1"]


@pytest.mark.parametrize(
    ("who", "error"), [("anna", Forbidden), ("boris", NotFound), ("faina", NotFound)], ids=["seller", "other", "idle"]
)
async def test_only_the_executor_of_the_deal_enters_variants(
    agency: Agency, deal_id: int, who: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await agency.services.variants.add_lines(getattr(agency, who), deal_id, "РЕСО 54300")
    assert await variants(agency) == []
    await agency.services.variants.add_lines(agency.galina, deal_id, "РЕСО 54300")


async def test_whoever_is_both_seller_and_executor_calculates_his_own_deal_and_no_other(agency: Agency) -> None:
    both = await agency.person(500, "Игорь Двойной", Role.SELLER, Role.EXECUTOR)
    own = await agency.deal(both, executor_id=both.user_id)
    assert (await agency.services.variants.add_lines(both, own, "РЕСО 54300"))["added"]
    other = await agency.deal(both)
    with pytest.raises(Forbidden):
        await agency.services.variants.add_lines(both, other, "РЕСО 54300")


async def test_an_executor_whose_role_was_taken_away_changes_nothing(agency: Agency, deal_id: int) -> None:
    (variant_id,) = await entered(agency, deal_id, "РЕСО 54300")
    former = Actor(user_id=agency.egor.user_id, roles=frozenset({Role.SELLER}))
    for call in (
        agency.services.variants.update(former, variant_id, {"premium": Decimal(1)}),
        agency.services.variants.get(former, variant_id),
        agency.services.variants.hand_in(former, deal_id),
    ):
        with pytest.raises(NotFound):
            await call


async def test_a_rate_is_seen_by_those_whose_money_it_is(agency: Agency, deal_id: int) -> None:
    (variant_id,) = await entered(agency, deal_id, "РЕСО 54300 кв15")
    views: list[VariantView] = [
        await agency.services.variants.get(actor, variant_id) for actor in (agency.anna, agency.galina, agency.egor)
    ]
    assert [view.commission_rate for view in views] == [Decimal(15), Decimal(15), None]
    # A seller who only calculates this deal sees the rates of his own deals and not of this one.
    both = await agency.person(500, "Игорь Двойной", Role.SELLER, Role.EXECUTOR)
    await agency.services.tasks.give(agency.anna, deal_id, TaskKind.OTHER, both.user_id, "2026-03-03T18:00", "Фото")
    assert (await agency.services.variants.get(both, variant_id)).commission_rate is None


async def test_handing_in_offers_finishes_the_task_and_tells_the_seller(agency: Agency, deal_id: int) -> None:
    await entered(agency, deal_id)
    assert await agency.services.variants.hand_in(agency.egor, deal_id) == 3
    with pytest.raises(AlreadyDone):
        await agency.services.variants.hand_in(agency.egor, deal_id)
    assert set(await statuses(agency)) == {"offered"}
    assert await stage(agency) is DealStage.CHOOSING
    task = (await agency.rows(select(Task)))[0]
    assert (task.status, task.finished_at) == (TaskStatus.DONE, agency.clock.now())
    assert "variants_handed_in" in await messages(agency, agency.anna)
    assert (await messages(agency, agency.anna)).count("variants_handed_in") == 1


async def test_nothing_cannot_be_handed_in(agency: Agency, deal_id: int) -> None:
    with pytest.raises(Invalid):
        await agency.services.variants.hand_in(agency.egor, deal_id)
    assert await stage(agency) is DealStage.CALCULATING


async def test_a_returned_calculation_is_handed_in_again_after_a_correction(agency: Agency, deal_id: int) -> None:
    (variant_id,) = await handed_in(agency, deal_id, "РЕСО 54300")
    task = (await agency.rows(select(Task)))[0]
    await agency.services.tasks.return_(agency.anna, task.id, "Нужна франшиза")
    assert await stage(agency) is DealStage.CALCULATING
    await agency.services.variants.update_line(agency.egor, variant_id, "РЕСО 48000 фр15")
    await agency.services.variants.hand_in(agency.egor, deal_id)
    assert await stage(agency) is DealStage.CHOOSING
    assert (await messages(agency, agency.anna)).count("variants_handed_in") == 2


async def test_a_line_typed_anew_changes_what_it_says_and_keeps_the_rest(agency: Agency, deal_id: int) -> None:
    (variant_id,) = await entered(agency, deal_id, "РЕСО 54300 фр15 сс1.2м рассрочка 2 кв15")
    await agency.services.variants.update_line(agency.egor, variant_id, "РЕСО 52 000")
    (variant,) = await variants(agency)
    assert (variant.premium, variant.deductible, variant.plan) == (Decimal(52000), Decimal(15000), "halves")
    assert variant.commission_rate == Decimal(15)
    with pytest.raises(Invalid):
        await agency.services.variants.update_line(agency.egor, variant_id, "РЕСО 1000\nВСК 2000")


async def test_a_changed_offer_is_told_to_the_seller(agency: Agency, deal_id: int) -> None:
    (variant_id,) = await handed_in(agency, deal_id, "РЕСО 54300")
    before = await agency.sql("SELECT count(*) FROM outbox WHERE recipient_id = :id", id=agency.anna.user_id)
    await agency.services.variants.update(agency.egor, variant_id, {"premium": Decimal(55000)})
    after = await agency.sql("SELECT count(*) FROM outbox WHERE recipient_id = :id", id=agency.anna.user_id)
    assert after[0][0] == before[0][0] + 1
    events = await agency.rows(select(JournalEntry.event))
    assert "variant_changed" in events


async def test_fields_are_checked_as_lines_are(agency: Agency, deal_id: int) -> None:
    insurer = await agency.insurer()
    add = agency.services.variants.add
    with pytest.raises(Invalid):
        await add(agency.egor, deal_id, {"insurer_id": insurer, "premium": Decimal(0)})
    with pytest.raises(Invalid):
        await add(
            agency.egor,
            deal_id,
            {"insurer_id": insurer, "premium": Decimal(1), "valid_until": agency.today - timedelta(days=1)},
        )
    with pytest.raises(NotFound):
        await add(agency.egor, deal_id, {"insurer_id": 10**9, "premium": Decimal(1)})
    assert await add(agency.egor, deal_id, {"insurer_id": insurer, "premium": Decimal(1), "plan": "monthly:6"})


async def test_a_copy_has_the_terms_and_a_number_of_its_own(agency: Agency, deal_id: int) -> None:
    (variant_id,) = await handed_in(agency, deal_id, "РЕСО 54300 фр15")
    await agency.services.variants.copy(agency.egor, variant_id)
    first, copied = await variants(agency)
    assert (copied.number, copied.premium, copied.deductible) == (2, first.premium, first.deductible)
    assert copied.status is VariantStatus.DRAFT


async def test_the_choice_of_the_client_leaves_the_others_not_selected(agency: Agency, deal_id: int) -> None:
    first, second, third = await handed_in(agency, deal_id)
    await agency.services.variants.choose(agency.anna, second)
    with pytest.raises(AlreadyDone):
        await agency.services.variants.choose(agency.anna, second)
    assert await statuses(agency) == ["not_selected", "chosen", "not_selected"]
    assert await stage(agency) is DealStage.ISSUING
    await agency.services.variants.choose(agency.anna, first)
    assert await statuses(agency) == ["chosen", "not_selected", "not_selected"]
    chosen = await agency.rows(select(JournalEntry).where(JournalEntry.event == "variant_chosen"))
    assert [entry.params["before"] for entry in chosen] == [None, 2]
    assert third


@pytest.mark.parametrize(("who", "error"), [("egor", Forbidden), ("boris", NotFound)])
async def test_only_the_seller_marks_the_choice(agency: Agency, deal_id: int, who: str, error: type[Exception]) -> None:
    first, *_ = await handed_in(agency, deal_id)
    with pytest.raises(error):
        await agency.services.variants.choose(getattr(agency, who), first)


async def test_what_was_not_handed_in_or_has_passed_is_not_chosen(agency: Agency, deal_id: int) -> None:
    first, second, third = await entered(agency, deal_id)
    with pytest.raises(Invalid):
        await agency.services.variants.choose(agency.anna, first)
    await agency.services.variants.hand_in(agency.egor, deal_id)
    agency.clock.advance(timedelta(days=30))  # the third was valid until 20 March
    assert (await agency.services.variants.get(agency.anna, third)).status is VariantStatus.EXPIRED
    with pytest.raises(Invalid):
        await agency.services.variants.choose(agency.anna, third)
    assert [row.number for row in (await agency.services.variants.compare(agency.anna, deal_id)).rows] == [1, 2]
    later = agency.today + timedelta(days=10)
    await agency.services.variants.update(agency.egor, third, {"valid_until": later})
    await agency.services.variants.choose(agency.anna, third)
    assert second


async def test_a_variant_that_became_a_policy_stays_as_it_is(agency: Agency, deal_id: int) -> None:
    first, second, _third = await handed_in(agency, deal_id)
    await agency.services.variants.choose(agency.anna, first)
    await policy_from(agency, first)
    await agency.sql("UPDATE deals SET stage = 'in_force' RETURNING id")
    for call in (
        agency.services.variants.choose(agency.anna, first),
        agency.services.variants.choose(agency.anna, second),
        agency.services.variants.update(agency.egor, first, {"premium": Decimal(1)}),
        agency.services.variants.delete(agency.egor, first),
        agency.services.variants.decline(agency.egor, first),
    ):
        with pytest.raises(Invalid):
            await call


async def test_next_years_comparison_and_choice_leave_last_years_alone(agency: Agency, deal_id: int) -> None:
    first, *_ = await handed_in(agency, deal_id)
    await agency.services.variants.choose(agency.anna, first)
    await policy_from(agency, first)
    await agency.sql("UPDATE deals SET stage = 'calculating' RETURNING id")
    agency.clock.advance(timedelta(days=300))
    (renewed,) = await handed_in(agency, deal_id, "Согласие 58000")
    compared = await agency.services.variants.compare(agency.anna, deal_id)
    assert [row.number for row in compared.rows] == [4]
    await agency.services.variants.choose(agency.anna, renewed)
    assert await statuses(agency) == ["chosen", "not_selected", "not_selected", "chosen"]


async def test_another_choice_reaches_the_executor_who_is_issuing(agency: Agency, deal_id: int) -> None:
    first, second, _third = await handed_in(agency, deal_id)
    await agency.services.variants.choose(agency.anna, first)
    task_id = await agency.services.tasks.give(
        agency.anna, deal_id, TaskKind.ISSUE, agency.egor.user_id, "2026-03-04T18:00"
    )
    task = (await agency.rows(select(Task).where(Task.id == task_id)))[0]
    assert task.variant_id == first
    await agency.services.variants.choose(agency.anna, second)
    task = (await agency.rows(select(Task).where(Task.id == task_id)))[0]
    assert task.variant_id == second
    assert "variant_chosen" in await messages(agency, agency.egor)


async def test_only_the_chosen_variant_is_given_to_issue(agency: Agency, deal_id: int) -> None:
    first, second, _third = await handed_in(agency, deal_id)
    await agency.services.variants.choose(agency.anna, first)
    with pytest.raises(Invalid):
        await agency.services.tasks.give(
            agency.anna, deal_id, TaskKind.ISSUE, agency.egor.user_id, "2026-03-04T18:00", "", second
        )


async def test_a_choice_that_the_insurer_declines_is_made_again(agency: Agency, deal_id: int) -> None:
    first, second, _third = await handed_in(agency, deal_id)
    await agency.services.variants.choose(agency.anna, first)
    await agency.services.variants.decline(agency.egor, first)
    with pytest.raises(AlreadyDone):
        await agency.services.variants.decline(agency.egor, first)
    assert await statuses(agency) == ["declined_by_insurer", "offered", "offered"]
    assert await stage(agency) is DealStage.CHOOSING
    assert "variant_declined" in await messages(agency, agency.anna)
    with pytest.raises(Invalid):
        await agency.services.variants.choose(agency.anna, first)
    await agency.services.variants.choose(agency.anna, second)


async def test_the_choice_is_not_deleted(agency: Agency, deal_id: int) -> None:
    first, *_ = await handed_in(agency, deal_id)
    await agency.services.variants.choose(agency.anna, first)
    with pytest.raises(Invalid):
        await agency.services.variants.delete(agency.egor, first)


async def test_a_paper_is_filed_with_a_variant_of_its_own_deal(agency: Agency, deal_id: int) -> None:
    (variant_id,) = await entered(agency, deal_id, "РЕСО 54300")
    other = await agency.deal(agency.anna)
    papers = [
        Document(
            deal_id=owner,
            name="расчёт.pdf",
            kind=DocumentKind.QUOTE,
            size=1,
            mime="application/pdf",
            sha256=bytes([number]) * 32,
            path=f"x/{number}",
            sent_by_id=agency.egor.user_id,
        )
        for number, owner in enumerate((deal_id, other))
    ]
    await agency.save(*papers)
    await agency.services.variants.attach(agency.egor, variant_id, papers[0].id)
    with pytest.raises(AlreadyDone):
        await agency.services.variants.attach(agency.egor, variant_id, papers[0].id)
    with pytest.raises(NotFound):
        await agency.services.variants.attach(agency.egor, variant_id, papers[1].id)
    assert (await agency.services.variants.get(agency.anna, variant_id)).files == 1


async def test_a_closed_deal_takes_no_variants(agency: Agency) -> None:
    deal_id = await agency.deal(
        agency.anna, executor_id=agency.egor.user_id, stage=DealStage.CLOSED, outcome="lost", close_reason="price"
    )
    with pytest.raises(Invalid):
        await agency.services.variants.add_lines(agency.egor, deal_id, "РЕСО 54300")


async def test_the_list_comes_in_pages(agency: Agency, deal_id: int) -> None:
    await entered(agency, deal_id, "\n".join(f"РЕСО {50000 + n}" for n in range(10)))
    page = await agency.services.variants.of_deal(agency.egor, deal_id, page=1, size=4)
    assert ([view.number for view in page.rows], page.total, page.drafts) == ([6, 5, 4, 3], 10, 10)
    assert (page.edits, page.chooses) == (True, False)


async def test_what_the_client_compares_has_no_field_and_no_figure_of_commission(agency: Agency, deal_id: int) -> None:
    await handed_in(
        agency,
        deal_id,
        "РЕСО 54300 «Премиум КВ 17%» кв15 наша комиссия 8145\nИнгос 61200 кв 21,5% нам вернётся 13158",
    )
    compared = await agency.services.variants.compare(agency.anna, deal_id)
    table = repr(compared.table).lower()
    for trace in ("кв", "комис", "15", "8145", "21", "13158", "17"):
        assert trace not in table, trace


async def test_every_method_says_who_may_call_it() -> None:
    methods: list[Any] = [member for name, member in vars(VariantService).items() if not name.startswith("_")]
    assert all(hasattr(method, "policy") for method in methods)


async def test_taps_at_the_same_moment_number_choose_and_finish_once(agency: Agency, deal_id: int) -> None:
    service = agency.services.variants
    await asyncio.gather(*(service.add_lines(agency.egor, deal_id, f"РЕСО {50000 + n}") for n in range(6)))
    rows = await variants(agency)
    assert [row.number for row in rows] == [1, 2, 3, 4, 5, 6]
    outcomes = await asyncio.gather(*(service.hand_in(agency.egor, deal_id) for _ in range(3)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyDone", "AlreadyDone", "int"]
    await asyncio.gather(*(service.choose(agency.anna, row.id) for row in rows), return_exceptions=True)
    assert (await statuses(agency)).count("chosen") == 1
    assert (await messages(agency, agency.anna)).count("variants_handed_in") == 1


async def test_with_its_last_offer_deleted_a_deal_is_not_at_a_choice_any_more(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna, executor_id=agency.egor.user_id)
    added = await agency.services.variants.add_lines(agency.egor, deal_id, "РЕСО 54300")
    await agency.services.variants.hand_in(agency.egor, deal_id)
    await agency.services.variants.delete(agency.egor, added["added"][0])
    assert await agency.rows(select(Deal.stage).where(Deal.id == deal_id)) == [DealStage.COLLECTING]
