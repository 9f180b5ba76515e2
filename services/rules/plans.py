"""Payment plans: what a client agrees to pay and when (DOMAIN.md §5)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Self

from models.values.money import MAX_SUM, quantise, split_evenly
from models.values.period import add_months
from services.rules.reading import RECENT, Unreadable, clean_text, echo, plain, read_date, read_sum

MIN_MONTHLY, MAX_MONTHLY = 2, 12
MAX_ROWS = 18  # the longest code that the column of a plan (500 characters) holds


class PlanKind(StrEnum):
    FULL = "full"
    HALVES = "halves"
    QUARTERS = "quarters"
    MONTHLY = "monthly"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True, order=True)
class PlanRow:
    """One agreed payment of a custom plan."""

    due: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class PlannedPayment:
    """One payment as it will be registered with the policy."""

    seq: int
    due: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class PaymentPlan:
    """A plan; `code` is the string that the database keeps, `from_code` its inverse."""

    kind: PlanKind
    months: int = 0
    rows: tuple[PlanRow, ...] = ()

    def __post_init__(self) -> None:
        monthly, custom = self.kind is PlanKind.MONTHLY, self.kind is PlanKind.CUSTOM
        if monthly != bool(self.months) or (monthly and not MIN_MONTHLY <= self.months <= MAX_MONTHLY):
            raise ValueError(f"{self.months} months do not make a {self.kind} plan")
        if custom != bool(self.rows) or len(self.rows) > MAX_ROWS:
            raise ValueError(f"{len(self.rows)} rows do not make a {self.kind} plan")

    @property
    def code(self) -> str:
        if self.kind is PlanKind.MONTHLY:
            return f"{self.kind}:{self.months}"
        if self.kind is PlanKind.CUSTOM:
            return f"{self.kind}:" + ";".join(f"{row.due.isoformat()}={quantise(row.amount)}" for row in self.rows)
        return self.kind.value

    @classmethod
    def from_code(cls, code: str) -> Self:
        """Read a stored code; ValueError on anything else, since no person types these."""
        name, _, rest = code.partition(":")
        kind = PlanKind(name)
        if kind is PlanKind.MONTHLY:
            return cls(kind, months=int(rest))
        if kind is not PlanKind.CUSTOM:
            return cls(kind)
        try:
            pairs = [row.split("=") for row in rest.split(";")]
            return cls(kind, rows=tuple(PlanRow(date.fromisoformat(due), Decimal(amount)) for due, amount in pairs))
        except InvalidOperation as error:
            raise ValueError(f"Not a plan code: {code!r}") from error

    @property
    def payments(self) -> int:
        """How many payments there are."""
        fixed = {PlanKind.FULL: 1, PlanKind.HALVES: 2, PlanKind.QUARTERS: 4}
        return fixed.get(self.kind) or self.months or len(self.rows)

    @property
    def step_months(self) -> int:
        """How many months lie between two payments of a preset."""
        return {PlanKind.HALVES: 6, PlanKind.QUARTERS: 3, PlanKind.MONTHLY: 1}.get(self.kind, 0)


FULL = PaymentPlan(PlanKind.FULL)
HALVES = PaymentPlan(PlanKind.HALVES)
QUARTERS = PaymentPlan(PlanKind.QUARTERS)
PRESETS = (FULL, HALVES, QUARTERS)


def monthly(months: int) -> PaymentPlan:
    """Make a plan of equal monthly payments."""
    return PaymentPlan(PlanKind.MONTHLY, months=months)


def custom(rows: Sequence[PlanRow]) -> PaymentPlan:
    """Make a plan of rows agreed by hand."""
    return PaymentPlan(PlanKind.CUSTOM, rows=tuple(sorted(rows)))


def plan_payments(premium: Decimal, plan: PaymentPlan, start: date) -> list[PlannedPayment]:
    """Lay a plan out in dates and sums; the sums add up to the premium exactly."""
    if plan.kind is PlanKind.CUSTOM:
        check_custom(plan.rows, premium)
        return [PlannedPayment(seq, row.due, row.amount) for seq, row in enumerate(plan.rows, 1)]
    amounts = split_evenly(premium, plan.payments)
    dates = [add_months(start, k * plan.step_months) for k in range(plan.payments)]
    # A premium of a few kopecks leaves nothing for the later dates, and a payment of zero is nobody's business.
    rows = [(due, amount) for due, amount in zip(dates, amounts, strict=True) if amount]
    return [PlannedPayment(seq, due, amount) for seq, (due, amount) in enumerate(rows, 1)]


def check_term(dues: Iterable[date], end: date) -> None:
    """Refuse payments of which one would fall due when the policy is over."""
    last = max(dues, default=end)
    if last > end:
        raise Unreadable(
            "The last payment would be due {due}, after the policy's end {end}. Choose fewer payments or a later end.",
            due=f"{last:%d.%m.%Y}", end=f"{end:%d.%m.%Y}",
        )  # fmt: skip


def check_custom(rows: Sequence[PlanRow], premium: Decimal) -> None:
    """Refuse rows that are not the premium cut in pieces, saying by how much they miss."""
    if not rows:
        raise Unreadable("There are no payments here. One per line, for example: 01.03 27000")
    if len(rows) > MAX_ROWS:
        raise Unreadable(
            "{count} payments are too many, at most {limit} fit.", count=str(len(rows)), limit=str(MAX_ROWS)
        )
    if any(not 0 < row.amount <= MAX_SUM for row in rows):
        raise Unreadable("Every payment must be more than zero. For example: 01.03 27000")
    if len({row.due for row in rows}) < len(rows):
        raise Unreadable("Two payments fall on one day. Put them together in one line, for example: 01.03 27000")
    total = sum((row.amount for row in rows), Decimal(0))
    if total < premium:
        raise Unreadable(
            "The payments add up to {total}, {gap} less than the premium {premium}. Add the missing payment.",
            total=_money(total), gap=_money(premium - total), premium=_money(premium),
        )  # fmt: skip
    if total > premium:
        raise Unreadable(
            "The payments add up to {total}, {gap} more than the premium {premium}. Correct the sums.",
            total=_money(total), gap=_money(total - premium), premium=_money(premium),
        )  # fmt: skip


def _money(value: Decimal) -> str:
    return f"{value:,.2f}".replace(",", " ").removesuffix(".00").replace(".", ",")


_FULL = re.compile(
    r"(?:(?:один|одним|1|разов\w*|one)\s)?(?:плат[её]ж(?:ом)?|payment)|сразу|единоврем\w*|разов\w*|полностью|один раз|"
    r"full|at once|100\s?%?|без рассрочки"
)
_HALVES = re.compile(r"50\s?[/\\+]\s?50\s?%?|50\s?%\s?[/\\+]\s?50\s?%|пополам|2\s?[xх*]\s?50\s?%?|полугод\w*|halves")
_QUARTERS = re.compile(
    r"25\s?[/\\+]\s?25\s?[/\\+]\s?25\s?[/\\+]\s?25\s?%?|4\s?[xх*]\s?25\s?%?|(?:по|еже)?кварт\w*|quarters"
)
_MONTHLY = re.compile(
    r"(?:помес\w*|по месяц\w*|ежемес\w*|monthly)\.?:?\s?(?:на\s)?(?P<months>[0-9]{1,3})?(?:\s?мес\w*\.?)?"
    r"|(?P<before>[0-9]{1,3})\s?(?:мес(?:яц\w*)?\.?|ежемес\w*(?:\sплат\w*)?)(?!\w)"
)
_COUNTED = re.compile(
    r"(?:рассрочк\w*|рассроч|рассрока|график|installments?)(?:\s(?:на|в|из))?:?\s?(?P<after>[0-9]{1,3})?(?:\s?(?:плат\w*|взнос\w*|раза?|част\w*))?"
    r"|(?P<before>[0-9]{1,3})\s?(?:плат[ея]ж\w*|плат\.|взнос\w*|payments?)(?!\w)"
)
PLAN_PATTERNS = (_FULL, _HALVES, _QUARTERS, _MONTHLY, _COUNTED)


def read_plan(text: str) -> PaymentPlan:
    """Read a plan the way it is said: `рассрочка 2`, `50/50`, `4x25`, `помес 12`, `единовременно`."""
    typed = plain(text)[:80].strip(" .,;:()")
    if _FULL.fullmatch(typed):
        return FULL
    if _HALVES.fullmatch(typed):
        return HALVES
    if _QUARTERS.fullmatch(typed):
        return QUARTERS
    if found := _MONTHLY.fullmatch(typed):
        return _checked_monthly(int(found["months"] or found["before"] or MAX_MONTHLY), text)
    if found := _COUNTED.fullmatch(typed):
        # Two and four payments are, in this trade, half-years and quarters; any other number is monthly.
        count = int(found["after"] or found["before"] or 2)
        return {1: FULL, 2: HALVES, 4: QUARTERS}.get(count) or _checked_monthly(count, text)
    raise Unreadable(
        "«{text}» is not a payment plan. For example: 50/50, 4x25, monthly 12, one payment", text=echo(text)
    )


def _checked_monthly(months: int, text: str) -> PaymentPlan:
    if MIN_MONTHLY <= months <= MAX_MONTHLY:
        return monthly(months)
    raise Unreadable(
        "From 2 to 12 monthly payments are possible, not «{text}». For example: monthly 12", text=echo(text)
    )


_REST = re.compile(r"остаток|остальное|остат\w*|rest")


def read_custom_rows(text: str, premium: Decimal, today: date) -> tuple[PlanRow, ...]:
    """Read rows of a custom plan, one per line: `01.03 27000`; the last sum may be `остаток`."""
    rows: list[PlanRow] = []
    since = today - RECENT  # the first payment is often the day the policy began, some days ago
    for line in clean_text(text, 4000).split("\n"):
        if not line.strip(" .,;"):
            continue
        due, amount = _read_row(line, since)
        if amount is None:
            amount = premium - sum((row.amount for row in rows), Decimal(0))
        rows.append(PlanRow(due, amount))
        since = due
    check_custom(rows, premium)
    return tuple(sorted(rows))


def _read_row(line: str, since: date) -> tuple[date, Decimal | None]:
    """Find where the date ends and the sum begins: a date may hold spaces (15 марта) and so may a sum (27 000)."""
    words = re.sub(r"\s[-—–=:]+\s", " ", plain(line)).strip(" .,;").split(" ")
    mistake: Unreadable | None = None
    for cut in range(min(len(words) - 1, 4), 0, -1):
        try:
            due = read_date(" ".join(words[:cut]).rstrip(":-—–="), since)
        except Unreadable as error:
            mistake = mistake or (error if cut == 1 else None)
            continue
        amount = " ".join(words[cut:])
        return due, None if _REST.fullmatch(amount) else read_sum(amount, positive=True)
    raise mistake or Unreadable("«{line}» is not a payment. A date and a sum are needed: 01.03 27000", line=echo(line))
