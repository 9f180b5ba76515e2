"""What must be true of the books whatever people have done: the promises of DOMAIN.md, read from the database alone.

Each law yields what breaks it. The laws know the tables and the calendar and no service.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from models.values.period import days_of
from services.rules.calendar import next_working_day, not_later_working_day
from services.rules.ladders import SHORT_POLICY_DAYS
from storage.engine import Database

Row = dict[str, Any]
MOSCOW = ZoneInfo("Europe/Moscow")
TABLES = (
    "users", "clients", "deals", "deal_expenses", "tasks", "task_moves", "variants", "policies", "payments", "incomes",
    "expenses", "money_moves", "documents", "parcel_items", "reminders",
)  # fmt: skip
GROWING = ("audit_records", "outbox", "journal_entries")
"""Tables that are only written to: of these the new rows are read."""

OVER = {"done", "cancelled"}
RUNNING = {"queued", "accepted", "returned"}
TASK_KINDS = {
    "task_not_accepted": {"queued", "returned"},
    "task_due_soon": RUNNING,
    "task_overdue": RUNNING,
    "task_question": {"question"},
}
LAST_PAYMENT_STEP, LAST_END_STEP = timedelta(days=14), timedelta(days=30)


def day(text_: str) -> date:
    return date.fromisoformat(text_)


def moment(text_: str) -> datetime:
    return datetime.fromisoformat(text_)


@dataclass(frozen=True)
class Books:
    """Every row of the agency at one moment; of the growing tables those after the ids in `since`."""

    rows: dict[str, dict[int, Row]]
    now: datetime

    def __getattr__(self, table: str) -> dict[int, Row]:
        try:
            return self.rows[table]
        except KeyError:
            raise AttributeError(table) from None

    @classmethod
    async def open(cls, database: Database, now: datetime, since: dict[str, int] | None = None) -> "Books":
        parts = [f"'{table}', (SELECT jsonb_agg(to_jsonb(t)) FROM {table} t)" for table in TABLES]  # noqa: S608
        for table in GROWING:
            last = (since or {}).get(table, 0)
            parts.append(f"'{table}', (SELECT jsonb_agg(to_jsonb(t)) FROM {table} t WHERE id > {last})")  # noqa: S608
        async with database.engine.connect() as connection:
            found = await connection.scalar(text(f"SELECT jsonb_build_object({', '.join(parts)})::text"))
        told = json.loads(found or "{}", parse_float=Decimal)
        return cls({name: {row["id"]: row for row in rows or []} for name, rows in told.items()}, now)

    def of(self, table: str, **wanted: Any) -> list[Row]:
        """Rows with these values, in the order of their ids."""
        found = [row for row in self.rows[table].values() if all(row[key] == value for key, value in wanted.items())]
        return sorted(found, key=lambda row: int(row["id"]))

    @property
    def today(self) -> date:
        return self.now.astimezone(MOSCOW).date()

    def planned(self, kind: str, object_id: int) -> list[Row]:
        return self.of("reminders", kind=kind, object_id=object_id, status="planned")

    def open_tasks(self, deal_id: int) -> list[Row]:
        return [task for task in self.of("tasks", deal_id=deal_id) if task["status"] not in OVER]

    def payments_of(self, policy_id: int) -> list[Row]:
        return self.of("payments", policy_id=policy_id)

    def is_unpaid(self, payment: Row) -> bool:
        policy = self.policies[payment["policy_id"]]
        return payment["settled_on"] is None and payment["waived_at"] is None and policy["deleted_at"] is None

    def is_undecided(self, policy: Row) -> bool:
        return policy["outcome"] is None and policy["deleted_at"] is None

    def waits(self, reminder: Row) -> bool:
        """Whether what a reminder is about still waits for somebody."""
        kind, id_ = reminder["kind"], reminder["object_id"]
        if kind in TASK_KINDS:
            return self.tasks[id_]["status"] in TASK_KINDS[kind]
        if kind == "digest":
            return bool(self.users[id_]["active"])
        if self.deals[reminder["deal_id"]]["stage"] == "closed":
            return False
        if kind == "policy_end":
            return self.is_undecided(self.policies[id_])
        return kind == "review" or self.is_unpaid(self.payments[id_])


Law = Callable[[Books], Iterator[str]]
LAWS: list[Law] = []


def law(check: Law) -> Law:
    LAWS.append(check)
    return check


def broken(books: Books) -> list[str]:
    """Every breach of every law, under the law's name."""
    return [f"{check.__name__.replace('_', ' ')}: {what}" for check in LAWS for what in check(books)]


# --- whose things are ---------------------------------------------------------------------------------------------


@law
def every_thing_has_one_owner(b: Books) -> Iterator[str]:
    for deal in b.deals.values():
        if b.clients[deal["client_id"]]["deleted_at"] is not None:
            yield f"deal {deal['id']} is of a client who is no more"
    for table in ("policies", "documents"):
        for row in b.rows[table].values():
            if row["client_id"] != b.deals[row["deal_id"]]["client_id"]:
                yield f"{table} {row['id']} is of another client than its deal"
    for table, parent, key in (
        ("payments", "policies", "policy_id"),
        ("incomes", "payments", "payment_id"),
        ("expenses", "payments", "payment_id"),
    ):
        for row in b.rows[table].values():
            if row["deal_id"] != b.rows[parent][row[key]]["deal_id"]:
                yield f"{table} {row['id']} is of another deal than its {parent}"


@law
def who_is_to_be_reminded_is_who_works_on_it(b: Books) -> Iterator[str]:
    for row in b.of("reminders", status="planned"):
        if row["kind"] == "digest":
            concerned = {row["object_id"]}
        else:
            concerned = {b.deals[row["deal_id"]]["seller_id"]}
            if row["kind"] in TASK_KINDS:
                task = b.tasks[row["object_id"]]
                concerned |= {task["author_id"], task["assignee_id"]}
            concerned |= {user["id"] for user in b.users.values() if user["active"] and "admin" in user["roles"]}
        if row["recipient_id"] not in concerned:
            yield f"reminder {row['id']} ({row['kind']}) of somebody who has nothing to do with it"


# --- money --------------------------------------------------------------------------------------------------------


@law
def instalments_add_up_to_the_premium(b: Books) -> Iterator[str]:
    for policy in b.policies.values():
        total = sum(payment["amount"] for payment in b.payments_of(policy["id"]))
        if total != policy["premium"]:
            yield f"policy {policy['id']}: {total} instead of {policy['premium']}"


def _standing(b: Books, kind: str, **of: int) -> Decimal:
    return sum((row["amount"] for row in b.of("money_moves", kind=kind, undone_at=None, **of)), Decimal(0))


@law
def what_has_come_is_what_was_entered(b: Books) -> Iterator[str]:
    for row in b.payments.values():
        entered = _standing(b, "client_paid", payment_id=row["id"])
        if row["paid_amount"] != entered or not 0 <= row["paid_amount"] <= row["amount"]:
            yield f"payment {row['id']}: {row['paid_amount']} of {row['amount']}, entered {entered}"
        if (row["settled_on"] is not None) != (row["paid_amount"] == row["amount"]):
            yield f"payment {row['id']} is settled on {row['settled_on']} with {row['paid_amount']}/{row['amount']}"
        confirmed = _standing(b, "insurer_confirmed", payment_id=row["id"])
        if (row["confirmed_on"] is not None) != bool(confirmed):
            yield f"payment {row['id']} is confirmed on {row['confirmed_on']}, entered {confirmed}"
        if row["confirmed_on"] is not None and row["settled_on"] is None:
            yield f"payment {row['id']} has reached the insurer and was not paid"
    for row in b.incomes.values():
        entered = _standing(b, "commission_received", income_id=row["id"])
        if row["received_amount"] != entered:
            yield f"income {row['id']}: {row['received_amount']} received, entered {entered}"
        if (row["received_on"] is not None) != bool(entered):
            yield f"income {row['id']} came on {row['received_on']}, entered {entered}"
        full = entered > 0 and entered >= (row["expected_amount"] or 0)
        if row["status"] in {"expected", "received"} and (row["status"] == "received") != full:
            yield f"income {row['id']} is {row['status']} with {entered} of {row['expected_amount']}"
    for row in b.expenses.values():
        entered = _standing(b, "expense_paid", expense_id=row["id"])
        if row["paid_amount"] != entered or not 0 <= entered <= row["expected_amount"]:
            yield f"expense {row['id']}: {row['paid_amount']} of {row['expected_amount']}, entered {entered}"
        full = entered >= row["expected_amount"]
        if row["status"] in {"expected", "paid"} and (row["status"] == "paid") != full:
            yield f"expense {row['id']} is {row['status']} with {entered} of {row['expected_amount']}"


@law
def every_instalment_has_its_commission_expected_apart(b: Books) -> Iterator[str]:
    count = Counter(row["payment_id"] for row in b.of("incomes", kind="commission"))
    for payment in b.payments.values():
        if count[payment["id"]] != 1:
            yield f"payment {payment['id']} has {count[payment['id']]} commissions"


@law
def of_what_nobody_will_pay_nothing_is_expected(b: Books) -> Iterator[str]:
    for payment in b.payments.values():
        if payment["waived_at"] is None or payment["paid_amount"]:
            continue
        for row in b.of("incomes", payment_id=payment["id"], status="expected"):
            if not row["received_amount"]:
                yield f"income {row['id']} is expected of payment {payment['id']}, which is waived"
        for row in b.of("expenses", payment_id=payment["id"], status="expected"):
            if not row["paid_amount"]:
                yield f"expense {row['id']} is expected of payment {payment['id']}, which is waived"
    for policy in b.of("policies", outcome="cancelled"):
        for payment in b.payments_of(policy["id"]):
            if b.is_unpaid(payment):
                yield f"payment {payment['id']} is owed on a cancelled policy"


# --- the next touch and reminders ---------------------------------------------------------------------------------


@law
def every_open_deal_has_exactly_one_next_touch(b: Books) -> Iterator[str]:
    for deal in b.deals.values():
        if deal["stage"] == "closed":
            continue
        planned = b.planned("review", deal["id"])
        sellers = [row for row in planned if row["recipient_id"] == deal["seller_id"]]
        if len(sellers) != 1:
            who = [row["recipient_id"] for row in planned]
            yield f"deal {deal['id']} of {deal['seller_id']} has {len(planned)} planned reviews, for {who}"
            continue
        if sellers[0]["event_on"] != deal["review_on"]:
            yield f"deal {deal['id']} is to be seen {deal['review_on']}, reminded for {sellers[0]['event_on']}"
        latest = max(day(deal["review_on"]), next_working_day(b.today))
        if day(sellers[0]["local_date"]) > latest:
            yield f"deal {deal['id']} is to be seen {deal['review_on']}, reminded {sellers[0]['local_date']}"


@law
def the_next_touch_is_not_after_what_happens_next(b: Books) -> Iterator[str]:
    for deal in b.deals.values():
        if deal["stage"] == "closed":
            continue
        unpaid = [row for row in b.of("payments", deal_id=deal["id"]) if b.is_unpaid(row)]
        undecided = [row for row in b.of("policies", deal_id=deal["id"]) if b.is_undecided(row)]
        events = [row["promised_on"] or row["due_on"] for row in unpaid] + [row["ends_on"] for row in undecided]
        for event in events:
            if event >= b.today.isoformat() and event > (deal["review_set_on"] or "") and deal["review_on"] > event:
                yield f"deal {deal['id']} is to be seen {deal['review_on']}, though {event} comes before"
        reasons = {"payment_due": unpaid, "policy_end": undecided}
        about = reasons.get(deal["review_reason"])
        if about is not None and deal["review_object_id"] not in {row["id"] for row in about}:
            yield f"deal {deal['id']} is to be seen for {deal['review_reason']} {deal['review_object_id']}: over"


@law
def nothing_is_reminded_of_after_its_answer(b: Books) -> Iterator[str]:
    for row in b.of("reminders", status="planned"):
        if not b.waits(row):
            yield f"reminder {row['id']} ({row['kind']} {row['object_id']}) of what is over"


@law
def nothing_that_waits_is_forgotten(b: Books) -> Iterator[str]:
    for payment in b.payments.values():
        deal = b.deals[payment["deal_id"]]
        last = not_later_working_day(day(payment["due_on"]) + LAST_PAYMENT_STEP)
        waits = b.is_unpaid(payment) and deal["stage"] != "closed" and last > b.today
        if waits and not any(row["recipient_id"] == deal["seller_id"] for row in b.planned("payment", payment["id"])):
            yield f"payment {payment['id']} due {payment['due_on']}"
    for policy in b.policies.values():
        deal = b.deals[policy["deal_id"]]
        last = not_later_working_day(day(policy["ends_on"]) + LAST_END_STEP)
        short = days_of(day(policy["starts_on"]), day(policy["ends_on"])) < SHORT_POLICY_DAYS
        waits = b.is_undecided(policy) and deal["stage"] != "closed" and last > b.today and not short
        if waits and not any(row["recipient_id"] == deal["seller_id"] for row in b.planned("policy_end", policy["id"])):
            yield f"policy {policy['id']} until {policy['ends_on']}"
    for task in b.tasks.values():
        told = b.of("reminders", kind="task_overdue", object_id=task["id"], recipient_id=task["assignee_id"])
        if task["status"] in RUNNING and moment(task["due_at"]) > b.now and not told:
            yield f"task {task['id']} due {task['due_at']}"


@law
def at_most_one_push_about_an_object_a_day_and_none_at_night(b: Books) -> Iterator[str]:
    pushes: Counter[tuple[str, int, int, str]] = Counter()
    for row in b.reminders.values():
        if row["sent_at"] is None:
            continue
        user = b.users[row["recipient_id"]]
        at = moment(row["sent_at"]).astimezone(ZoneInfo(user["time_zone"]))
        pushes[row["kind"], row["object_id"], row["recipient_id"], at.date().isoformat()] += 1
        if row["kind"] != "digest" and (at.hour >= user["quiet_from"] or at.hour < user["quiet_to"]):
            yield f"reminder {row['id']} ({row['kind']}) said at {at:%H:%M}"
    for key, times in pushes.items():
        if times > 1:
            yield f"{key} {times} times"


@law
def everybody_has_at_most_one_digest_ahead(b: Books) -> Iterator[str]:
    for user_id, count in Counter(
        row["recipient_id"] for row in b.of("reminders", kind="digest", status="planned")
    ).items():
        if count > 1:
            yield f"person {user_id} has {count}"


# --- stages -------------------------------------------------------------------------------------------------------


@law
def a_closed_deal_waits_for_nothing(b: Books) -> Iterator[str]:
    for deal in b.of("deals", stage="closed"):
        for task in b.open_tasks(deal["id"]):
            yield f"deal {deal['id']} has task {task['id']} {task['status']}"
        for payment in b.of("payments", deal_id=deal["id"]):
            if b.is_unpaid(payment):
                yield f"deal {deal['id']} has payment {payment['id']} unpaid"
        for policy in b.of("policies", deal_id=deal["id"]):
            if b.is_undecided(policy):
                yield f"deal {deal['id']} has policy {policy['id']} undecided"
        for row in b.of("reminders", deal_id=deal["id"], status="planned"):
            yield f"deal {deal['id']} has reminder {row['id']} ({row['kind']}) planned"
        if deal["renewal_of_id"] is not None:
            yield f"deal {deal['id']} is being renewed"


@law
def the_stage_agrees_with_what_was_done(b: Books) -> Iterator[str]:
    for deal in b.deals.values():
        asked = {task["kind"] for task in b.open_tasks(deal["id"])}
        variants = b.of("variants", deal_id=deal["id"], deleted_at=None)
        policies = b.of("policies", deal_id=deal["id"], deleted_at=None)
        issued = {policy["variant_id"] for policy in policies}
        why = {
            "collecting": not asked & {"calculate", "issue"},
            "calculating": "calculate" in asked or deal["renewal_of_id"] is not None,
            "choosing": any(variant["offered_at"] is not None for variant in variants),
            "issuing": any(
                task["kind"] == "issue" and task["status"] != "cancelled" for task in b.of("tasks", deal_id=deal["id"])
            )
            or any(variant["status"] == "chosen" and variant["id"] not in issued for variant in variants),
            "in_force": bool(policies) and not asked & {"calculate", "issue"},
            "closed": deal["outcome"] is not None and deal["closed_at"] is not None,
        }
        if not why[deal["stage"]]:
            yield f"deal {deal['id']} is {deal['stage']} with tasks {sorted(asked)} and {len(policies)} policies"


@law
def at_most_one_variant_waits_to_be_issued(b: Books) -> Iterator[str]:
    issued = {policy["variant_id"] for policy in b.policies.values() if policy["deleted_at"] is None}
    chosen = [row for row in b.of("variants", status="chosen", deleted_at=None) if row["id"] not in issued]
    for deal_id, count in Counter(row["deal_id"] for row in chosen).items():
        if count > 1:
            yield f"deal {deal_id} has {count}"


@law
def a_task_is_where_its_history_says(b: Books) -> Iterator[str]:
    last = {row["task_id"]: row["status"] for row in b.of("task_moves")}
    for task in b.tasks.values():
        if last.get(task["id"]) != task["status"]:
            yield f"task {task['id']} is {task['status']}, its last step {last.get(task['id'])}"
        if (task["finished_at"] is not None) != (task["status"] in OVER):
            yield f"task {task['id']} is {task['status']} and finished at {task['finished_at']}"


@law
def a_policy_that_was_replaced_has_its_successor(b: Books) -> Iterator[str]:
    successors = {row["previous_policy_id"] for row in b.of("policies", deleted_at=None)}
    for policy in b.policies.values():
        if policy["outcome"] in {"renewed", "moved"} and policy["id"] not in successors:
            yield f"policy {policy['id']} is {policy['outcome']} and nothing follows it"
    for deal in b.deals.values():
        if deal["renewal_of_id"] is not None:
            policy = b.policies[deal["renewal_of_id"]]
            if not b.is_undecided(policy) or policy["deal_id"] != deal["id"]:
                yield f"deal {deal['id']} renews policy {policy['id']}, which is {policy['outcome']}"
