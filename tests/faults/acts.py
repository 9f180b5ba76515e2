"""What people of the machine may do, as the handlers of its updates: names and plain arguments in, service calls out.

An act says whose it is by right, so that the machine can tell a gift from a theft.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from models.enums import CloseReason, ExpenseKind, PolicyOutcome, TaskKind
from services.access import Actor
from services.deals import DealDraft
from services.documents import Incoming
from services.registry import Services
from services.rules.deal_line import ClientDraft

Do = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Act:
    """One kind of update. `whose` names the right that it needs on `about`; `commits` how many transactions it is."""

    do: Do
    whose: str
    about: str
    commits: int = 1


ACTS: dict[str, Act] = {}


def act(whose: str, about: str, commits: int = 1) -> Callable[[Do], Do]:
    """Register a handler. Rights: owner, works (the assignee), edits (who calculates), sees, admin, sender, oneself."""

    def register(do: Do) -> Do:
        ACTS[do.__name__] = Act(do, whose, about, commits)
        return do

    return register


def _sum(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


# --- deals --------------------------------------------------------------------------------------------------------


@act("seller", "nothing")
async def make(on: Services, who: Actor, name: str, phone: str, line: int, title: str) -> Any:
    return await on.deals.open_with_client(who, ClientDraft(name, phones=(phone,)), DealDraft(line, title))


@act("owner", "client")
async def make_again(on: Services, who: Actor, client: int, line: int, title: str) -> Any:
    return await on.deals.open(who, client, DealDraft(line, title))


@act("owner", "deal")
async def postpone(on: Services, who: Actor, deal: int, day: str) -> Any:
    return await on.deals.postpone(who, deal, day)


@act("owner", "deal")
async def to_next_event(on: Services, who: Actor, deal: int) -> Any:
    return await on.deals.to_next_event(who, deal)


@act("owner", "deal")
async def close(on: Services, who: Actor, deal: int, outcome: str) -> Any:
    return await on.deals.close(who, deal, outcome, "price", "they said so")


@act("owner", "deal")
async def reopen(on: Services, who: Actor, deal: int) -> Any:
    return await on.deals.reopen(who, deal)


@act("owner", "deal")
async def set_executor(on: Services, who: Actor, deal: int, person: int | None) -> Any:
    return await on.deals.set_executor(who, deal, person)


@act("owner", "deal")
async def correct_object(on: Services, who: Actor, deal: int, title: str) -> Any:
    return await on.deals.change(who, deal, "title", title)


@act("owner", "deal")
async def agree_expense(on: Services, who: Actor, deal: int, percent: str) -> Any:
    return await on.deals.add_expense(who, deal, "client_discount", percent=percent)


@act("sees", "deal")
async def write(on: Services, who: Actor, deal: int, words: str) -> Any:
    return await on.journal.add(who, deal, words)


@act("sees", "deal")
async def file(on: Services, who: Actor, deal: int, name: str, content: str) -> Any:
    filed = await on.documents.file(who, deal, Incoming(name, content.encode(), "application/pdf"))
    return [filed.document_id, filed.name]


@act("sender", "document")
async def put_away(on: Services, who: Actor, document: int) -> Any:
    return await on.documents.delete(who, document)


@act("owner", "client")
async def merge(on: Services, who: Actor, client: int, into: int) -> Any:
    return await on.clients.merge(who, client, into)


# --- tasks --------------------------------------------------------------------------------------------------------


@act("owner", "deal")
async def assign(on: Services, who: Actor, deal: int, kind: str, person: int, due: str) -> Any:
    return await on.tasks.give(who, deal, TaskKind(kind), person, due, "please")


@act("works", "task")
async def accept(on: Services, who: Actor, task: int) -> Any:
    return await on.tasks.accept(who, task)


@act("works", "task")
async def ask(on: Services, who: Actor, task: int) -> Any:
    return await on.tasks.ask(who, task, "which year?")


@act("owner", "task")
async def answer(on: Services, who: Actor, task: int) -> Any:
    return await on.tasks.answer(who, task, "the last one")


@act("works", "task")
async def wait(on: Services, who: Actor, task: int) -> Any:
    return await on.tasks.wait_insurer(who, task)


@act("works", "task")
async def resume(on: Services, who: Actor, task: int) -> Any:
    return await on.tasks.resume(who, task)


@act("works", "task")
async def refuse(on: Services, who: Actor, task: int) -> Any:
    return await on.tasks.refuse(who, task, "on leave")


@act("works", "task")
async def finish(on: Services, who: Actor, task: int) -> Any:
    return await on.tasks.finish(who, task)


@act("owner", "task")
async def return_(on: Services, who: Actor, task: int) -> Any:
    return await on.tasks.return_(who, task, "the wrong car")


@act("owner", "task")
async def call_off(on: Services, who: Actor, task: int) -> Any:
    return await on.tasks.cancel(who, task, "not needed")


@act("owner", "task")
async def reassign(on: Services, who: Actor, task: int, person: int) -> Any:
    return await on.tasks.reassign(who, task, person)


# --- variants -----------------------------------------------------------------------------------------------------


@act("edits", "deal")
async def enter(on: Services, who: Actor, deal: int, lines: str) -> Any:
    return await on.variants.add_lines(who, deal, lines)


@act("edits", "deal", commits=2)
async def enter_and_hand_in(on: Services, who: Actor, deal: int, lines: str) -> Any:
    await on.variants.add_lines(who, deal, lines)
    return await on.variants.hand_in(who, deal)


@act("hands_in", "deal")
async def hand_in(on: Services, who: Actor, deal: int) -> Any:
    return await on.variants.hand_in(who, deal)


@act("edits", "variant")
async def drop_variant(on: Services, who: Actor, variant: int) -> Any:
    return await on.variants.delete(who, variant)


@act("owner", "variant")
async def choose(on: Services, who: Actor, variant: int) -> Any:
    return await on.variants.choose(who, variant)


@act("owner", "variant", commits=2)
async def choose_and_assign(on: Services, who: Actor, variant: int, deal: int, person: int, due: str) -> Any:
    await on.variants.choose(who, variant)
    return await on.tasks.give(who, deal, TaskKind.ISSUE, person, due)


@act("hands_in", "variant")
async def decline(on: Services, who: Actor, variant: int) -> Any:
    return await on.variants.decline(who, variant)


# --- policies -----------------------------------------------------------------------------------------------------


@act("sees", "deal")
async def register(
    on: Services, who: Actor, deal: int, number: str, insurer: int, premium: str, starts: str, ends: str, plan: str,
    variant: int | None,
) -> Any:  # fmt: skip
    return await on.policies.register(
        who, deal, number=number, insurer_id=insurer, premium=Decimal(premium), starts_on=date.fromisoformat(starts),
        ends_on=date.fromisoformat(ends), plan=plan, variant_id=variant,
    )  # fmt: skip


@act("sees", "policy")
async def correct(
    on: Services, who: Actor, policy: int, premium: str | None = None, plan: str | None = None,
    starts: str | None = None, ends: str | None = None,
) -> Any:  # fmt: skip
    return await on.policies.correct(
        who, policy, premium=_sum(premium), plan=plan, starts_on=_day(starts), ends_on=_day(ends)
    )


@act("owner", "policy")
async def renew(on: Services, who: Actor, policy: int) -> Any:
    return await on.policies.start_renewal(who, policy)


@act("owner", "policy")
async def lose(on: Services, who: Actor, policy: int) -> Any:
    return await on.policies.set_outcome(who, policy, PolicyOutcome.LOST, CloseReason.PRICE)


@act("owner", "policy")
async def change_mind(on: Services, who: Actor, policy: int) -> Any:
    return await on.policies.clear_outcome(who, policy)


@act("owner", "policy")
async def cancel_policy(on: Services, who: Actor, policy: int) -> Any:
    return await on.policies.cancel(who, policy, "sold the car")


@act("owner", "policy")
async def think(on: Services, who: Actor, policy: int, days: int) -> Any:
    return await on.reminders.thinking(who, policy, days)


# --- money --------------------------------------------------------------------------------------------------------


@act("sees", "payment")
async def pay(on: Services, who: Actor, payment: int, amount: str | None, day: str | None) -> Any:
    return await on.money.client_paid(who, payment, _sum(amount), _day(day))


@act("owner", "payment", commits=2)
async def pay_and_move_on(on: Services, who: Actor, payment: int, deal: int) -> Any:
    await on.money.client_paid(who, payment)
    return await on.deals.to_next_event(who, deal)


@act("sees", "payment")
async def confirm(on: Services, who: Actor, payment: int) -> Any:
    return await on.money.insurer_confirmed(who, payment)


@act("sees", "payment")
async def promise(on: Services, who: Actor, payment: int, day: str) -> Any:
    return await on.money.promise(who, payment, date.fromisoformat(day))


@act("owner", "payment")
async def shift(on: Services, who: Actor, payment: int, day: str) -> Any:
    return await on.money.shift_due(who, payment, date.fromisoformat(day))


@act("owner", "payment")
async def put_off(on: Services, who: Actor, payment: int, days: int) -> Any:
    return await on.reminders.put_off_payment(who, payment, days)


@act("owner", "payment")
async def waive(on: Services, who: Actor, payment: int) -> Any:
    return await on.money.waive(who, payment, "a gift")


@act("owner", "payment")
async def restore(on: Services, who: Actor, payment: int) -> Any:
    return await on.money.restore(who, payment)


@act("owner", "income")
async def receive(on: Services, who: Actor, income: int, amount: str | None) -> Any:
    return await on.money.commission_received(who, income, _sum(amount))


@act("owner", "income")
async def expect(on: Services, who: Actor, income: int, amount: str) -> Any:
    return await on.money.set_expected(who, income, Decimal(amount))


@act("owner", "policy")
async def set_rate(on: Services, who: Actor, policy: int, percent: str) -> Any:
    return await on.money.set_rate(who, policy, Decimal(percent))


@act("owner", "payment")
async def add_expense(on: Services, who: Actor, payment: int, amount: str) -> Any:
    return await on.money.add_expense(who, payment, ExpenseKind.PARTNER_FEE, amount=Decimal(amount))


@act("owner", "expense")
async def remove_expense(on: Services, who: Actor, expense: int) -> Any:
    return await on.money.remove_expense(who, expense)


@act("owner", "expense")
async def pay_out(on: Services, who: Actor, expense: int, amount: str | None) -> Any:
    return await on.money.expense_paid(who, expense, _sum(amount))


@act("enterer", "move")
async def undo(on: Services, who: Actor, move: int) -> Any:
    return await on.money.undo(who, move)


# --- people -------------------------------------------------------------------------------------------------------


@act("admin", "nothing")
async def set_roles(on: Services, who: Actor, person: int, roles: list[str]) -> Any:
    return await on.people.set_roles(who, person, roles)


@act("admin", "nothing")
async def block(on: Services, who: Actor, person: int) -> Any:
    return await on.people.block(who, person)


@act("admin", "nothing")
async def unblock(on: Services, who: Actor, person: int) -> Any:
    return await on.people.unblock(who, person)


@act("admin", "nothing")
async def hand_over(on: Services, who: Actor, person: int, to: int, role: str) -> Any:
    return await on.people.hand_over(who, person, to, role)


@act("owner", "deal")
async def hand_over_deal(on: Services, who: Actor, deal: int, to: int) -> Any:
    return await on.people.hand_over_deal(who, deal, to)


@act("oneself", "nothing")
async def stop_the_bot(on: Services, who: Actor) -> Any:
    return await on.people.blocked_bot(who)


@act("oneself", "nothing")
async def start_the_bot(on: Services, who: Actor) -> Any:
    return await on.people.seen(who)
