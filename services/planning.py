"""Reminders planned in the transaction that makes them necessary, and cancelled in the one that answers them."""

from models.enums import ReminderKind
from models.tables import Deal, Payment, Policy, Task
from storage.uow import Transaction


async def plan_policy(tx: Transaction, policy: Policy) -> None:
    """Plan (again) the ladder before and after a policy's end for the deal's seller."""


async def plan_payment(tx: Transaction, payment: Payment) -> None:
    """Plan (again) the reminders of an unpaid payment; a settled or waived one has none."""


async def plan_review(tx: Transaction, deal: Deal) -> None:
    """Plan (again) the reminder of the deal's review date; a closed deal has none."""


async def plan_task(tx: Transaction, task: Task) -> None:
    """Plan (again) the reminders of a task as its status wants: not accepted, due soon, overdue, unanswered."""


async def cancel(tx: Transaction, kind: ReminderKind, object_id: int, *, answer: str | None = None) -> None:
    """Cancel what is still planned for an object; what was sent is marked answered when an answer is given."""
