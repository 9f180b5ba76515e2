"""Deals, seen through a scope, and the numbers that a deal's card shows."""

from dataclasses import dataclass, replace
from datetime import date
from functools import cache

from sqlalchemy import BigInteger, Date, Select, func, select
from sqlalchemy.orm import joinedload

from models.enums import DealStage, PolicyOutcome, VariantStatus
from models.scope import Scope
from models.tables import (
    Deal,
    DealExpense,
    Document,
    Payment,
    Policy,
    Task,
    Variant,
)
from storage import deal_card, deal_list
from storage.direct import given, ready
from storage.listing import listed
from storage.repository import (
    OPEN_TASK,
    UNPAID,
    Repository,
    awaited,
    far_enough,
    may_see_deal,
    number,
    of_live_policy,
    open_deals,
    up_to,
    up_to_many,
)


@dataclass(frozen=True, slots=True)
class Desk:
    """What waits for a person, in numbers; `ending` are policies that end soon or have ended undecided."""

    open: int
    overdue: int
    today: int
    tasks: int
    ending: int
    unpaid: int


ENDING_AHEAD, UNPAID_AHEAD = 60, 14
"""Days: as many as the lists open with to which these numbers lead."""


_PAPERS = ready(select(func.count()).where(Document.deal_id == given(1, BigInteger()), Document.deleted_at.is_(None)))


@cache
def _desk(scope: Scope, short: int, _far: int) -> str:
    """The statement of a desk's numbers for what such a person sees: who he is ($1) and his day ($2) come with each
    call; `_far` is how far they are counted.
    """
    viewer, today = given(1, BigInteger()), given(2, Date())
    deals = open_deals(scope, viewer)
    ending = select(Policy.id).where(
        awaited(Policy.deal_id, scope, deals),
        Policy.deleted_at.is_(None),
        Policy.outcome.is_(None),
        Policy.ends_on <= today + up_to(ENDING_AHEAD),
        Policy.ends_on - Policy.starts_on >= short - 1,
    )
    unpaid = select(Payment.id).where(
        awaited(Payment.deal_id, scope, deals),
        UNPAID,
        Payment.due_on <= today + up_to(UNPAID_AHEAD),
        of_live_policy(scope, viewer),
    )
    counted = (
        select(deals.c.id),
        select(deals.c.id).where(deals.c.review_on < today),
        select(deals.c.id).where(deals.c.review_on == today),
        select(Task.id).where(OPEN_TASK, Task.assignee_id == viewer),
        ending,
        unpaid,
    )
    return ready(select(*(up_to_many(rows, everybodys=scope.everything) for rows in counted)))


def visible_deals(scope: Scope) -> Select[Deal]:
    """The base of every statement about deals: what is outside the scope does not exist."""
    return select(Deal).where(may_see_deal(scope))


class Deals(Repository):
    async def get(self, scope: Scope, deal_id: int) -> Deal | None:
        """One deal with its client and phones, line, seller and executor: for reading, outside any session."""
        text = deal_card.heading_statement(scope.everything, scope.as_seller, scope.as_executor)
        found = await self.direct(text, deal_id, scope.user_id)
        return deal_card.read_heading(found[0]) if found else None

    async def lock(self, scope: Scope, deal_id: int) -> Deal | None:
        """One deal, held until the transaction ends, with its seller: what is planned for it is planned in his day."""
        return await self.one(
            visible_deals(scope)
            .where(Deal.id == deal_id)
            .options(joinedload(Deal.seller, innerjoin=True))
            .with_for_update(of=Deal)
        )

    async def by_number(self, scope: Scope, number: int) -> Deal | None:
        return await self.one(visible_deals(scope).where(Deal.number == number))

    async def page(
        self,
        scope: Scope,
        *,
        stage: DealStage | None = None,
        before: date | None = None,
        on: date | None = None,
        offset: int = 0,
        limit: int = 8,
    ) -> tuple[list[Deal], int]:
        """Deals with client and line, a page by next touch (closed ones by the day of closing), and how many.

        No stage means every open one; `before` and `on` are about the day of the next touch.
        """
        when, day = ("before", before) if before is not None else ("on", on) if on is not None else (None, None)
        text = deal_list.statement(replace(scope, user_id=0), stage, when, limit, far_enough(offset))
        return await listed(self, text, deal_list.SHAPE, scope.user_id, offset, *((day,) if when else ()))

    async def of_client(self, scope: Scope, client_id: int, limit: int) -> list[Deal]:
        """A client's deals with their lines, outside any session: open ones by next touch, then closed ones."""
        text = deal_list.of_client(replace(scope, user_id=0), limit)
        return [deal_list.OF_CLIENT.row(row) for row in await self.direct(text, scope.user_id, client_id)]

    async def desk(self, scope: Scope, user_id: int, today: date, short: int) -> Desk:
        """The numbers of the main menu in one round trip; policies for less than `short` days are not renewed."""
        text = _desk(replace(scope, user_id=0), short, far_enough(0))
        row = (await self.direct(text, user_id, today))[0]
        return Desk(*(number(counted) for counted in row))

    async def card(
        self, scope: Scope, deal_id: int, *, policies: int, payments: int, journal: int
    ) -> deal_card.DealCard | None:
        """All that a deal's card shows, in one round trip; of what may be many, the first few."""
        text = deal_card.statement(scope.everything, scope.as_seller, scope.as_executor, policies, payments, journal)
        found = await self.direct(text, deal_id, scope.user_id)
        return deal_card.read(found[0]) if found else None

    async def documents(self, deal_id: int) -> int:
        """How many papers a deal has."""
        return int((await self.direct(_PAPERS, deal_id))[0][0])

    async def chosen_variant(self, deal_id: int) -> Variant | None:
        """The variant that the client picked last, with its insurer."""
        return await self.one(
            select(Variant)
            .where(Variant.deal_id == deal_id, Variant.status == VariantStatus.CHOSEN, Variant.deleted_at.is_(None))
            .options(joinedload(Variant.insurer))
            .order_by(Variant.chosen_at.desc().nulls_last(), Variant.id.desc())
            .limit(1)
        )

    async def unresolved_policies(self, deal_id: int) -> list[Policy]:
        """Policies that nobody has decided about, held until the transaction ends."""
        return await self.many(
            select(Policy)
            .where(Policy.deal_id == deal_id, Policy.deleted_at.is_(None), Policy.outcome.is_(None))
            .order_by(Policy.ends_on, Policy.id)
            .with_for_update(of=Policy)
        )

    async def has_live_policy(self, deal_id: int, today: date) -> bool:
        """Whether something of the deal is or will be in force."""
        return (
            await self.one(
                select(Policy.id)
                .where(
                    Policy.deal_id == deal_id,
                    Policy.deleted_at.is_(None),
                    Policy.ends_on >= today,
                    Policy.outcome.is_distinct_from(PolicyOutcome.CANCELLED),
                )
                .limit(1)
            )
            is not None
        )

    async def next_unpaid(self, deal_id: int, limit: int) -> list[Payment]:
        """The nearest payments that the client owes, with their policies and insurers."""
        return await self.many(
            select(Payment)
            .join(Policy, Policy.id == Payment.policy_id)
            .where(Payment.deal_id == deal_id, UNPAID, Policy.deleted_at.is_(None))
            .options(joinedload(Payment.policy).joinedload(Policy.insurer))
            .order_by(Payment.due_on, Payment.id)
            .limit(limit)
        )

    async def open_tasks(self, deal_id: int) -> list[Task]:
        """What is still asked of somebody on the deal, with the assignee, by due."""
        return await self.many(
            select(Task)
            .where(Task.deal_id == deal_id, OPEN_TASK)
            .options(joinedload(Task.assignee))
            .order_by(Task.due_at, Task.id)
        )

    async def expenses(self, deal_id: int) -> list[DealExpense]:
        """Expenses agreed on the deal before any policy."""
        return await self.many(select(DealExpense).where(DealExpense.deal_id == deal_id).order_by(DealExpense.id))

    async def expense(self, deal_id: int, expense_id: int) -> DealExpense | None:
        return await self.one(
            select(DealExpense)
            .where(DealExpense.deal_id == deal_id, DealExpense.id == expense_id)
            .with_for_update(of=DealExpense)
        )
