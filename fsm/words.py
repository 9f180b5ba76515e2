"""The field's own words for the closed vocabularies, and one way to write money, days and moments."""

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_date

from fsm.i18n import _, language, ngettext
from models import enums
from services.errors import N_
from services.rules.plans import PaymentPlan, PlanKind

ROLE = {
    enums.Role.SELLER: N_("seller"),
    enums.Role.EXECUTOR: N_("executor"),
    enums.Role.ADMIN: N_("admin"),
}
STAGE = {
    enums.DealStage.COLLECTING: N_("collecting papers"),
    enums.DealStage.CALCULATING: N_("being calculated"),
    enums.DealStage.CHOOSING: N_("choosing a variant"),
    enums.DealStage.ISSUING: N_("being issued"),
    enums.DealStage.IN_FORCE: N_("in force, waiting for events"),
    enums.DealStage.CLOSED: N_("closed"),
}
DEAL_OUTCOME = {
    enums.DealOutcome.LOST: N_("lost"),
    enums.DealOutcome.CANCELLED: N_("cancelled"),
    enums.DealOutcome.ENDED: N_("ended"),
}
CLOSE_REASON = {
    enums.CloseReason.PRICE: N_("too expensive"),
    enums.CloseReason.COMPETITOR: N_("went to another broker"),
    enums.CloseReason.SOLD_OBJECT: N_("object sold"),
    enums.CloseReason.NO_NEED: N_("no need any more"),
    enums.CloseReason.NO_ANSWER: N_("does not answer"),
    enums.CloseReason.SERVICE: N_("unhappy with the service"),
    enums.CloseReason.REFUSED_BY_INSURER: N_("insurers refused"),
    enums.CloseReason.DUPLICATE: N_("duplicate"),
    enums.CloseReason.FINISHED: N_("work finished"),
    enums.CloseReason.OTHER: N_("other reason"),
}
REVIEW_REASON = {
    enums.ReviewReason.NEW_DEAL: N_("new deal"),
    enums.ReviewReason.POLICY_END: N_("policy ends"),
    enums.ReviewReason.PAYMENT_DUE: N_("instalment due"),
    enums.ReviewReason.BY_HAND: N_("set by hand"),
    enums.ReviewReason.TASK: N_("task"),
    enums.ReviewReason.REOPENED: N_("reopened"),
    enums.ReviewReason.NOTHING_AHEAD: N_("nothing is ahead: close it or set a day"),
}
TASK_KIND = {
    enums.TaskKind.CALCULATE: N_("calculation"),
    enums.TaskKind.ISSUE: N_("policy issue"),
    enums.TaskKind.OTHER: N_("errand"),
}
TASK_STATUS = {
    enums.TaskStatus.QUEUED: N_("not accepted yet"),
    enums.TaskStatus.ACCEPTED: N_("in work"),
    enums.TaskStatus.QUESTION: N_("waits for an answer"),
    enums.TaskStatus.WAITING_INSURER: N_("waits for the insurer"),
    enums.TaskStatus.DONE: N_("done"),
    enums.TaskStatus.RETURNED: N_("returned for rework"),
    enums.TaskStatus.CANCELLED: N_("task cancelled"),
}
VARIANT_STATUS = {
    enums.VariantStatus.DRAFT: N_("draft"),
    enums.VariantStatus.OFFERED: N_("offered"),
    enums.VariantStatus.CHOSEN: N_("chosen"),
    enums.VariantStatus.NOT_SELECTED: N_("not selected"),
    enums.VariantStatus.EXPIRED: N_("no longer valid"),
    enums.VariantStatus.DECLINED_BY_INSURER: N_("declined by the insurer"),
}
POLICY_STATUS = {
    enums.PolicyStatus.PENDING: N_("starts later"),
    enums.PolicyStatus.ACTIVE: N_("active"),
    enums.PolicyStatus.EXPIRING: N_("ends soon"),
    enums.PolicyStatus.EXPIRED: N_("expired with no outcome"),
    enums.PolicyStatus.RENEWED: N_("renewed"),
    enums.PolicyStatus.MOVED: N_("moved to another insurer"),
    enums.PolicyStatus.LOST: N_("not renewed"),
    enums.PolicyStatus.CANCELLED: N_("policy cancelled"),
}
PAYMENT_STATUS = {
    enums.PaymentStatus.PLANNED: N_("planned"),
    enums.PaymentStatus.DUE: N_("due soon"),
    enums.PaymentStatus.OVERDUE: N_("overdue"),
    enums.PaymentStatus.PARTLY_PAID: N_("partly paid"),
    enums.PaymentStatus.PAID: N_("paid"),
    enums.PaymentStatus.WAIVED: N_("waived"),
}
EXPENSE_KIND = {
    enums.ExpenseKind.CLIENT_DISCOUNT: N_("client's discount"),
    enums.ExpenseKind.EXECUTOR_FEE: N_("executor's fee"),
    enums.ExpenseKind.PARTNER_FEE: N_("partner's fee"),
    enums.ExpenseKind.OTHER: N_("other expense"),
}
INCOME_STATUS = {
    enums.IncomeStatus.EXPECTED: N_("expected"),
    enums.IncomeStatus.RECEIVED: N_("received"),
    enums.IncomeStatus.DISPUTED: N_("disputed"),
    enums.IncomeStatus.REVERSED: N_("taken back by the insurer"),
    enums.IncomeStatus.WRITTEN_OFF: N_("written off"),
}
DOCUMENT_KIND = {
    enums.DocumentKind.PASSPORT: N_("passport"),
    enums.DocumentKind.VEHICLE: N_("vehicle papers"),
    enums.DocumentKind.DRIVER_LICENCE: N_("driving licence"),
    enums.DocumentKind.POLICY: N_("policy"),
    enums.DocumentKind.QUOTE: N_("quote"),
    enums.DocumentKind.RECEIPT: N_("receipt"),
    enums.DocumentKind.PHOTO: N_("photo"),
    enums.DocumentKind.VOICE: N_("voice"),
    enums.DocumentKind.VIDEO: N_("video"),
    enums.DocumentKind.OTHER: N_("paper"),
}

NO_BREAK = "\u00a0"


def money(amount: Decimal) -> str:
    """A sum in roubles as people write it: `54 300 ₽`, kopecks only where there are any."""
    whole, _point, fraction = f"{amount:,.2f}".partition(".")
    spaced = whole.replace(",", NO_BREAK)
    return f"{spaced}{NO_BREAK}₽" if fraction == "00" else f"{spaced},{fraction}{NO_BREAK}₽"


@lru_cache(4096)
def day(value: date, today: date | None = None) -> str:
    """A date as `14.03.2027`; without the year when it is the year of `today`."""
    return f"{value:%d.%m}" if today is not None and value.year == today.year else f"{value:%d.%m.%Y}"


def weekday(value: date, today: date | None = None) -> str:
    """A date with its day of the week: `пт, 14 марта`; with its year when it is not the year of `today`."""
    year = "" if today is None or value.year == today.year else " y"
    return _date(value, f"EEE, d MMMM{year}", language())


@lru_cache(4096)
def _date(value: date, pattern: str, locale: str) -> str:
    return str(format_date(value, pattern, locale=locale))


def moment(value: datetime, zone: ZoneInfo, today: date) -> str:
    """A moment in the reader's time zone: `14.03 15:20`; with its year when it is not the year of `today`."""
    here = value.astimezone(zone)
    return f"{here:%d.%m %H:%M}" if here.year == today.year else f"{here:%d.%m.%Y %H:%M}"


def in_days(value: date, today: date) -> str:
    """How far a day is: today, tomorrow, in 5 days, 3 days ago."""
    distance = (value - today).days
    if distance == 0:
        return _("today")
    if distance == 1:
        return _("tomorrow")
    if distance > 0:
        return ngettext("in {n} day", "in {n} days", distance).format(n=distance)
    return ngettext("{n} day ago", "{n} days ago", -distance).format(n=-distance)


def plan(value: PaymentPlan) -> str:
    """A payment plan as it is said: one payment, 50/50, 6 monthly payments."""
    if value.kind is PlanKind.FULL:
        return _("one payment")
    if value.kind is PlanKind.HALVES:
        return "50/50"
    if value.kind is PlanKind.QUARTERS:
        return f"4{NO_BREAK}×{NO_BREAK}25{NO_BREAK}%"
    if value.kind is PlanKind.MONTHLY:
        return ngettext("{n} monthly payment", "{n} monthly payments", value.payments).format(n=value.payments)
    return ngettext("{n} payment", "{n} payments", value.payments).format(n=value.payments)


def capital(text: str) -> str:
    """The text as the beginning of a line; what is capital within it («СК») stays so."""
    return text[:1].upper() + text[1:]
