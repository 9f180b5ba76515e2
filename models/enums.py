"""The closed vocabularies of the domain (DOMAIN.md §3 and §4); values are what the database stores."""

from enum import StrEnum


class Role(StrEnum):
    SELLER = "seller"
    EXECUTOR = "executor"
    ADMIN = "admin"


class ClientKind(StrEnum):
    PERSON = "person"
    COMPANY = "company"


class DealStage(StrEnum):
    COLLECTING = "collecting"
    CALCULATING = "calculating"
    CHOOSING = "choosing"
    ISSUING = "issuing"
    IN_FORCE = "in_force"
    CLOSED = "closed"


class DealOutcome(StrEnum):
    LOST = "lost"
    CANCELLED = "cancelled"
    ENDED = "ended"


class CloseReason(StrEnum):
    """Why a deal was closed or a policy not renewed: the dictionary the owner counts losses by."""

    PRICE = "price"
    COMPETITOR = "competitor"
    SOLD_OBJECT = "sold_object"
    NO_NEED = "no_need"
    NO_ANSWER = "no_answer"
    SERVICE = "service"
    REFUSED_BY_INSURER = "refused_by_insurer"
    DUPLICATE = "duplicate"
    FINISHED = "finished"
    OTHER = "other"


class ReviewReason(StrEnum):
    """Why the deal's next review date is what it is."""

    NEW_DEAL = "new_deal"
    POLICY_END = "policy_end"
    PAYMENT_DUE = "payment_due"
    BY_HAND = "by_hand"
    TASK = "task"
    REOPENED = "reopened"
    NOTHING_AHEAD = "nothing_ahead"


class TaskKind(StrEnum):
    CALCULATE = "calculate"
    ISSUE = "issue"
    OTHER = "other"


class TaskStatus(StrEnum):
    QUEUED = "queued"
    ACCEPTED = "accepted"
    QUESTION = "question"
    WAITING_INSURER = "waiting_insurer"
    DONE = "done"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class VariantStatus(StrEnum):
    DRAFT = "draft"
    OFFERED = "offered"
    CHOSEN = "chosen"
    NOT_SELECTED = "not_selected"
    EXPIRED = "expired"
    DECLINED_BY_INSURER = "declined_by_insurer"


class PolicyStatus(StrEnum):
    """Computed from dates and the outcome, never stored (DOMAIN.md §4)."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    RENEWED = "renewed"
    MOVED = "moved"
    LOST = "lost"
    CANCELLED = "cancelled"


class PolicyOutcome(StrEnum):
    """What a person decided about a policy that ends; stored."""

    RENEWED = "renewed"
    MOVED = "moved"
    LOST = "lost"
    CANCELLED = "cancelled"


class PaymentStatus(StrEnum):
    """Computed from the due date and what was paid, never stored."""

    PLANNED = "planned"
    DUE = "due"
    OVERDUE = "overdue"
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    WAIVED = "waived"


class IncomeKind(StrEnum):
    COMMISSION = "commission"
    BONUS = "bonus"


class IncomeStatus(StrEnum):
    EXPECTED = "expected"
    RECEIVED = "received"
    DISPUTED = "disputed"
    REVERSED = "reversed"
    WRITTEN_OFF = "written_off"


class ExpenseKind(StrEnum):
    CLIENT_DISCOUNT = "client_discount"
    EXECUTOR_FEE = "executor_fee"
    PARTNER_FEE = "partner_fee"
    OTHER = "other"


class ExpenseStatus(StrEnum):
    EXPECTED = "expected"
    PAID = "paid"
    DISPUTED = "disputed"
    REVERSED = "reversed"
    WRITTEN_OFF = "written_off"


class MoneyMoveKind(StrEnum):
    CLIENT_PAID = "client_paid"
    INSURER_CONFIRMED = "insurer_confirmed"
    COMMISSION_RECEIVED = "commission_received"
    COMMISSION_RETURNED = "commission_returned"
    EXPENSE_PAID = "expense_paid"


class RateScope(StrEnum):
    """Which sales a commission rate is for."""

    ANY = "any"
    NEW = "new"
    RENEWAL = "renewal"


class RateKind(StrEnum):
    PERCENT = "percent"
    FIXED = "fixed"


class DocumentKind(StrEnum):
    PASSPORT = "passport"
    VEHICLE = "vehicle"
    DRIVER_LICENCE = "driver_licence"
    POLICY = "policy"
    QUOTE = "quote"
    RECEIPT = "receipt"
    PHOTO = "photo"
    VOICE = "voice"
    VIDEO = "video"
    OTHER = "other"


class Ladder(StrEnum):
    """Families of lines that share reminder steps before a policy ends (DOMAIN.md §5)."""

    OSAGO = "osago"
    KASKO = "kasko"
    PERSONAL = "personal"
    CORPORATE = "corporate"


class TaskFilter(StrEnum):
    """Which open tasks a list shows: to do oneself, waited for from others, all that one may see."""

    MINE = "mine"
    GIVEN = "given"
    ALL = "all"


class ReminderKind(StrEnum):
    POLICY_END = "policy_end"
    PAYMENT = "payment"
    REVIEW = "review"
    TASK_NOT_ACCEPTED = "task_not_accepted"
    TASK_DUE_SOON = "task_due_soon"
    TASK_OVERDUE = "task_overdue"
    TASK_QUESTION = "task_question"
    DIGEST = "digest"


class ReminderStatus(StrEnum):
    PLANNED = "planned"
    SENT = "sent"
    ANSWERED = "answered"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class DeliveryStatus(StrEnum):
    """The life of an inbox or outbox row."""

    PENDING = "pending"
    DONE = "done"
    DEAD = "dead"
