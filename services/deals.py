"""Deals: opened, looked at, postponed, closed and reopened."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from models.enums import (
    CloseReason,
    DealOutcome,
    DealStage,
    ExpenseKind,
    PaymentStatus,
    PolicyOutcome,
    PolicyStatus,
    ReminderKind,
    ReviewReason,
    Role,
)
from models.scope import Scope
from models.tables import (
    Deal,
    DealExpense,
    JournalEntry,
    LineOfBusiness,
    Payment,
    Policy,
    Task,
    User,
    Variant,
)
from services import planning, tasks, touch
from services.access import ANYBODY, SELLERS, Actor, Service, command, query
from services.clients import add_client
from services.errors import AlreadyDone, Forbidden, Invalid, NotFound
from services.rules.calendar import next_working_day
from services.rules.deal_line import ClientDraft
from services.rules.ladders import SHORT_POLICY_DAYS
from services.rules.reading import clean_text, read_plate, read_vin
from services.rules.stages import after_reopened
from services.rules.statuses import payment_status, policy_status
from storage.deal_card import DealTotals
from storage.deals import Desk
from storage.uow import Transaction

TITLE_LIMIT, ADDRESS_LIMIT, NOTE_LIMIT = 200, 300, 4000
FARTHEST_REVIEW = 366 * 5
"""Days ahead to which a deal may be put off: more is a slip of the hand."""

CARD_POLICIES, CARD_PAYMENTS, CARD_JOURNAL = 4, 3, 3


class DealFilter(StrEnum):
    """Which deals a list shows."""

    MINE = "mine"
    OVERDUE = "overdue"
    TODAY = "today"
    IN_FORCE = "in_force"
    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class DealDraft:
    """The insured object of a deal as a person types it; the plate and the VIN are read strictly."""

    line_id: int
    title: str
    vin: str = ""
    plate: str = ""
    address: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class PolicyBrief:
    """A policy with the status that it has today."""

    policy: Policy
    status: PolicyStatus


@dataclass(frozen=True, slots=True)
class PaymentBrief:
    """A payment that the client owes with the status that it has today."""

    payment: Payment
    status: PaymentStatus


@dataclass(frozen=True, slots=True)
class DealView:
    """Everything that a deal's card shows to this viewer on this day.

    `own` tells whether he may change the deal as its seller does; `sees_money` whether commission and expenses are
    shown to him.
    """

    deal: Deal
    today: date
    own: bool
    sees_money: bool
    totals: DealTotals
    chosen: Variant | None
    policies: list[PolicyBrief]
    unpaid: list[PaymentBrief]
    tasks: list[Task]
    agreed: list[DealExpense]
    journal: list[JournalEntry]
    journal_total: int

    @property
    def overdue(self) -> bool:
        return self.deal.stage is not DealStage.CLOSED and self.deal.review_on < self.today


@dataclass(frozen=True, slots=True)
class DealPage:
    """A page of a list, by next touch: what is overdue comes first by itself."""

    rows: list[Deal]
    total: int
    today: date


class DealService(Service):
    """What people do with a deal as a whole."""

    @query(ANYBODY)
    async def find_number(self, tx: Transaction, actor: Actor, number: int) -> int:
        """The id of the deal with this number. Raises NotFound."""
        deal = await tx.deals.by_number(actor.scope, number)
        if deal is None:
            raise NotFound
        return deal.id

    @query(ANYBODY)
    async def lines(self, tx: Transaction, actor: Actor) -> list[LineOfBusiness]:  # noqa: ARG002
        """Lines of business that a deal may be opened in."""
        return await tx.dictionaries.lines()

    @query(ANYBODY)
    async def desk(self, tx: Transaction, actor: Actor) -> Desk:
        """What waits for the actor, in numbers: his own work, or everybody's for an admin who has none."""
        return await tx.deals.desk(own_scope(actor), actor.user_id, actor.day(tx.now), SHORT_POLICY_DAYS)

    @query(ANYBODY)
    async def card(self, tx: Transaction, actor: Actor, deal_id: int) -> DealView:
        """Everything about a deal that fits one screen. Raises NotFound."""
        found = await tx.deals.card(
            actor.scope, deal_id, policies=CARD_POLICIES, payments=CARD_PAYMENTS, journal=CARD_JOURNAL
        )
        if found is None:
            raise NotFound
        today = actor.day(tx.now)
        own = actor.owns(found.deal)
        return DealView(
            deal=found.deal,
            today=today,
            own=own,
            sees_money=own,
            totals=found.totals,
            chosen=found.chosen,
            policies=[
                PolicyBrief(
                    row,
                    policy_status(row.starts_on, row.ends_on, row.outcome, today, max(planning.ladder_of(row.line))),
                )
                for row in found.policies
            ],
            unpaid=[
                PaymentBrief(row, payment_status(row.due_on, row.amount, row.paid_amount, False, today))
                for row in found.unpaid
            ],
            tasks=found.tasks,
            agreed=found.agreed if own else [],
            journal=found.journal,
            journal_total=found.journal_total,
        )

    @query(ANYBODY)
    async def heading(self, tx: Transaction, actor: Actor, deal_id: int) -> Deal:
        """A deal with its client, line and people, for a message that only tells of it. Raises NotFound."""
        found = await tx.deals.get(actor.scope, deal_id)
        if found is None:
            raise NotFound
        return found

    @query(ANYBODY)
    async def page(self, tx: Transaction, actor: Actor, filter_: str, offset: int, limit: int) -> DealPage:
        """A page of the actor's deals by next touch; an admin who sells nothing looks at everybody's."""
        today = actor.day(tx.now)
        kind = DealFilter(filter_)
        stages = {DealFilter.IN_FORCE: DealStage.IN_FORCE, DealFilter.CLOSED: DealStage.CLOSED}
        rows, total = await tx.deals.page(
            actor.scope if kind is DealFilter.ALL else own_scope(actor),
            stage=stages.get(kind),
            before=today if kind is DealFilter.OVERDUE else None,
            on=today if kind is DealFilter.TODAY else None,
            offset=offset,
            limit=limit,
        )
        return DealPage(rows, total, today)

    @command(SELLERS)
    async def open(self, tx: Transaction, actor: Actor, client_id: int, draft: DealDraft) -> int:
        """Open a deal for a client. Raises NotFound, Forbidden, Invalid, Unreadable."""
        client = await tx.clients.lock(actor.scope, client_id)
        if client is None:
            raise NotFound
        if not actor.owns(client):
            raise Forbidden
        return (await _open(tx, actor, client_id, draft)).id

    @command(SELLERS)
    async def open_with_client(self, tx: Transaction, actor: Actor, client: ClientDraft, draft: DealDraft) -> int:
        """Open a deal for a client who is new: both or neither. Raises Invalid, Unreadable."""
        row = await add_client(tx, actor, client)
        return (await _open(tx, actor, row.id, draft)).id

    @command(SELLERS)
    async def postpone(self, tx: Transaction, actor: Actor, deal_id: int, on: str) -> str:
        """Set the next touch by hand (ISO date); returns the date it has now: a nearer event may have come first.

        Raises NotFound, Forbidden, AlreadyDone (closed), Invalid.
        """
        deal = await own_open_deal(tx, actor, deal_id)
        today, day = actor.day(tx.now), date.fromisoformat(on)
        if day < today:
            raise Invalid("The next touch cannot be in the past. Choose today or a later day.")
        if (day - today).days > FARTHEST_REVIEW:
            raise Invalid("This is more than five years ahead. Choose a nearer day.")
        before = deal.review_on
        await planning.cancel(tx, ReminderKind.REVIEW, deal.id, answer="postponed")
        await touch.recompute(tx, deal, set_by_hand=day)
        return _touched(tx, deal, before, "deal.postponed", "deal_postponed")

    @command(SELLERS)
    async def to_next_event(self, tx: Transaction, actor: Actor, deal_id: int) -> str:
        """Say that what was on the table is handled: the deal goes to its next event; returns its date.

        Raises NotFound, Forbidden, AlreadyDone (closed).
        """
        deal = await own_open_deal(tx, actor, deal_id)
        before = deal.review_on
        await planning.cancel(tx, ReminderKind.REVIEW, deal.id, answer="next_event")
        await touch.recompute(tx, deal, handled=True)
        return _touched(tx, deal, before, "deal.next_event", "deal_to_next_event")

    @command(SELLERS)
    async def close(
        self, tx: Transaction, actor: Actor, deal_id: int, outcome: str, reason: str, note: str = ""
    ) -> None:
        """Close a deal: open tasks are called off, reminders stop, policies nobody decided about are not renewed.

        Money that the client still owes must be settled or waived first, and a deal with a policy in force can only
        be closed as ended: it was not lost. Raises NotFound, Forbidden, AlreadyDone, Invalid, Unreadable.
        """
        deal = await own_open_deal(tx, actor, deal_id)
        result, why = DealOutcome(outcome), CloseReason(reason)
        today = actor.day(tx.now)
        if await tx.deals.next_unpaid(deal.id, 1):
            raise Invalid("The client still owes an instalment here. Mark it paid or waive it, then close the deal.")
        policies = await tx.deals.unresolved_policies(deal.id)
        live = [policy for policy in policies if policy.ends_on >= today]
        if live and result is not DealOutcome.ENDED:
            raise Invalid(
                "Policy {number} is in force until {day}. Close the deal as ended, or have the policy cancelled first.",
                number=live[0].number,
                day=f"{live[0].ends_on:%d.%m.%Y}",
            )
        before = deal.stage
        deal.stage, deal.outcome, deal.close_reason = DealStage.CLOSED, result, why
        deal.close_note = clean_text(note, 500) if note.strip() else ""
        deal.closed_at, deal.renewal_of_id = tx.now, None
        deal.review_by_hand = deal.review_set_on = None
        for policy in policies:
            policy.outcome, policy.outcome_reason, policy.outcome_on = PolicyOutcome.LOST, why, today
            await planning.plan_policy(tx, policy)
            tx.audit("policy.outcome", "policy", policy.id, deal_id=deal.id, outcome=[None, PolicyOutcome.LOST.value])
        await tasks.cancel_open_tasks(tx, deal, deal.close_note)
        await planning.cancel(tx, ReminderKind.REVIEW, deal.id, answer="closed")
        await touch.recompute(tx, deal)
        changes: dict[str, Any] = {"outcome": result.value, "reason": why.value}
        tx.audit("deal.closed", "deal", deal.id, deal_id=deal.id, stage=[before.value, "closed"], **changes)
        tx.event(deal.id, "deal_closed", **changes, note=deal.close_note)
        if deal.seller_id != actor.user_id:
            tx.notify(deal.seller_id, "deal_closed", deal_id=deal.id, deal=deal.id)

    @command(SELLERS)
    async def reopen(self, tx: Transaction, actor: Actor, deal_id: int) -> None:
        """Open a closed deal again, at the stage its papers are at, to be looked at today.

        Raises NotFound, Forbidden, AlreadyDone.
        """
        deal = await own_deal(tx, actor, deal_id)
        if deal.stage is not DealStage.CLOSED:
            raise AlreadyDone
        today = actor.day(tx.now)
        stage = after_reopened(has_policy=await tx.deals.has_live_policy(deal.id, today))
        deal.stage, deal.outcome, deal.close_reason, deal.close_note = stage, None, None, ""
        deal.closed_at = None
        deal.review_on, deal.review_reason, deal.review_object_id = today, ReviewReason.REOPENED, None
        tx.audit("deal.reopened", "deal", deal.id, deal_id=deal.id, stage=["closed", stage.value])
        tx.event(deal.id, "deal_reopened")
        await planning.plan_review(tx, deal)

    @query(SELLERS)
    async def executors(
        self,
        tx: Transaction,
        actor: Actor,  # noqa: ARG002
        offset: int,
        limit: int,
    ) -> tuple[list[User], int]:
        """A page of the people who can be a deal's executor, by name; and how many they are."""
        found = await tx.people.colleagues(Role.EXECUTOR, limit, offset=offset)
        return found, await tx.people.how_many(Role.EXECUTOR)

    @command(SELLERS)
    async def set_executor(self, tx: Transaction, actor: Actor, deal_id: int, user_id: int | None) -> None:
        """Choose who calculates and issues on this deal, or nobody. Raises as `close` does."""
        deal = await own_open_deal(tx, actor, deal_id)
        if deal.executor_id == user_id:
            return
        executor = await tx.people.get(user_id) if user_id is not None else None
        if user_id is not None and (executor is None or not executor.active or Role.EXECUTOR not in executor.roles):
            raise Invalid("This person is not an executor any more. Choose somebody else.")
        before, deal.executor_id = deal.executor_id, user_id
        tx.audit("deal.executor", "deal", deal.id, deal_id=deal.id, executor=[before, user_id])
        tx.event(deal.id, "executor_set", name=executor.full_name if executor else "")
        if executor is not None and executor.id != actor.user_id:
            tx.notify(executor.id, "deal_assigned", deal_id=deal.id, deal=deal.id)

    @command(SELLERS)
    async def change(self, tx: Transaction, actor: Actor, deal_id: int, field: str, text: str) -> None:
        """Correct the insured object: title, plate, vin or address as typed; the empty text clears all but the title.

        Raises NotFound, Forbidden, AlreadyDone (closed), Invalid, Unreadable.
        """
        deal = await own_open_deal(tx, actor, deal_id)
        text = text.strip()
        before = getattr(deal, field) if field in {"title", "plate", "vin", "address"} else None
        match field:
            case "title":
                deal.title = _title(text)
            case "plate":
                deal.plate = read_plate(text) if text else None
            case "vin":
                deal.vin = read_vin(text) if text else None
            case "address":
                deal.address = clean_text(text, ADDRESS_LIMIT) if text else None
            case _:
                raise Invalid("This cannot be done.")
        tx.audit("deal.changed", "deal", deal.id, deal_id=deal.id, **{field: [before, getattr(deal, field)]})

    @command(SELLERS)
    async def add_expense(
        self,
        tx: Transaction,
        actor: Actor,
        deal_id: int,
        kind: str,
        *,
        percent: str | None = None,
        amount: str | None = None,
        payee: str = "",
    ) -> int:
        """Agree on an expense before there is a policy: a percent of each payment, or a sum with the first one.

        Raises NotFound, Forbidden, AlreadyDone (closed), Invalid.
        """
        deal = await own_open_deal(tx, actor, deal_id)
        row = DealExpense(
            deal_id=deal.id,
            kind=ExpenseKind(kind),
            payee=" ".join(clean_text(payee, 200).split()) if payee.strip() else "",
            percent=Decimal(percent) if percent is not None else None,
            amount=Decimal(amount) if amount is not None else None,
        )
        value = row.percent if row.percent is not None else row.amount
        if (row.percent is None) == (row.amount is None) or value is None or value <= 0 or (row.percent or 0) > 100:
            raise Invalid("An expense is a sum or a percentage of the premium. For example: 3000 or 10%")
        await tx.add(row)
        told = {"expense_kind": kind, "percent": percent, "amount": amount, "payee": row.payee}
        tx.audit("deal_expense.added", "deal_expense", row.id, deal_id=deal.id, **told)
        return row.id

    @command(SELLERS)
    async def remove_expense(self, tx: Transaction, actor: Actor, deal_id: int, expense_id: int) -> None:
        """Take an agreed expense back; what was copied onto payments stays.

        Raises NotFound, Forbidden, AlreadyDone (closed, or taken back before).
        """
        await own_open_deal(tx, actor, deal_id)
        row = await tx.deals.expense(deal_id, expense_id)
        if row is None:
            raise AlreadyDone
        await tx.session.delete(row)
        tx.audit("deal_expense.removed", "deal_expense", expense_id, deal_id=deal_id)


def own_scope(actor: Actor) -> Scope:
    """The deals that are a person's own work: an admin who also sells or calculates has such, another has all."""
    if actor.is_admin and not actor.roles & {Role.SELLER, Role.EXECUTOR}:
        return actor.scope
    return Scope(user_id=actor.user_id, as_seller=Role.SELLER in actor.roles, as_executor=Role.EXECUTOR in actor.roles)


async def own_deal(tx: Transaction, actor: Actor, deal_id: int) -> Deal:
    """The deal, held, for somebody who decides about it. Raises NotFound, Forbidden."""
    deal = await tx.deals.lock(actor.scope, deal_id)
    if deal is None:
        raise NotFound
    if not actor.owns(deal):
        raise Forbidden
    return deal


async def own_open_deal(tx: Transaction, actor: Actor, deal_id: int) -> Deal:
    """The same for a deal that is not closed. Raises NotFound, Forbidden, AlreadyDone."""
    deal = await own_deal(tx, actor, deal_id)
    if deal.stage is DealStage.CLOSED:
        raise AlreadyDone
    return deal


def _title(text: str) -> str:
    return " ".join(clean_text(text, TITLE_LIMIT).split())


async def _open(tx: Transaction, actor: Actor, client_id: int, draft: DealDraft) -> Deal:
    line = await tx.dictionaries.line(draft.line_id)
    if line is None or not line.active:
        raise Invalid("There is no such line of business any more. Choose another.")
    deal = Deal(
        client_id=client_id,
        line_id=line.id,
        title=_title(draft.title) if draft.title.strip() else line.name,
        seller_id=actor.user_id,
        review_on=next_working_day(actor.day(tx.now)),
        review_reason=ReviewReason.NEW_DEAL,
        vin=read_vin(draft.vin) if draft.vin.strip() else None,
        plate=read_plate(draft.plate) if draft.plate.strip() else None,
        address=clean_text(draft.address, ADDRESS_LIMIT) if draft.address.strip() else None,
    )
    await tx.add(deal)
    await tx.session.refresh(deal, ["number"])
    tx.audit("deal.opened", "deal", deal.id, deal_id=deal.id, number=deal.number, client=client_id, line=line.code)
    tx.event(deal.id, "deal_opened")
    if draft.note.strip():
        text = clean_text(draft.note, NOTE_LIMIT)
        await tx.add(JournalEntry(deal_id=deal.id, author_id=actor.user_id, text=text))
    await planning.plan_review(tx, deal)
    return deal


def _touched(tx: Transaction, deal: Deal, before: date, action: str, event: str) -> str:
    on = deal.review_on.isoformat()
    tx.audit(action, "deal", deal.id, deal_id=deal.id, review_on=[before.isoformat(), on])
    if deal.review_on != before:
        tx.event(deal.id, event, on=on, review=deal.review_reason.value)
    return on
