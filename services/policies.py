"""Policies: registered from a variant with their whole money plan, renewed, moved, lost, cancelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from models.enums import (
    CloseReason,
    DealStage,
    ExpenseKind,
    ExpenseStatus,
    IncomeStatus,
    PolicyOutcome,
    PolicyStatus,
    RateKind,
    ReminderKind,
    TaskKind,
    VariantStatus,
)
from models.tables import Deal, DealExpense, Expense, Income, Insurer, LineOfBusiness, Payment, Policy, Variant
from models.values.money import MAX_SUM, quantise, split_by_shares
from models.values.period import add_months, policy_end
from services import planning, tasks, touch
from services.access import ADMINS, ANYBODY, SELLERS, Actor, Service, command, query
from services.errors import AlreadyDone, Forbidden, Invalid, NotFound
from services.rules.ladders import SHORT_POLICY_DAYS, end_steps, last_safe_day
from services.rules.plans import PaymentPlan, PlanKind, PlannedPayment, PlanRow, check_term, custom, plan_payments
from services.rules.rates import best_rate, commissions
from services.rules.reading import Unreadable, echo, policy_number
from services.rules.stages import after_policy_registered, after_renewal_started
from services.rules.statuses import policy_status
from services.rules.variant_lines import alias_key
from storage.deals import ENDING_AHEAD
from storage.money import Sums
from storage.uow import Transaction

NUMBER_LIMIT = 40
PAGE = 8
SOON = timedelta(days=ENDING_AHEAD)
COMMISSION_LAG = timedelta(days=30)
"""Insurers pay commission by the statement of the month after the client has paid."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a new policy will most likely be; only its number has to be typed."""

    deal: Deal
    variant: Variant | None
    previous: Policy | None
    insurer_id: int | None
    premium: Decimal | None
    starts_on: date
    ends_on: date
    plan: str
    sum_insured: Decimal | None


@dataclass(frozen=True, slots=True)
class PolicyCard:
    """A policy with what is computed about it; `money` is None for those who see no commission."""

    policy: Policy
    status: PolicyStatus
    safe_day: date
    files: int
    previous: Policy | None
    successor: Policy | None
    registered_by: str
    decides: bool
    money: Sums | None


@dataclass(frozen=True, slots=True)
class EndingPolicy:
    """A line of the list of policies that end."""

    policy: Policy
    status: PolicyStatus
    days_left: int


@dataclass(frozen=True, slots=True)
class Rate:
    """A frozen price of the insurer's thanks."""

    kind: RateKind
    value: Decimal


# --- what other services and the money share ----------------------------------------------------------------------


def steps_of(line: LineOfBusiness) -> Sequence[int]:
    """The days before the end on which this line is reminded of: its own, or its family's."""
    return line.steps or end_steps(line.ladder)


def status_of(policy: Policy, today: date) -> PolicyStatus:
    """The computed status of a policy loaded with its line."""
    return policy_status(policy.starts_on, policy.ends_on, policy.outcome, today, max(steps_of(policy.line)))


async def lock_policy(tx: Transaction, actor: Actor, policy_id: int, *, owner: bool = True) -> tuple[Deal, Policy]:
    """Hold a policy and its deal (always the deal first, so that two commands cannot wait for each other)."""
    deal_id = await tx.policies.deal_of(actor.scope, policy_id)
    deal = None if deal_id is None else await tx.deals.lock(actor.scope, deal_id)
    policy = None if deal is None else await tx.policies.lock(policy_id)
    if deal is None or policy is None:
        raise NotFound
    if owner and not actor.owns(deal):
        raise Forbidden(f"policy {policy_id} is of a deal of seller {deal.seller_id}")
    return deal, policy


async def write_off(tx: Transaction, payment: Payment, reason: str) -> None:
    """Nothing more is expected of a payment: neither from the client, nor of its commission and expenses.

    What has already come or gone stays; commission of a partly paid payment is still expected.
    """
    payment.waived_at = tx.now
    payment.waived_reason = reason
    await expect_nothing(tx, payment)
    await planning.plan_payment(tx, payment)


async def expect_nothing(tx: Transaction, payment: Payment) -> None:
    """Of a written-off payment that nobody has paid anything of neither commission nor an expense is expected."""
    if not payment.paid_amount:
        for income in await tx.money.incomes(payment.id):
            if income.status is IncomeStatus.EXPECTED and not income.received_amount:
                income.status = IncomeStatus.WRITTEN_OFF
        for expense in await tx.money.expenses(payment.id):
            if expense.status is ExpenseStatus.EXPECTED and not expense.paid_amount:
                expense.status = ExpenseStatus.WRITTEN_OFF


# --- steps of registering -----------------------------------------------------------------------------------------


def _read_plan(code: str, premium: Decimal, starts_on: date, ends_on: date) -> list[PlannedPayment]:
    try:
        plan = PaymentPlan.from_code(code)
    except ValueError as error:
        raise Invalid("This payment plan is not known. Choose it again.") from error
    planned = plan_payments(premium, plan, starts_on)
    check_term((row.due for row in planned), ends_on)
    return planned


def _check_terms(premium: Decimal, starts_on: date, ends_on: date) -> None:
    if not 0 < premium <= MAX_SUM:
        raise Invalid("The premium must be more than zero.")
    if ends_on < starts_on:
        raise Invalid("The policy would end before it begins. Correct the dates.")
    if (ends_on - starts_on).days > 366 * 31:
        raise Invalid("A policy for more than thirty years is surely a typo. Correct the dates.")


async def _free_number(tx: Transaction, actor: Actor, deal: Deal, typed: str) -> str:
    """Normalise a number and refuse a taken one, naming its deal only to those who see that deal."""
    number = policy_number(typed)
    if len(number) > NUMBER_LIMIT:
        raise Invalid("A policy number has at most {limit} characters.", limit=NUMBER_LIMIT)
    taken = await tx.policies.by_number(number)
    if taken is None:
        return number
    if taken.deal_id == deal.id:
        raise Invalid("Policy {number} is already registered in this deal.", number=number)
    other = await tx.deals.get(actor.scope, taken.deal_id)
    if other is None:
        raise Invalid("Policy {number} is already registered. Check the number.", number=number)
    raise Invalid("Policy {number} is already registered in the deal № {deal}.", number=number, deal=other.number)


async def _freeze_rate(
    tx: Transaction, policy: Policy, variant: Variant | None, previous: Policy | None, today: date
) -> None:
    """Keep the rate of this sale: what the insurer said in the variant, else the most specific one of the table."""
    if variant and variant.commission_rate is not None and variant.insurer_id == policy.insurer_id:
        policy.rate_kind, policy.rate_value = RateKind.PERCENT, variant.commission_rate
        return
    rates = await tx.dictionaries.rates(policy.insurer_id)
    # New business for an insurer is what he did not have last year, whoever insured it then.
    renewal = previous is not None and previous.insurer_id == policy.insurer_id
    # A policy written down late was sold, at the latest, on the day it began.
    found = best_rate(rates, policy.insurer_id, policy.line_id, renewal, min(today, policy.starts_on))
    policy.rate_kind, policy.rate_value = (found.kind, found.value) if found else (None, None)


@dataclass(frozen=True, slots=True)
class OwnExpense:
    """An expense that somebody has put on an instalment himself."""

    seq: int
    kind: ExpenseKind
    payee: str
    amount: Decimal


def _shares(agreed: DealExpense, premium: Decimal, parts: Sequence[Decimal]) -> list[Decimal]:
    """How much of an expense agreed on the deal falls on each instalment; a sum falls on the first."""
    if agreed.percent is not None:
        return split_by_shares(quantise(premium * agreed.percent / 100), parts)
    return [agreed.amount or Decimal(0)]


def _expense(payment: Payment, kind: ExpenseKind, payee: str, amount: Decimal) -> Expense:
    # A discount is the client's at once; everybody else is paid when the commission has come.
    lag = timedelta() if kind is ExpenseKind.CLIENT_DISCOUNT else COMMISSION_LAG
    return Expense(
        payment_id=payment.id,
        deal_id=payment.deal_id,
        kind=kind,
        payee=payee,
        expected_on=payment.due_on + lag,
        expected_amount=amount,
    )


async def _added_by_hand(tx: Transaction, deal_id: int, payments: Sequence[Payment]) -> list[OwnExpense]:
    """The expenses of a plan that do not follow from what is agreed on the deal."""
    parts = [payment.amount for payment in payments]
    follows = [
        (payment.id, agreed.kind, agreed.payee, share)
        for agreed in await tx.policies.agreed_expenses(deal_id)
        for payment, share in zip(payments, _shares(agreed, sum(parts, Decimal(0)), parts), strict=False)
    ]
    found = []
    for payment in payments:
        for expense in payment.expenses:
            same = (payment.id, expense.kind, expense.payee, expense.expected_amount)
            if same in follows:
                follows.remove(same)
            elif expense.status is ExpenseStatus.EXPECTED:
                found.append(OwnExpense(payment.seq, expense.kind, expense.payee, expense.expected_amount))
    return found


async def _lay_out_money(
    tx: Transaction, policy: Policy, planned: Sequence[PlannedPayment], by_hand: Sequence[OwnExpense] = ()
) -> None:
    """Make the payments, and beside each its expected commission and the expenses agreed on the deal or by hand."""
    payments = [
        Payment(policy_id=policy.id, deal_id=policy.deal_id, seq=row.seq, due_on=row.due, amount=row.amount)
        for row in planned
    ]
    tx.session.add_all(payments)
    await tx.session.flush()
    parts = [payment.amount for payment in payments]
    known = policy.rate_kind is not None and policy.rate_value is not None
    sums = commissions(parts, Rate(policy.rate_kind, policy.rate_value)) if known else None  # type: ignore[arg-type]
    for at, payment in enumerate(payments):
        tx.session.add(
            Income(
                payment_id=payment.id,
                deal_id=payment.deal_id,
                expected_on=payment.due_on + COMMISSION_LAG,
                expected_amount=sums[at] if sums else None,
            )
        )
    for agreed in await tx.policies.agreed_expenses(policy.deal_id):
        for payment, share in zip(payments, _shares(agreed, policy.premium, parts), strict=False):
            if share:
                tx.session.add(_expense(payment, agreed.kind, agreed.payee, share))
    for old in by_hand:
        tx.session.add(_expense(payments[min(old.seq, len(payments)) - 1], old.kind, old.payee, old.amount))
    await tx.session.flush()
    for payment in payments:
        await planning.plan_payment(tx, payment)


async def _choose(tx: Transaction, variant: Variant) -> None:
    """The policy is the proof that the client has picked this variant."""
    if variant.status is not VariantStatus.CHOSEN:
        tx.audit("variant.chosen", "variant", variant.id, deal_id=variant.deal_id, status=[variant.status, "chosen"])
        variant.status = VariantStatus.CHOSEN
        variant.chosen_at = tx.now
    await tx.policies.unselect_others(variant.deal_id, variant.id)


async def _replace(tx: Transaction, previous: Policy, policy: Policy, today: date) -> None:
    """The policy that ended has its outcome now, and is not reminded of any more."""
    outcome = PolicyOutcome.RENEWED if previous.insurer_id == policy.insurer_id else PolicyOutcome.MOVED
    if previous.outcome is not PolicyOutcome.CANCELLED:
        tx.audit(
            f"policy.{outcome}", "policy", previous.id, deal_id=previous.deal_id, outcome=[previous.outcome, outcome]
        )
        previous.outcome = outcome
        previous.outcome_reason = None
        previous.outcome_on = today
    await planning.cancel(tx, ReminderKind.POLICY_END, previous.id, answer=outcome.value)


async def _link_file(tx: Transaction, policy: Policy) -> int:
    """The only policy file of the deal that waits for its policy is this policy's; of two, a person says which."""
    files = await tx.policies.unlinked_files(policy.deal_id)
    if len(files) == 1:
        files[0].policy_id = policy.id
        return 1
    return 0


def _check_open(deal: Deal) -> None:
    """What puts something on somebody's list again needs a deal that is on a list."""
    if deal.stage is DealStage.CLOSED:
        raise Invalid("The deal is closed. Reopen it first.")


def _move_stage(tx: Transaction, deal: Deal, stage: DealStage) -> None:
    if deal.stage is not stage:
        tx.audit("deal.stage", "deal", deal.id, deal_id=deal.id, stage=[deal.stage, stage])
        deal.stage = stage


def _next_year(policy: Policy) -> str:
    """The same plan a year later: rows agreed by hand carry dates."""
    plan = PaymentPlan.from_code(policy.plan)
    if plan.kind is not PlanKind.CUSTOM:
        return plan.code
    return custom([PlanRow(add_months(row.due, 12), row.amount) for row in plan.rows]).code


class PolicyService(Service):
    """What people do with policies."""

    # --- registering ----------------------------------------------------------------------------------------------

    @query(ANYBODY)
    async def prefill(
        self,
        tx: Transaction,
        actor: Actor,
        deal_id: int,
        variant_id: int | None = None,
        previous_policy_id: int | None = None,
    ) -> Draft:
        """What is known of the policy to be: from the chosen variant, or from last year's policy. Raises NotFound."""
        deal = await tx.deals.get(actor.scope, deal_id)
        if deal is None:
            raise NotFound
        today = actor.day(tx.now)
        if variant_id is None:
            variant = await tx.policies.chosen_variant(deal_id)
        else:
            variant = await tx.policies.variant(deal_id, variant_id)
            if variant is None:
                raise NotFound
        wanted = previous_policy_id or deal.renewal_of_id
        previous = self._renewed_one(await tx.policies.of_deal(deal_id), wanted, today)
        starts_on = today + timedelta(days=1)
        if previous is not None:
            starts_on = max(starts_on, previous.ends_on + timedelta(days=1))
        source = variant or previous
        return Draft(
            deal=deal,
            variant=variant,
            previous=previous,
            insurer_id=source.insurer_id if source else None,
            premium=source.premium if source else None,
            starts_on=starts_on,
            ends_on=policy_end(starts_on),
            plan=variant.plan if variant else _next_year(previous) if previous else "full",
            sum_insured=source.sum_insured if source else None,
        )

    @query(ANYBODY)
    async def insurers(self, tx: Transaction, actor: Actor) -> list[Insurer]:  # noqa: ARG002 everybody's dictionary
        """The insurers to choose from, by name."""
        return await tx.dictionaries.insurers()

    @query(ANYBODY)
    async def insurer_named(self, tx: Transaction, actor: Actor, text: str) -> int:  # noqa: ARG002
        """The insurer that goes by a typed name. Raises Unreadable."""
        wanted = alias_key(text)
        for insurer in await tx.dictionaries.insurers():
            if wanted and wanted in {alias_key(name) for name in (insurer.name, *insurer.aliases)}:
                return insurer.id
        raise Unreadable(
            "I do not know the insurer «{name}». The list of insurers is kept by the admin.", name=echo(text)
        )

    @query(ANYBODY)
    async def check_number(self, tx: Transaction, actor: Actor, deal_id: int, number: str) -> str:
        """The number as it will be kept, told at once when it is taken. Raises Invalid, Unreadable, NotFound."""
        deal = await tx.deals.get(actor.scope, deal_id)
        if deal is None:
            raise NotFound
        return await _free_number(tx, actor, deal, number)

    @staticmethod
    def _renewed_one(policies: Sequence[Policy], wanted: int | None, today: date) -> Policy | None:
        """Which policy the next one replaces: the one that is meant, else one whose end is near or past."""
        replaced = (PolicyOutcome.RENEWED, PolicyOutcome.MOVED)
        for policy in policies:
            if policy.id == wanted and policy.outcome not in replaced:
                return policy
        ending = (PolicyStatus.EXPIRING, PolicyStatus.EXPIRED)
        return next((policy for policy in policies if status_of(policy, today) in ending), None)

    @command(ANYBODY)
    async def register(
        self,
        tx: Transaction,
        actor: Actor,
        deal_id: int,
        *,
        number: str,
        insurer_id: int,
        premium: Decimal,
        starts_on: date,
        ends_on: date,
        plan: str = "full",
        sum_insured: Decimal | None = None,
        variant_id: int | None = None,
        previous_policy_id: int | None = None,
    ) -> int:
        """Register a policy with its payments, expected commission and expenses; the deal goes to its next event.

        Raises NotFound, Invalid (number taken, dates, plan), AlreadyDone (the very same policy again).
        """
        deal = await tx.deals.lock(actor.scope, deal_id)
        if deal is None:
            raise NotFound
        premium, today = quantise(premium), actor.day(tx.now)
        same = await tx.policies.by_number(policy_number(number))
        if same and (same.deal_id, same.premium, same.starts_on) == (deal.id, premium, starts_on):
            raise AlreadyDone
        _check_open(deal)
        number = await _free_number(tx, actor, deal, number)
        _check_terms(premium, starts_on, ends_on)
        planned = _read_plan(plan, premium, starts_on, ends_on)
        variant = None if variant_id is None else await tx.policies.variant(deal.id, variant_id)
        insurer = await tx.dictionaries.insurer(insurer_id)
        if insurer is None or (variant_id is not None and variant is None):
            raise NotFound
        previous = await self._previous(tx, deal, previous_policy_id or deal.renewal_of_id)
        policy = Policy(
            number=number,
            deal_id=deal.id,
            client_id=deal.client_id,
            insurer_id=insurer_id,
            line_id=deal.line_id,
            premium=premium,
            starts_on=starts_on,
            ends_on=ends_on,
            registered_by_id=actor.user_id,
            plan=plan,
            variant_id=variant_id,
            sum_insured=sum_insured,
            previous_policy_id=previous.id if previous else None,
        )
        await _freeze_rate(tx, policy, variant, previous, today)
        # Somebody may have registered the number in another deal between our look and our write.
        if not await tx.policies.add(policy):
            raise Invalid("Policy {number} is already registered. Check the number.", number=number)
        await _lay_out_money(tx, policy, planned)
        if variant is not None:
            await _choose(tx, variant)
        if previous is not None:
            await _replace(tx, previous, policy, today)
        files = await _link_file(tx, policy)
        for kind in (TaskKind.ISSUE, TaskKind.CALCULATE):  # what the policy came of needs no calculation any more
            await tasks.close_open_task(tx, deal.id, kind)
        _move_stage(tx, deal, after_policy_registered())
        deal.renewal_of_id = None
        await planning.plan_policy(tx, policy)
        await touch.recompute(tx, deal, handled=True)
        tx.event(
            deal.id, "policy_registered", number=number, insurer=insurer.name, premium=str(premium),
            ends_on=ends_on.isoformat(), policy_id=policy.id,
        )  # fmt: skip
        tx.audit(
            "policy.registered", "policy", policy.id, deal_id=deal.id, number=number, premium=premium,
            starts_on=starts_on, ends_on=ends_on, plan=plan, rate_kind=policy.rate_kind, rate_value=policy.rate_value,
        )  # fmt: skip
        if deal.seller_id != actor.user_id:
            tx.notify(
                deal.seller_id, "policy_registered", deal_id=deal.id, dedup_key=f"policy_registered:{policy.id}",
                policy_id=policy.id, policy_file_missing=not files,
            )  # fmt: skip
        return policy.id

    @staticmethod
    async def _previous(tx: Transaction, deal: Deal, policy_id: int | None) -> Policy | None:
        """The policy of this deal that the new one replaces."""
        if policy_id is None:
            return None
        previous = await tx.policies.lock(policy_id)
        if previous is None or previous.deal_id != deal.id:
            raise NotFound
        if previous.outcome in (PolicyOutcome.RENEWED, PolicyOutcome.MOVED):
            raise Invalid("Policy {number} has already been renewed.", number=previous.number)
        return previous

    @command(ANYBODY)
    async def correct(
        self,
        tx: Transaction,
        actor: Actor,
        policy_id: int,
        *,
        number: str | None = None,
        starts_on: date | None = None,
        ends_on: date | None = None,
        premium: Decimal | None = None,
        plan: str | None = None,
        insurer_id: int | None = None,
        sum_insured: Decimal | None = None,
    ) -> None:
        """Put a typo right; once money has been entered, only in the number, the dates and the sum insured."""
        deal, policy = await lock_policy(tx, actor, policy_id, owner=False)
        if number is not None and policy_number(number) != policy.number:
            number = await _free_number(tx, actor, deal, number)
        else:
            number = None
        given: dict[str, Any] = {
            "number": number, "starts_on": starts_on, "ends_on": ends_on, "plan": plan, "insurer_id": insurer_id,
            "premium": None if premium is None else quantise(premium), "sum_insured": sum_insured,
        }  # fmt: skip
        changed = {k: [getattr(policy, k), v] for k, v in given.items() if v not in (None, getattr(policy, k))}
        if not changed:
            raise AlreadyDone
        _check_terms(premium or policy.premium, starts_on or policy.starts_on, ends_on or policy.ends_on)
        payments = await tx.policies.payments(policy.id)
        entered = any(
            p.paid_amount or p.waived_at or any(
                i.received_amount or i.status is IncomeStatus.REVERSED for i in p.incomes
            ) or any(e.paid_amount for e in p.expenses)
            for p in payments
        )  # fmt: skip
        priced = changed.keys() & {"premium", "plan", "insurer_id"}
        if priced and (entered or policy.outcome is not None):
            raise Invalid("Money has already been entered on this policy: only its number and dates can be corrected.")
        for name, (_old, new) in changed.items():
            setattr(policy, name, new)
        if number is not None and not await tx.policies.flush_number():
            raise Invalid("Policy {number} is already registered. Check the number.", number=number)
        if not entered and policy.outcome is None and (priced or "starts_on" in changed):
            if "insurer_id" in changed:
                if await tx.dictionaries.insurer(policy.insurer_id) is None:
                    raise NotFound
                before = policy.previous_policy_id and await tx.policies.lock(policy.previous_policy_id)
                await _freeze_rate(tx, policy, None, before or None, actor.day(tx.now))
            planned = _read_plan(policy.plan, policy.premium, policy.starts_on, policy.ends_on)
            if priced:
                by_hand = await _added_by_hand(tx, deal.id, payments)
                await self._forget_money(tx, payments)
                await _lay_out_money(tx, policy, planned, by_hand)
            else:
                await self._shift_payments(tx, payments, planned)
        elif "ends_on" in changed:
            check_term((p.due_on for p in payments if p.settled_on is None and p.waived_at is None), policy.ends_on)
        await planning.plan_policy(tx, policy)
        await touch.recompute(tx, deal)
        tx.event(deal.id, "policy_corrected", number=policy.number, fields=sorted(changed), policy_id=policy.id)
        tx.audit("policy.corrected", "policy", policy.id, deal_id=deal.id, **changed)

    @staticmethod
    async def _forget_money(tx: Transaction, payments: Sequence[Payment]) -> None:
        """Take away a plan on which nothing has happened, so that another one takes its place."""
        for payment in payments:
            await planning.cancel(tx, ReminderKind.PAYMENT, payment.id)
        await tx.money.delete([payment.id for payment in payments])

    @staticmethod
    async def _shift_payments(tx: Transaction, payments: Sequence[Payment], planned: Sequence[PlannedPayment]) -> None:
        """The policy begins on another day: so do its payments, with everything that hangs on them."""
        for payment, row in zip(payments, planned, strict=True):
            shift = row.due - payment.due_on
            payment.due_on = row.due
            for income in payment.incomes:
                income.expected_on += shift
            for expense in payment.expenses:
                expense.expected_on += shift
            await planning.plan_payment(tx, payment)

    # --- looking --------------------------------------------------------------------------------------------------

    @query(ANYBODY)
    async def card(self, tx: Transaction, actor: Actor, policy_id: int) -> PolicyCard:
        """One policy with its payments and everything computed about it. Raises NotFound."""
        found = await tx.policies.card(actor.scope, policy_id)
        if found is None:
            raise NotFound
        policy, decides = found.policy, actor.owns(found.policy.deal)
        return PolicyCard(
            policy=policy,
            status=status_of(policy, actor.day(tx.now)),
            safe_day=last_safe_day(policy.ends_on, policy.line.ladder),
            files=found.files,
            previous=found.previous,
            successor=found.successor,
            registered_by=found.registered_by,
            decides=decides,
            money=await tx.money.sums(actor.day(tx.now), policy_id=policy_id) if decides else None,
        )

    @query(ANYBODY)
    async def of_deal(
        self, tx: Transaction, actor: Actor, deal_id: int, page: int = 0, *, size: int = PAGE
    ) -> tuple[list[EndingPolicy], int]:
        """A page of a deal's policies with their payments, the latest first, and their number. Raises NotFound."""
        if await tx.deals.get(actor.scope, deal_id) is None:
            raise NotFound
        today = actor.day(tx.now)
        rows = await tx.policies.of_deal(deal_id, page * size, size)
        total = await tx.policies.count_of_deal(deal_id)
        return [EndingPolicy(row, status_of(row, today), (row.ends_on - today).days) for row in rows], total

    @query(ANYBODY)
    async def ending(
        self, tx: Transaction, actor: Actor, page: int = 0, *, everything: bool = False, size: int = PAGE
    ) -> tuple[list[EndingPolicy], int]:
        """A page of policies that nobody has decided about: what has ended on top, then by nearest end; the total."""
        today = actor.day(tx.now)
        until = None if everything else today + SOON
        rows, total = await tx.policies.ending(actor.scope, until, SHORT_POLICY_DAYS, page * size, size)
        return [EndingPolicy(row, status_of(row, today), (row.ends_on - today).days) for row in rows], total

    @query(ANYBODY)
    async def expired_count(self, tx: Transaction, actor: Actor) -> int:
        """How many policies have ended with no outcome: the red number."""
        return await tx.policies.expired_count(actor.scope, actor.day(tx.now), SHORT_POLICY_DAYS)

    @query(ADMINS)
    async def without_rate(
        self, tx: Transaction, actor: Actor, page: int = 0, *, size: int = PAGE
    ) -> tuple[list[Policy], int]:
        """A page of policies whose commission nobody knows: «ставка не задана»; and their number."""
        return await tx.policies.without_rate(actor.scope, page * size, size)

    # --- deciding -------------------------------------------------------------------------------------------------

    @command(SELLERS)
    async def start_renewal(self, tx: Transaction, actor: Actor, policy_id: int) -> int:
        """«Считаем»: the same deal is calculated again, with last year's terms as the base draft; the draft's id."""
        deal, policy = await lock_policy(tx, actor, policy_id)
        _check_open(deal)
        if policy.outcome is not None or deal.renewal_of_id == policy.id:
            raise AlreadyDone
        if deal.renewal_of_id is not None:
            other = await tx.policies.lock(deal.renewal_of_id)
            raise Invalid(
                "The renewal of policy {number} is being calculated in this deal already.",
                number=other.number if other else "?",
            )
        deal.renewal_of_id = policy.id
        if deal.stage in (DealStage.IN_FORCE, DealStage.COLLECTING):
            _move_stage(tx, deal, after_renewal_started())
        base = None if policy.variant_id is None else await tx.policies.variant(deal.id, policy.variant_id)
        draft = Variant(
            deal_id=deal.id,
            number=await tx.policies.next_variant_number(deal.id),
            insurer_id=policy.insurer_id,
            premium=policy.premium,
            author_id=actor.user_id,
            product=base.product if base else "",
            sum_insured=policy.sum_insured,
            deductible=base.deductible if base else None,
            plan=_next_year(policy),
            comment=base.comment if base else "",
        )
        await tx.add(draft)
        await planning.cancel(tx, ReminderKind.POLICY_END, policy.id, answer="calculating")
        # Whoever calculates has taken it up; the ladder is silent until the last safe day, never beyond it.
        safe_day = last_safe_day(policy.ends_on, (await tx.session.get_one(LineOfBusiness, policy.line_id)).ladder)
        await planning.plan_policy(tx, policy, not_before=safe_day)
        await touch.recompute(tx, deal, handled=True)
        tx.event(deal.id, "renewal_started", number=policy.number, policy_id=policy.id, variant=draft.number)
        tx.audit("policy.renewal_started", "policy", policy.id, deal_id=deal.id, variant_id=draft.id)
        return draft.id

    @command(SELLERS)
    async def set_outcome(
        self, tx: Transaction, actor: Actor, policy_id: int, outcome: PolicyOutcome, reason: CloseReason
    ) -> None:
        """The client does not renew: why. Renewed and moved are set by registering the policy that follows."""
        if outcome is not PolicyOutcome.LOST:
            raise Invalid("Register the new policy: then this one gets its outcome by itself.")
        deal, policy = await lock_policy(tx, actor, policy_id)
        if policy.outcome is not None:
            raise AlreadyDone
        policy.outcome, policy.outcome_reason, policy.outcome_on = outcome, reason, actor.day(tx.now)
        await self._stop_renewal(tx, deal, policy)
        await planning.cancel(tx, ReminderKind.POLICY_END, policy.id, answer=outcome.value)
        await touch.recompute(tx, deal)
        tx.event(deal.id, "policy_lost", number=policy.number, reason=reason.value, policy_id=policy.id)
        tx.audit("policy.lost", "policy", policy.id, deal_id=deal.id, outcome=[None, outcome], reason=reason)

    @command(SELLERS)
    async def clear_outcome(self, tx: Transaction, actor: Actor, policy_id: int) -> None:
        """The client has changed his mind: the policy waits for a decision again."""
        deal, policy = await lock_policy(tx, actor, policy_id)
        if policy.outcome is None:
            raise AlreadyDone
        if policy.outcome is not PolicyOutcome.LOST:
            raise Invalid("Only a refusal can be taken back.")
        _check_open(deal)
        await self._reopen(tx, policy)
        await touch.recompute(tx, deal)
        tx.event(deal.id, "policy_reopened", number=policy.number, policy_id=policy.id)

    @command(SELLERS)
    async def cancel(self, tx: Transaction, actor: Actor, policy_id: int, reason: str) -> None:
        """Terminate a policy: what is unpaid is written off; the policy it had replaced is on the list again.

        Where the client has already paid, only an admin may (DOMAIN.md §6). Raises Forbidden, AlreadyDone.
        """
        deal, policy = await lock_policy(tx, actor, policy_id)
        if policy.outcome is PolicyOutcome.CANCELLED:
            raise AlreadyDone
        if policy.outcome is not None:
            raise Invalid("This policy has an outcome already.")
        payments = await tx.policies.payments(policy.id)
        paid = sum((payment.paid_amount for payment in payments), Decimal(0))
        if paid and not actor.is_admin:
            raise Invalid("The client has paid on this policy, so only an admin cancels it.")
        today = actor.day(tx.now)
        policy.outcome, policy.outcome_on = PolicyOutcome.CANCELLED, today
        for payment in payments:
            if payment.settled_on is None and payment.waived_at is None:
                await write_off(tx, payment, reason[:300])
        # It never came into force, so what it replaced is not renewed: forgetting that is the dearest mistake here.
        if policy.previous_policy_id is not None and (not paid or today <= policy.starts_on):
            previous = await tx.policies.lock(policy.previous_policy_id)
            if previous and previous.outcome in (PolicyOutcome.RENEWED, PolicyOutcome.MOVED):
                await self._reopen(tx, previous)
        await self._stop_renewal(tx, deal, policy)
        await planning.cancel(tx, ReminderKind.POLICY_END, policy.id, answer="cancelled")
        await touch.recompute(tx, deal)
        tx.event(deal.id, "policy_cancelled", number=policy.number, reason=reason, policy_id=policy.id)
        tx.audit("policy.cancelled", "policy", policy.id, deal_id=deal.id, reason=reason, paid=paid)

    @staticmethod
    async def _reopen(tx: Transaction, policy: Policy) -> None:
        tx.audit("policy.reopened", "policy", policy.id, deal_id=policy.deal_id, outcome=[policy.outcome, None])
        policy.outcome = policy.outcome_reason = policy.outcome_on = None
        await planning.plan_policy(tx, policy)

    @staticmethod
    async def _stop_renewal(tx: Transaction, deal: Deal, policy: Policy) -> None:
        """Nobody recalculates a policy that is lost or cancelled; an open task is its seller's to call off."""
        if deal.renewal_of_id == policy.id:
            deal.renewal_of_id = None
            if deal.stage is DealStage.CALCULATING:
                await tasks.fall_back(tx, deal, DealStage.IN_FORCE)
