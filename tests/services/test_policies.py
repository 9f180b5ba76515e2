"""Policies: what registering makes, what renewal and refusal leave behind, who may do what."""

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from models.enums import (
    CloseReason,
    DealStage,
    DocumentKind,
    ExpenseKind,
    IncomeKind,
    IncomeStatus,
    PolicyOutcome,
    PolicyStatus,
    RateKind,
    RateScope,
    ReminderKind,
    ReviewReason,
    Role,
    TaskKind,
    VariantStatus,
)
from models.scope import EVERYTHING, Scope
from models.tables import (
    AuditRecord,
    CommissionRate,
    Deal,
    DealExpense,
    Document,
    Expense,
    Income,
    JournalEntry,
    OutboxMessage,
    Payment,
    Policy,
    Reminder,
    Variant,
)
from services.access import Actor
from services.documents import Incoming
from services.errors import AlreadyDone, Forbidden, Invalid, NotFound
from services.rules.reading import Unreadable
from storage import repository
from storage.uow import Transactions


async def register(agency: Any, actor: Actor, deal_id: int, number: str = "ХХХ 0123456789", **terms: Any) -> int:
    given = {
        "insurer_id": await agency.insurer(),
        "premium": Decimal(60000),
        "starts_on": date(2026, 3, 10),
        "ends_on": date(2027, 3, 9),
        "plan": "full",
    } | terms
    return int(await agency.services.policies.register(actor, deal_id, number=number, **given))


async def one(agency: Any, table: type[Any], id_: int) -> Any:
    return (await agency.rows(select(table).where(table.id == id_)))[0]


async def variant(agency: Any, deal_id: int, **fields: Any) -> int:
    row = Variant(
        **{
            "deal_id": deal_id,
            "number": 1,
            "insurer_id": await agency.insurer(),
            "premium": Decimal("54300.50"),
            "author_id": agency.egor.user_id,
            "plan": "halves",
            "sum_insured": Decimal(1200000),
            "status": VariantStatus.CHOSEN,
        }
        | fields
    )
    await agency.save(row)
    return row.id


async def rate(agency: Any, value: int, scope: RateScope = RateScope.ANY, line: str | None = None) -> None:
    await agency.save(
        CommissionRate(
            insurer_id=await agency.insurer(),
            line_id=await agency.line(line) if line else None,
            scope=scope,
            kind=RateKind.PERCENT,
            value=Decimal(value),
            valid_from=date(2026, 1, 1),
        )
    )


async def test_one_registration_makes_the_whole_money_plan(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    await rate(agency, 10)
    await rate(agency, 15, RateScope.NEW, "kasko")
    await agency.save(
        DealExpense(deal_id=deal_id, kind=ExpenseKind.CLIENT_DISCOUNT, percent=Decimal(5)),
        DealExpense(deal_id=deal_id, kind=ExpenseKind.PARTNER_FEE, amount=Decimal(700), payee="Автосалон"),
    )
    policy_id = await register(agency, agency.anna, deal_id, premium=Decimal("54300.10"), plan="monthly:3")
    payments = await agency.rows(select(Payment).order_by(Payment.seq))
    assert [(p.due_on.isoformat(), p.amount) for p in payments] == [
        ("2026-03-10", Decimal("18100.04")),
        ("2026-04-10", Decimal("18100.03")),
        ("2026-05-10", Decimal("18100.03")),
    ]
    incomes = await agency.rows(select(Income).order_by(Income.id))
    assert sum(i.expected_amount for i in incomes) == Decimal("8145.02")  # 15 %, the most specific rate
    assert [i.payment_id for i in incomes] == [p.id for p in payments]
    expenses = await agency.rows(select(Expense).order_by(Expense.id))
    discounts = [e.expected_amount for e in expenses if e.kind is ExpenseKind.CLIENT_DISCOUNT]
    assert (len(discounts), sum(discounts)) == (3, Decimal("2715.01"))
    assert [(e.payment_id, e.expected_amount, e.payee) for e in expenses if e.kind is ExpenseKind.PARTNER_FEE] == [
        (payments[0].id, Decimal(700), "Автосалон")
    ]
    policy = await one(agency, Policy, policy_id)
    assert (policy.number, policy.rate_value) == ("ХХХ0123456789", Decimal(15))
    deal = await one(agency, Deal, deal_id)
    assert deal.stage is DealStage.IN_FORCE
    assert (deal.review_reason, deal.review_object_id) == (ReviewReason.PAYMENT_DUE, payments[0].id)
    planned = {r.kind for r in await agency.rows(select(Reminder))}
    assert {ReminderKind.POLICY_END, ReminderKind.PAYMENT} <= planned
    assert [e.event for e in await agency.rows(select(JournalEntry))] == ["policy_registered"]
    assert "policy.registered" in [a.action for a in await agency.rows(select(AuditRecord))]


async def test_a_rate_that_nobody_set_is_said_and_never_guessed(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    policy_id = await register(agency, agency.anna, deal_id, plan="halves")
    assert [i.expected_amount for i in await agency.rows(select(Income))] == [None, None]
    rows, total = await agency.services.policies.without_rate(agency.galina)
    assert ([row.id for row in rows], total) == ([policy_id], 1)
    with pytest.raises(Forbidden):
        await agency.services.policies.without_rate(agency.anna)
    second = await register(
        agency, agency.boris, await agency.deal(agency.boris), number="ХХХ0000000002", plan="halves"
    )
    pages = [await agency.services.policies.without_rate(agency.galina, page, size=1) for page in range(3)]
    assert [([row.id for row in rows], total) for rows, total in pages] == [([policy_id], 2), ([second], 2), ([], 2)]
    for rated in (policy_id, second):
        await agency.services.money.set_rate(agency.galina, rated, Decimal(12))
    assert [i.expected_amount for i in await agency.rows(select(Income))] == [Decimal(3600)] * 4
    assert (await agency.services.policies.without_rate(agency.galina))[1] == 0


async def test_pages_of_policies_without_a_rate_hold_each_of_them_once(agency: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(repository, "MANY", 3)
    plans = ["monthly:12", "full", "monthly:6", "halves", "full", "monthly:12", "monthly:3", "full", "full"]
    sellers = [agency.anna, agency.boris, agency.anna] * 3
    deals = [await agency.deal(seller) for seller in sellers]
    registered = [
        await register(agency, seller, deal_id, number=f"ХХХ000000001{n}", plan=plan)
        for n, (seller, deal_id, plan) in enumerate(zip(sellers, deals, plans, strict=True))
    ]
    # The first has one more instalment, after those of all others; the second owes a bonus beside the commission.
    day = date(2027, 3, 1)
    late = Payment(policy_id=registered[0], deal_id=deals[0], seq=13, due_on=day, amount=Decimal(100))
    await agency.save(late)
    of_second = (await agency.rows(select(Payment).where(Payment.policy_id == registered[1])))[0]
    await agency.save(Income(payment_id=late.id, deal_id=deals[0], expected_on=day, expected_amount=None))
    await agency.save(
        Income(payment_id=of_second.id, deal_id=deals[1], expected_on=day, kind=IncomeKind.BONUS, expected_amount=None)
    )
    async with agency.database.writing() as session:
        gone = update(Policy).where(Policy.id == registered[4]).values(deleted_at=agency.clock.now())
        await session.execute(gone)
        await session.commit()
    registered_by = dict(zip(registered, sellers, strict=True))
    left = [policy_id for policy_id in registered if policy_id != registered[4]]
    own = [policy_id for policy_id in left if registered_by[policy_id] is agency.anna]

    async def turned_over(scope: Scope) -> tuple[list[int], list[str]]:
        """What whoever turns page after page gets to see, and the totals that he is told meanwhile."""
        shown, totals, page, last = [], [], 0, 0
        while page <= last:
            async with Transactions(agency.database).read(None, agency.clock.now()) as tx:
                rows, total = await tx.policies.without_rate(scope, page * 2, 2)
            shown += [row.id for row in rows]
            totals.append(str(total))
            page, last = page + 1, (total - 1) // 2
        return shown, totals

    shown, totals = await turned_over(EVERYTHING)
    assert shown == left
    assert totals[0].endswith("+")
    assert totals[-1] == "8"
    assert await turned_over(Scope(agency.anna.user_id, as_seller=True)) == (own, [str(len(own))] * -(-len(own) // 2))


async def test_the_rate_of_the_variant_comes_before_the_table(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    await rate(agency, 10)
    chosen = await variant(agency, deal_id, commission_rate=Decimal(20))
    await register(agency, agency.anna, deal_id, variant_id=chosen)
    assert [i.expected_amount for i in await agency.rows(select(Income))] == [Decimal(12000)]


async def test_a_draft_comes_from_the_chosen_variant(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    chosen = await variant(agency, deal_id)
    draft = await agency.services.policies.prefill(agency.anna, deal_id)
    assert (draft.variant.id, draft.premium, draft.plan) == (chosen, Decimal("54300.50"), "halves")
    assert (draft.starts_on, draft.ends_on) == (date(2026, 3, 3), date(2027, 3, 2))
    with pytest.raises(NotFound):
        await agency.services.policies.prefill(agency.boris, deal_id)


async def test_the_policy_of_a_variant_is_the_clients_choice(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    offered = await variant(agency, deal_id, status=VariantStatus.OFFERED)
    rejected = await variant(agency, deal_id, number=2, status=VariantStatus.CHOSEN)
    await register(agency, agency.anna, deal_id, variant_id=offered)
    assert (await one(agency, Variant, offered)).status is VariantStatus.CHOSEN
    assert (await one(agency, Variant, rejected)).status is VariantStatus.NOT_SELECTED


async def test_the_only_policy_file_of_the_deal_becomes_the_policys_own(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    paper = Document(
        deal_id=deal_id, name="полис.pdf", kind=DocumentKind.POLICY, size=1, mime="application/pdf",
        sha256=b"1" * 32, path="a", sent_by_id=agency.anna.user_id,
    )  # fmt: skip
    await agency.save(paper)
    policy_id = await register(agency, agency.anna, deal_id)
    assert (await one(agency, Document, paper.id)).policy_id == policy_id
    assert (await agency.services.policies.card(agency.anna, policy_id)).files == 1


def sent(name: str) -> Incoming:
    return Incoming(name, b"%PDF-1.7 " + name.encode(), "application/pdf", "telegram-id", "document", "")


async def test_a_policy_file_that_comes_to_the_deal_goes_to_the_only_policy_that_waits_for_one(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    policy_id = await register(agency, agency.anna, deal_id)
    first = await agency.services.documents.file(agency.anna, deal_id, sent("полис.pdf"))
    second = await agency.services.documents.file(agency.anna, deal_id, sent("полис ещё.pdf"))
    assert (await one(agency, Document, first.document_id)).policy_id == policy_id
    assert (await one(agency, Document, second.document_id)).policy_id is None


async def test_a_paper_of_the_deal_sent_again_to_its_policy_becomes_the_policys_file(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    policy_id = await register(agency, agency.anna, deal_id)
    plain = await agency.services.documents.file(agency.anna, deal_id, sent("скан.pdf"))
    again = await agency.services.documents.file(agency.anna, deal_id, sent("скан.pdf"), policy_id=policy_id)
    assert (again.duplicate, again.document_id) == (True, plain.document_id)
    assert (await agency.services.policies.card(agency.anna, policy_id)).files == 1


async def test_a_number_is_registered_once_in_the_agency(agency: Any) -> None:
    mine, foreign = await agency.deal(agency.anna), await agency.deal(agency.boris)
    other = await agency.deal(agency.anna, title="Дача")
    await register(agency, agency.anna, mine)
    with pytest.raises(Invalid) as seen:
        await register(agency, agency.anna, other, "xxx 0123456789")
    assert seen.value.params["deal"] == (await one(agency, Deal, mine)).number
    with pytest.raises(Invalid) as hidden:
        await register(agency, agency.boris, foreign)
    assert "deal" not in hidden.value.params
    assert len(await agency.rows(select(Policy))) == 1


async def test_saving_twice_registers_once(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    await register(agency, agency.anna, deal_id)
    with pytest.raises(AlreadyDone):
        await register(agency, agency.anna, deal_id)
    assert len(await agency.rows(select(Payment))) == 1


async def test_of_two_deals_that_take_a_number_at_once_one_gets_it(agency: Any) -> None:
    deals = [await agency.deal(agency.anna, title=f"Авто {n}") for n in range(3)]
    results = await asyncio.gather(*(register(agency, agency.anna, deal) for deal in deals), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Invalid", "Invalid", "int"]
    assert len(await agency.rows(select(Policy))) == 1


@pytest.mark.parametrize(
    "terms",
    [
        {"premium": Decimal(0)},
        {"ends_on": date(2026, 3, 9)},
        {"plan": "weekly"},
        {"plan": "custom:2026-03-10=1000"},
        {"number": "—"},
        {"number": "1" * 41},
    ],
)
async def test_terms_that_cannot_be_are_refused_and_nothing_is_kept(agency: Any, terms: dict[str, Any]) -> None:
    deal_id = await agency.deal(agency.anna)
    with pytest.raises((Invalid, Unreadable)):
        await register(agency, agency.anna, deal_id, **terms)
    assert await agency.rows(select(Policy)) == []


async def test_a_closed_deal_takes_no_policy(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna, stage=DealStage.CLOSED, outcome="lost")
    with pytest.raises(Invalid):
        await register(agency, agency.anna, deal_id)


async def test_an_executor_registers_on_his_deal_and_the_seller_hears_of_it(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna, executor_id=agency.egor.user_id)
    policy_id = await register(agency, agency.egor, deal_id)
    sent = await agency.rows(select(OutboxMessage).where(OutboxMessage.kind == "policy_registered"))
    assert [(m.recipient_id, m.params) for m in sent] == [
        (agency.anna.user_id, {"policy_id": policy_id, "policy_file_missing": True})
    ]


async def test_an_executor_sees_no_commission_on_the_card(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna, executor_id=agency.egor.user_id)
    await rate(agency, 10)
    policy_id = await register(agency, agency.egor, deal_id)
    assert (await agency.services.policies.card(agency.egor, policy_id)).money is None
    money = (await agency.services.policies.card(agency.anna, policy_id)).money
    assert money is not None
    assert money.commission_expected == Decimal(6000)


async def test_a_seller_who_helps_on_anothers_deal_sees_no_commission_either(agency: Any) -> None:
    both = await agency.person(103, "Вера", Role.SELLER, Role.EXECUTOR)
    deal_id = await agency.deal(agency.anna, executor_id=both.user_id)
    policy_id = await register(agency, both, deal_id)
    assert (await agency.services.policies.card(both, policy_id)).money is None
    with pytest.raises(Forbidden):
        await agency.services.policies.start_renewal(both, policy_id)


async def test_a_policy_of_anothers_deal_does_not_exist(agency: Any) -> None:
    policy_id = await register(agency, agency.anna, await agency.deal(agency.anna))
    policies = agency.services.policies
    for stranger in (agency.boris, agency.egor):
        with pytest.raises(NotFound):
            await policies.card(stranger, policy_id)
        with pytest.raises(NotFound):
            await policies.correct(stranger, policy_id, number="A1")
    with pytest.raises(NotFound):
        await policies.cancel(agency.boris, policy_id, "x")
    without_roles = Actor(user_id=agency.anna.user_id, roles=frozenset())
    with pytest.raises(Forbidden):
        await policies.card(without_roles, policy_id)


# --- renewal ------------------------------------------------------------------------------------------------------


async def test_a_renewal_is_calculated_on_the_same_deal_from_last_years_terms(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    chosen = await variant(agency, deal_id, deductible=Decimal(15000), commission_rate=Decimal(20))
    policy_id = await register(agency, agency.anna, deal_id, variant_id=chosen, premium=Decimal("54300.50"))
    agency.at(2027, 2, 1, 9)
    draft_id = await agency.services.policies.start_renewal(agency.anna, policy_id)
    draft = await one(agency, Variant, draft_id)
    assert (draft.number, draft.status, draft.premium) == (2, VariantStatus.DRAFT, Decimal("54300.50"))
    assert (draft.deductible, draft.commission_rate) == (Decimal(15000), None)  # last year's rate is no promise
    deal = await one(agency, Deal, deal_id)
    assert (deal.stage, deal.renewal_of_id) == (DealStage.CALCULATING, policy_id)
    left = await agency.rows(select(Reminder).where(Reminder.kind == ReminderKind.POLICY_END))
    assert min(r.local_date for r in left) == date(2027, 3, 5)  # silent until the last safe day, Saturday the 6th
    with pytest.raises(AlreadyDone):
        await agency.services.policies.start_renewal(agency.anna, policy_id)
    # Last year's chosen variant is not offered for the new policy.
    prefilled = await agency.services.policies.prefill(agency.anna, deal_id)
    assert (prefilled.variant, prefilled.previous.id) == (None, policy_id)
    assert prefilled.starts_on == date(2027, 3, 10)


@pytest.mark.parametrize(
    ("insurer", "outcome", "commission"),
    [("РЕСО-Гарантия", PolicyOutcome.RENEWED, 4200), ("Ингосстрах", PolicyOutcome.MOVED, None)],
)
async def test_the_next_policy_gives_the_last_one_its_outcome(
    agency: Any, insurer: str, outcome: PolicyOutcome, commission: int | None
) -> None:
    deal_id = await agency.deal(agency.anna)
    await rate(agency, 15, RateScope.NEW)
    await rate(agency, 7, RateScope.RENEWAL)
    first = await register(agency, agency.anna, deal_id)
    agency.at(2027, 3, 1, 9)
    await agency.services.policies.start_renewal(agency.anna, first)
    second = await register(
        agency, agency.anna, deal_id, "КАСКО-2", insurer_id=await agency.insurer(insurer),
        starts_on=date(2027, 3, 10), ends_on=date(2028, 3, 9),
    )  # fmt: skip
    old, new = await one(agency, Policy, first), await one(agency, Policy, second)
    assert (old.outcome, new.previous_policy_id) == (outcome, first)
    income = await agency.rows(select(Income).join(Payment).where(Payment.policy_id == second))
    assert [i.expected_amount for i in income] == [commission]
    deal = await one(agency, Deal, deal_id)
    assert (deal.stage, deal.renewal_of_id) == (DealStage.IN_FORCE, None)
    ends = await agency.rows(select(Reminder).where(Reminder.kind == ReminderKind.POLICY_END))
    assert {r.object_id for r in ends} == {second}
    card = await agency.services.policies.card(agency.anna, first)
    assert (card.status.value, card.successor.id) == (outcome.value, second)


async def test_a_draft_renews_the_policy_that_is_meant_or_the_one_that_ends(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    first = await register(agency, agency.anna, deal_id)
    prefill = agency.services.policies.prefill
    assert (await prefill(agency.anna, deal_id)).previous is None
    assert (await prefill(agency.anna, deal_id, previous_policy_id=first)).previous.id == first
    agency.at(2027, 2, 20, 9)
    draft = await prefill(agency.anna, deal_id)
    assert (draft.previous.id, draft.premium, draft.starts_on) == (first, Decimal(60000), date(2027, 3, 10))


async def test_a_policy_is_renewed_once(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    first = await register(agency, agency.anna, deal_id)
    await register(agency, agency.anna, deal_id, "B2", previous_policy_id=first)
    with pytest.raises(Invalid):
        await register(agency, agency.anna, deal_id, "B3", previous_policy_id=first)


async def test_a_refusal_has_a_reason_and_can_be_taken_back(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    policy_id = await register(agency, agency.anna, deal_id)
    policies = agency.services.policies
    await policies.set_outcome(agency.anna, policy_id, PolicyOutcome.LOST, CloseReason.PRICE)
    lost = await one(agency, Policy, policy_id)
    assert (lost.outcome, lost.outcome_reason, lost.outcome_on) == (
        PolicyOutcome.LOST, CloseReason.PRICE, date(2026, 3, 2),
    )  # fmt: skip
    with pytest.raises(AlreadyDone):
        await policies.set_outcome(agency.anna, policy_id, PolicyOutcome.LOST, CloseReason.PRICE)
    ends = select(Reminder).where(Reminder.kind == ReminderKind.POLICY_END)
    assert await agency.rows(ends) == []
    await policies.clear_outcome(agency.anna, policy_id)
    assert (await one(agency, Policy, policy_id)).outcome is None
    assert await agency.rows(ends) != []


async def test_cancelling_writes_off_what_is_unpaid_and_puts_the_old_policy_back_on_the_list(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    await rate(agency, 10)
    first = await register(agency, agency.anna, deal_id)
    second = await register(agency, agency.anna, deal_id, "B2", previous_policy_id=first, plan="halves")
    await agency.services.policies.cancel(agency.anna, second, "передумал")
    payments = await agency.rows(select(Payment).where(Payment.policy_id == second))
    assert all(p.waived_at and p.waived_reason == "передумал" for p in payments)
    incomes = await agency.rows(select(Income).join(Payment).where(Payment.policy_id == second))
    assert {i.status for i in incomes} == {IncomeStatus.WRITTEN_OFF}
    assert (await one(agency, Policy, first)).outcome is None
    assert (await agency.services.policies.card(agency.anna, second)).status is PolicyStatus.CANCELLED
    with pytest.raises(AlreadyDone):
        await agency.services.policies.cancel(agency.anna, second, "передумал")


async def test_only_an_admin_cancels_what_the_client_has_paid_for(agency: Any) -> None:
    policy_id = await register(agency, agency.anna, await agency.deal(agency.anna), plan="halves")
    first = (await agency.rows(select(Payment).order_by(Payment.seq)))[0]
    await agency.services.money.client_paid(agency.anna, first.id)
    with pytest.raises(Invalid):
        await agency.services.policies.cancel(agency.anna, policy_id, "продал машину")
    await agency.services.policies.cancel(agency.galina, policy_id, "продал машину")
    waived = await agency.rows(select(Payment.seq).where(Payment.waived_at.is_not(None)))
    assert waived == [2]


async def test_money_that_is_taken_back_on_a_cancelled_policy_is_not_owed_again(agency: Any) -> None:
    await rate(agency, 10)
    policy_id = await register(agency, agency.anna, await agency.deal(agency.anna), plan="halves")
    first = (await agency.rows(select(Payment).order_by(Payment.seq)))[0]
    paid = await agency.services.money.client_paid(agency.anna, first.id)
    await agency.services.policies.cancel(agency.galina, policy_id, "продал машину")
    await agency.services.money.undo(agency.galina, paid)
    payments = await agency.rows(select(Payment))
    assert all(payment.waived_at and not payment.paid_amount for payment in payments)
    assert {income.status for income in await agency.rows(select(Income))} == {IncomeStatus.WRITTEN_OFF}
    reminders = select(Reminder).where(Reminder.kind == ReminderKind.PAYMENT)
    assert await agency.rows(reminders) == []


# --- lists and corrections ----------------------------------------------------------------------------------------


async def test_policies_that_end_are_listed_with_what_has_ended_on_top_and_a_trip_that_is_over_counts_nowhere(
    agency: Any,
) -> None:
    deal_id = await agency.deal(agency.anna)
    ends = {"soon": date(2026, 4, 1), "far": date(2027, 3, 1), "ended": date(2026, 2, 20), "sooner": date(2026, 3, 5)}
    for name, end in ends.items():
        await register(agency, agency.anna, deal_id, name + "1", starts_on=date(2025, 3, 2), ends_on=end)
    trip = {"starts_on": date(2026, 2, 1), "ends_on": date(2026, 2, 10)}
    await register(agency, agency.anna, deal_id, "TRIP1", **trip)
    policies = agency.services.policies
    rows, total = await policies.ending(agency.anna, 0, size=2)
    assert [(r.policy.number, r.status, r.days_left) for r in rows] == [
        ("ENDED1", PolicyStatus.EXPIRED, -10),
        ("SOONER1", PolicyStatus.EXPIRING, 3),
    ]
    assert total == 3
    rest, _total = await policies.ending(agency.anna, 1, size=2)
    assert [r.policy.number for r in rest] == ["SOON1"]
    assert (await policies.ending(agency.anna, everything=True))[1] == 4
    assert await policies.expired_count(agency.anna) == 1
    assert (await agency.services.deals.desk(agency.anna)).ending == 3
    assert await policies.ending(agency.boris) == ([], 0)


async def test_before_any_money_everything_can_be_corrected(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    await rate(agency, 10)
    policy_id = await register(agency, agency.anna, deal_id)
    await agency.services.policies.correct(agency.anna, policy_id, premium=Decimal(90000), plan="halves")
    payments = await agency.rows(select(Payment).order_by(Payment.seq))
    assert [p.amount for p in payments] == [Decimal(45000), Decimal(45000)]
    assert [i.expected_amount for i in await agency.rows(select(Income))] == [Decimal(4500), Decimal(4500)]
    await agency.services.policies.correct(agency.anna, policy_id, starts_on=date(2026, 3, 20))
    assert [p.due_on for p in await agency.rows(select(Payment).order_by(Payment.seq))] == [
        date(2026, 3, 20), date(2026, 9, 20),
    ]  # fmt: skip
    with pytest.raises(AlreadyDone):
        await agency.services.policies.correct(agency.anna, policy_id, premium=Decimal(90000))


async def test_no_instalment_falls_due_after_the_end_neither_at_first_nor_by_a_correction(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    own = "custom:2026-03-10=30000.00;2026-10-01=30000.00"
    for plan, end in (("halves", date(2026, 3, 10)), ("quarters", date(2026, 12, 9)), (own, date(2026, 9, 30))):
        with pytest.raises(Unreadable, match="after the policy's end"):
            await register(agency, agency.anna, deal_id, plan=plan, ends_on=end)
    policy_id = await register(agency, agency.anna, deal_id, ends_on=date(2026, 3, 10))
    correct = agency.services.policies.correct
    with pytest.raises(Unreadable, match="after the policy's end"):
        await correct(agency.anna, policy_id, plan="halves")
    await correct(agency.anna, policy_id, plan="halves", ends_on=date(2026, 9, 10))
    for earlier in ({"ends_on": date(2026, 9, 9)}, {"starts_on": date(2026, 3, 20)}):
        with pytest.raises(Unreadable, match="after the policy's end"):
            await correct(agency.anna, policy_id, **earlier)
    second = (await agency.rows(select(Payment.id).order_by(Payment.seq)))[1]
    await agency.services.money.waive(agency.anna, second, "продал машину")
    await correct(agency.anna, policy_id, ends_on=date(2026, 6, 30))
    assert (await one(agency, Policy, policy_id)).ends_on == date(2026, 6, 30)


async def test_after_money_only_the_number_and_the_dates_can(agency: Any) -> None:
    policy_id = await register(agency, agency.anna, await agency.deal(agency.anna))
    payment = (await agency.rows(select(Payment)))[0]
    await agency.services.money.client_paid(agency.anna, payment.id, Decimal(10))
    with pytest.raises(Invalid):
        await agency.services.policies.correct(agency.anna, policy_id, premium=Decimal(1))
    await agency.services.policies.correct(agency.anna, policy_id, number="ab 77", ends_on=date(2027, 3, 31))
    policy = await one(agency, Policy, policy_id)
    assert (policy.number, policy.ends_on) == ("AB77", date(2027, 3, 31))
    kept = (await agency.rows(select(AuditRecord).where(AuditRecord.action == "policy.corrected")))[0]
    assert kept.changes["number"] == ["ХХХ0123456789", "AB77"]


async def test_a_deal_handed_over_takes_its_policies_along(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    policy_id = await register(agency, agency.anna, deal_id)
    async with agency.database.writing() as session:
        await session.execute(update(Deal).where(Deal.id == deal_id).values(seller_id=agency.boris.user_id))
        await session.commit()
    with pytest.raises(NotFound):
        await agency.services.policies.card(agency.anna, policy_id)
    assert (await agency.services.policies.card(agency.boris, policy_id)).decides


async def test_a_refusal_is_not_taken_back_on_a_closed_deal(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    policy_id = await register(agency, agency.anna, deal_id)
    [payment] = await agency.rows(select(Payment.id))
    await agency.services.money.client_paid(agency.anna, payment)
    await agency.services.deals.close(agency.anna, deal_id, "ended", "finished")
    with pytest.raises(Invalid, match="Reopen it first"):
        await agency.services.policies.clear_outcome(agency.anna, policy_id)


async def test_a_lost_policy_leaves_the_deal_at_the_calculation_that_is_still_asked(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    policy_id = await register(agency, agency.anna, deal_id)
    await agency.services.policies.start_renewal(agency.anna, policy_id)
    due = "2026-03-03T18:00"
    await agency.services.tasks.give(agency.anna, deal_id, TaskKind.CALCULATE, agency.egor.user_id, due)
    await agency.services.policies.set_outcome(agency.anna, policy_id, PolicyOutcome.LOST, CloseReason.PRICE)
    assert (await one(agency, Deal, deal_id)).stage is DealStage.CALCULATING


async def test_an_expense_added_by_hand_outlives_a_corrected_premium_and_an_agreed_one_follows_it(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    await agency.services.deals.add_expense(agency.anna, deal_id, "client_discount", percent="10")
    policy_id = await register(agency, agency.anna, deal_id, plan="halves")
    second = (await agency.rows(select(Payment.id).order_by(Payment.seq)))[1]
    await agency.services.money.add_expense(
        agency.anna, second, ExpenseKind.PARTNER_FEE, amount=Decimal(700), payee="Олег"
    )
    await agency.services.policies.correct(agency.anna, policy_id, premium=Decimal(80000), plan="full")
    rows = await agency.rows(select(Expense).order_by(Expense.expected_amount))
    assert [(row.kind, row.payee, row.expected_amount) for row in rows] == [
        (ExpenseKind.PARTNER_FEE, "Олег", Decimal(700)),
        (ExpenseKind.CLIENT_DISCOUNT, "", Decimal(8000)),
    ]
