"""What the screens of payments need."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from aiogram_dialog import DialogManager
from markupsafe import Markup

from fsm.context import actor, kept, services, start_id
from fsm.i18n import _
from fsm.navigation import at_page, pager_preview, pages
from fsm.text import html, lines
from fsm.words import EXPENSE_KIND, INCOME_STATUS, PAYMENT_STATUS, day, in_days, moment, money
from models.enums import ExpenseKind, ExpenseStatus, IncomeKind, IncomeStatus, MoneyMoveKind, PaymentStatus
from models.tables import Expense, Income, MoneyMove, Payment
from services.errors import N_
from services.money import PaymentCard, PaymentFilter, PaymentRow, Totals

MARK = {
    PaymentStatus.PLANNED: "▫️",
    PaymentStatus.DUE: "🟠",
    PaymentStatus.OVERDUE: "🔴",
    PaymentStatus.PARTLY_PAID: "🌓",
    PaymentStatus.PAID: "✅",
    PaymentStatus.WAIVED: "✖️",
}
MOVE = {
    MoneyMoveKind.CLIENT_PAID: N_("client paid {sum} on {day}"),
    MoneyMoveKind.INSURER_CONFIRMED: N_("insurer confirmed {sum} on {day}"),
    MoneyMoveKind.COMMISSION_RECEIVED: N_("commission {sum} came on {day}"),
    MoneyMoveKind.COMMISSION_RETURNED: N_("commission {sum} taken back by the insurer on {day}"),
    MoneyMoveKind.EXPENSE_PAID: N_("expense {sum} paid on {day}"),
}
SHOWN_MOVES = 8


def today(manager: DialogManager) -> date:
    """The day that it is for this person now."""
    return services(manager).money.clock.now().astimezone(actor(manager).zone).date()


async def shown_card(manager: DialogManager) -> PaymentCard:
    return await services(manager).money.card(actor(manager), start_id(manager, "payment_id"))


def income_of(shown: PaymentCard, chosen_id: int | None = None) -> Income | None:
    """The commission that people mean: the chosen one, else the one that has not come yet, or the last."""
    chosen = next((income for income in shown.incomes if income.id == chosen_id), None)
    if chosen is not None:
        return chosen
    expected = (income for income in shown.incomes if income.status is IncomeStatus.EXPECTED)
    return next(expected, shown.incomes[-1] if shown.incomes else None)


def expenses_of(shown: PaymentCard) -> list[Expense]:
    return [expense for expense in shown.expenses if expense.status is not ExpenseStatus.REVERSED]


def title(payment: Payment, total: int) -> list[Markup]:
    """Which instalment of what: the same lines on every screen of it."""
    policy = payment.policy
    deal = policy.deal
    return [
        html(
            "💳 <b>{title} · {sum}</b>",
            title=_("Instalment {n} of {total}").format(n=payment.seq, total=total), sum=money(payment.amount),
        ),
        html("{client} · №{deal}", client=deal.client.name, deal=deal.number),
        html("{line} · {insurer} · {number}", line=policy.line.name, insurer=policy.insurer.name, number=policy.number),
    ]  # fmt: skip


def income_line(income: Income) -> Markup:
    """One commission: what is expected beside what has come, never added."""
    why = html(": {reason}", reason=income.status_reason) if income.status_reason else ""
    if income.status is IncomeStatus.WRITTEN_OFF and not income.received_amount:
        return html(_("💰 Commission: {status}"), status=_(INCOME_STATUS[income.status])) + why
    if income.status in {IncomeStatus.DISPUTED, IncomeStatus.REVERSED, IncomeStatus.WRITTEN_OFF}:
        expected = money(income.expected_amount) if income.expected_amount is not None else "?"
        return html(
            _("💰 Commission: expected {expected}, received {received} · <b>{status}</b>"),
            expected=expected, received=money(income.received_amount), status=_(INCOME_STATUS[income.status]),
        ) + why  # fmt: skip
    if income.expected_amount is None:
        if income.received_amount:
            return html(_("💰 Commission: received {received}"), received=money(income.received_amount))
        return html(_("💰 Commission: <b>the rate is not set</b>"))
    if income.received_on is None:
        return html(
            _("💰 Commission: expected {expected} by {day}"),
            expected=money(income.expected_amount), day=day(income.expected_on),
        )  # fmt: skip
    gap = income.received_amount - income.expected_amount
    line = html(
        _("💰 Commission: expected {expected}, received {received} on {day}"),
        expected=money(income.expected_amount), received=money(income.received_amount), day=day(income.received_on),
    )  # fmt: skip
    if not gap:
        return line
    words = _("{sum} less than expected") if gap < 0 else _("{sum} more than expected")
    return line + html(" · <i>{gap}</i>", gap=words.format(sum=money(abs(gap))))


def _income_label(income: Income) -> str:
    name = _("bonus") if income.kind is IncomeKind.BONUS else _("commission")
    return f"{name} · {money(income.expected_amount)}" if income.expected_amount is not None else name


def expense_line(expense: Expense) -> Markup:
    name = " · ".join(part for part in (_(EXPENSE_KIND[expense.kind]), expense.payee) if part)
    if expense.status is ExpenseStatus.WRITTEN_OFF:
        return html("✖️ {name}: {sum}", name=name, sum=money(expense.expected_amount))
    return html(
        _("💸 {name}: {sum}, paid {paid}"),
        name=name, sum=money(expense.expected_amount), paid=money(expense.paid_amount),
    )  # fmt: skip


def move_line(move: MoneyMove, who: str, manager: DialogManager) -> Markup:
    """Who entered what and when; what was taken back is struck through."""
    what = _(MOVE[move.kind]).format(sum=money(move.amount), day=day(move.on_date))
    line = html("{at} {who}: {what}", at=moment(move.at, actor(manager).zone, today(manager)), who=who, what=what)
    return html("<s>{line}</s>", line=line) if move.undone_at else line


def status_line(shown: PaymentCard, now: date) -> Markup:
    payment = shown.payment
    words = html("{mark} <b>{status}</b>", mark=MARK[shown.status], status=_(PAYMENT_STATUS[shown.status]))
    if payment.waived_at is not None:
        return words + (html(": {reason}", reason=payment.waived_reason) if payment.waived_reason else "")
    if payment.settled_on is not None:
        return words + html(" · {day}", day=day(payment.settled_on))
    due = html(_("due {day}, {distance}"), day=day(payment.due_on), distance=in_days(payment.due_on, now))
    return words + html(" · {due}", due=due)


def _money_lines(shown: PaymentCard) -> list[Markup | None]:
    payment = shown.payment
    part = payment.paid_amount and shown.rest
    return [
        html(_("Paid {paid}, <b>{rest} left</b>"), paid=money(payment.paid_amount), rest=money(shown.rest))
        if part
        else None,
        html(_("🤝 Promised to pay by {day}"), day=day(payment.promised_on)) if payment.promised_on else None,
        html(_("🏦 Confirmed by the insurer on {day}"), day=day(payment.confirmed_on))
        if payment.confirmed_on
        else None,
        *[income_line(income) for income in shown.incomes],
        *[expense_line(expense) for expense in expenses_of(shown)],
    ]


def card_text(shown: PaymentCard, now: date, manager: DialogManager) -> Markup:
    moves = [move_line(move, who, manager) for move, who in shown.moves[:SHOWN_MOVES]]
    return lines(
        *title(shown.payment, shown.total),
        "",
        status_line(shown, now),
        *_money_lines(shown),
        *(["", *moves] if moves else []),
    )


def can(shown: PaymentCard) -> dict[str, bool]:
    """Which buttons stand on the card, by the facts and by rights."""
    payment = shown.payment
    owed = payment.settled_on is None and payment.waived_at is None
    income = income_of(shown)
    return {
        "owed": owed,
        "can_confirm": payment.settled_on is not None and payment.confirmed_on is None,
        "can_receive": income is not None and income.status is IncomeStatus.EXPECTED,
        "decides": shown.decides,
        "can_move": owed and shown.decides,
        "can_restore": shown.decides and payment.waived_at is not None,
    }


def undo_label(move: MoneyMove) -> str:
    return _("↩️ Undo the last: {sum}").format(sum=money(move.amount))


async def card(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    shown = await shown_card(dialog_manager)
    undoable = shown.undoable
    return {
        "text": card_text(shown, today(dialog_manager), dialog_manager),
        **can(shown),
        "paid_label": _("✅ Paid today: {sum}").format(sum=money(shown.rest)),
        "undo": [{"id": str(undoable.id), "label": undo_label(undoable)}] if undoable else [],
    }


async def amount(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    shown = await shown_card(dialog_manager)
    return {
        "text": lines(
            *title(shown.payment, shown.total),
            html(_("<b>{rest}</b> is left to pay."), rest=money(shown.rest)),
            "",
            html("✍️ {ask}", ask=_("Write how much and when: 27000 yesterday.")),
            html("<i>{hint}</i>", hint=_("A sum alone is today; a day alone is all that is left.")),
        )
    }


async def waive(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    shown = await shown_card(dialog_manager)
    return {
        "text": lines(
            *title(shown.payment, shown.total),
            "",
            html(_("Write off <b>{rest}</b>? Nobody will be asked for it any more."), rest=money(shown.rest)),
            html(_("No commission is expected of it either.")) if not shown.payment.paid_amount else None,
            html(_("Choose the reason or write it: that writes it off.")),
        ),
        "reasons": [{"code": str(n), "label": _(text)} for n, text in enumerate(WAIVE_REASONS)],
    }


WAIVE_REASONS = [N_("The policy is not in force"), N_("The insurer has lowered the premium"), N_("Kopecks of rounding")]


INCOME_REASONS = [
    N_("The insurer counts another rate"),
    N_("The policy is not in the insurer's statement"),
    N_("The insurer does not pay for this"),
]


async def income_why(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    shown = await shown_card(dialog_manager)
    found = income_of(shown, kept(dialog_manager, "income_id"))
    return {
        "text": lines(
            *title(shown.payment, shown.total),
            "",
            income_line(found) if found else None,
            "",
            html(_("Why? Choose the reason or write it.")),
        ),
        "reasons": [{"code": str(n), "label": _(text)} for n, text in enumerate(INCOME_REASONS)],
    }


async def income_back(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    shown = await shown_card(dialog_manager)
    found = income_of(shown, kept(dialog_manager, "income_id"))
    came = found.received_amount if found else Decimal(0)
    return {
        "text": lines(
            *title(shown.payment, shown.total),
            "",
            income_line(found) if found else None,
            "",
            html("✍️ {ask}", ask=_("Write how much the insurer has taken back and when: 3000 yesterday.")),
        ),
        "any": came > 0,
        "all_label": _("↪️ All of it today: {sum}").format(sum=money(came)),
    }


async def income(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    shown = await shown_card(dialog_manager)
    found = income_of(shown, kept(dialog_manager, "income_id"))
    doubted = kept(dialog_manager, "doubted")
    correcting = bool(kept(dialog_manager, "correcting"))
    expected = found.expected_amount if found else None
    rest = None if found is None or expected is None else expected - found.received_amount
    owed = found is not None and found.status in {IncomeStatus.EXPECTED, IncomeStatus.DISPUTED}
    status = found.status if found else None
    if correcting:
        ask = _("Write the expected sum, or a rate for the whole policy: 15%")
    else:
        ask = _("Write how much came and when: 3000 yesterday.")
    return {
        "text": lines(
            *title(shown.payment, shown.total),
            "",
            *[income_line(each) for each in shown.incomes],
            "",
            html("✍️ {ask}", ask=ask) if owed or correcting else None,
            html(
                "⚠️ {doubt}",
                doubt=_("{came} is far more than the commission of this instalment can be. Is it so?").format(
                    came=money(Decimal(doubted["sum"]))
                ),
            )
            if doubted
            else None,
        ),
        "doubted": bool(doubted),
        "sure_label": _("✅ Yes, {sum} has come").format(sum=money(Decimal(doubted["sum"]))) if doubted else "✅",
        "incomes": [
            {"id": str(each.id), "label": f"{'● ' if each is found else ''}{_income_label(each)}"}
            for each in shown.incomes
        ]
        if len(shown.incomes) > 1
        else [],
        "can_dispute": status in {IncomeStatus.EXPECTED, IncomeStatus.REVERSED} and not correcting,
        "can_give_up": status in {IncomeStatus.EXPECTED, IncomeStatus.DISPUTED} and not correcting,
        "can_expect": status in {IncomeStatus.DISPUTED, IncomeStatus.REVERSED, IncomeStatus.WRITTEN_OFF},
        "can_return": found is not None and found.received_amount > 0 and not correcting,
        "one_tap": owed and not doubted and not correcting and rest is not None and rest > 0,
        "received_label": _("✅ Came today: {sum}").format(sum=money(rest or Decimal(0))),
        "can_correct": found is not None and not correcting,
    }


async def expenses(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    shown = await shown_card(dialog_manager)
    rows = expenses_of(shown)
    chosen = next((row for row in rows if row.id == kept(dialog_manager, "expense_id")), None)
    if chosen is None and len(rows) == 1:
        chosen = rows[0]
    owed = chosen is not None and chosen.status is ExpenseStatus.EXPECTED
    rest = chosen.expected_amount - chosen.paid_amount if chosen else Decimal(0)
    return {
        "text": lines(
            *title(shown.payment, shown.total),
            "",
            *[expense_line(row) for row in rows],
            html("<i>{none}</i>", none=_("No expenses are agreed on this instalment.")) if not rows else None,
            "" if owed else None,
            html("✍️ {ask}", ask=_("Or write how much was paid and when: 300 yesterday.")) if owed else None,
        ),
        "rows": [
            {
                "id": str(row.id),
                "label": f"{'● ' if row is chosen else ''}{_(EXPENSE_KIND[row.kind])} {row.payee}".rstrip(),
            }
            for row in rows
        ]
        if len(rows) > 1
        else [],
        "can_pay": owed,
        "pay_label": _("✅ Paid out today: {sum}").format(sum=money(rest)),
        "can_remove": chosen is not None and not chosen.paid_amount and owed,
        "chosen_id": chosen.id if chosen else None,
    }


async def new_expense(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    shown = await shown_card(dialog_manager)
    kind = kept(dialog_manager, "kind", ExpenseKind.CLIENT_DISCOUNT.value)
    return {
        "text": lines(
            *title(shown.payment, shown.total),
            "",
            html("<b>{title}</b>", title=_("New expense")),
            html("✍️ {ask}", ask=_("Choose the kind, then write a sum or a share, and for whom: 5% or 700 Oleg")),
        ),
        "kinds": [
            {"code": each.value, "label": f"{'● ' if each.value == kind else ''}{_(words)}"}
            for each, words in EXPENSE_KIND.items()
        ],
    }


# --- lists --------------------------------------------------------------------------------------------------------


def totals_lines(totals: Totals) -> list[Markup | None]:
    """Three groups that never share a total."""
    premium, commission, spent = totals.premium, totals.commission, totals.expenses
    return [
        html(
            _("👤 Client's premium: {paid} of {planned}"), paid=money(premium.paid), planned=money(premium.planned)
        ),
        html(_("🔴 Overdue: {sum}"), sum=money(premium.overdue)) if premium.overdue else None,
        html(
            _("💰 Commission: expected {expected}, received {received}"),
            expected=money(commission.expected), received=money(commission.received),
        ) if commission else None,
        html("❗️ {warning}", warning=_("The commission rate is not set"))
        if commission and commission.unknown else None,
        html(
            _("💸 Expenses: expected {expected}, paid {paid}"), expected=money(spent.expected), paid=money(spent.paid)
        ) if spent and (spent.expected or spent.paid) else None,
    ]  # fmt: skip


def _labels(rows: Sequence[PaymentRow], now: date, *, own: bool) -> list[dict[str, str]]:
    result = []
    for row in rows:
        payment = row.payment
        about = payment.policy.number if own else f"{payment.policy.deal.client.name} · {payment.policy.line.name}"
        rest = payment.amount if row.status is PaymentStatus.PAID else payment.amount - payment.paid_amount
        label = f"{MARK[row.status]} {day(payment.due_on, now)} · {money(rest)} · {about}"
        result.append({"id": str(payment.id), "label": label})
    return result


FILTERS = {PaymentFilter.DUE: N_("14 days"), PaymentFilter.OVERDUE: N_("Overdue"), PaymentFilter.ALL: N_("All")}
NONE = {
    PaymentFilter.DUE: N_("Nothing is to be paid in the next 14 days."),
    PaymentFilter.OVERDUE: N_("Nothing is overdue."),
    PaymentFilter.ALL: N_("Everything is paid."),
}


async def payments(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    """Unpaid instalments across deals, or all instalments of one deal or policy with its totals."""
    given: dict[str, Any] = dialog_manager.start_data if isinstance(dialog_manager.start_data, dict) else {}
    if "deal_id" in given or "policy_id" in given:
        return await _of_one(dialog_manager, given)
    who, now = actor(dialog_manager), today(dialog_manager)
    which = PaymentFilter(kept(dialog_manager, "which", PaymentFilter.DUE))
    ask = services(dialog_manager).money.due
    rows, total = await at_page(dialog_manager, lambda number: ask(who, number, which=which))
    red = await services(dialog_manager).money.overdue_count(who)
    return {
        "text": lines(
            html("💳 <b>{title}</b> · {n}", title=_("Payments due"), n=total),
            html(_("🔴 Overdue: {sum}"), sum=red) if red else None,
            html("<i>{empty}</i>", empty=_(NONE[which])) if not total else None,
        ),
        "rows": _labels(rows, now, own=False),
        "filters": [
            {"code": one.value, "label": f"{'● ' if one is which else ''}{_(said)}"} for one, said in FILTERS.items()
        ],
        **pages(total, dialog_manager),
    }


async def _of_one(manager: DialogManager, given: dict[str, Any]) -> dict[str, Any]:
    who, now, ask = actor(manager), today(manager), services(manager).money.of
    policy_id = given.get("policy_id")
    if policy_id is None:
        deal_id = int(given["deal_id"])
        rows, total = await at_page(manager, lambda number: ask(who, deal_id=deal_id, page=number))
        head = html("💳 <b>{title}</b>", title=_("Payments of the deal"))
    else:
        policy = (await services(manager).policies.card(who, int(policy_id))).policy
        deal_id = policy.deal_id
        rows, total = await at_page(manager, lambda number: ask(who, policy_id=policy.id, page=number))
        head = html("💳 <b>{title}</b> · {number}", title=_("Instalments"), number=policy.number)
    sums = await services(manager).money.totals(who, deal_id) if policy_id is None else None
    return {
        "text": lines(head, *(totals_lines(sums) if sums else [])),
        "rows": _labels(rows, now, own=policy_id is None),
        "filters": [],
        **pages(total, manager),
    }


CARD_PREVIEW = {
    "text": Markup("💳 <b>1</b>"),
    "owed": True,
    "can_confirm": True,
    "can_receive": True,
    "decides": True,
    "can_move": True,
    "can_restore": True,
    "paid_label": "✅ 30 000",
    "undo": [{"id": "1", "label": "↩️ 30 000"}],
}
TEXT_PREVIEW = {"text": Markup("💳 <b>1</b>")}
INCOME_PREVIEW = TEXT_PREVIEW | {
    "one_tap": True,
    "received_label": "✅ 3 000",
    "can_correct": True,
    "doubted": True,
    "sure_label": "✅ 30 000",
    "incomes": [{"id": "1", "label": "● 3 000"}],
    "can_dispute": True,
    "can_give_up": True,
    "can_expect": True,
    "can_return": True,
}
BACK_PREVIEW = TEXT_PREVIEW | {"any": True, "all_label": "↪️ 3 000"}
EXPENSES_PREVIEW = TEXT_PREVIEW | {
    "rows": [{"id": "1", "label": "client's discount"}],
    "can_pay": True,
    "pay_label": "✅ 600",
    "can_remove": True,
}
NEW_EXPENSE_PREVIEW = TEXT_PREVIEW | {"kinds": [{"code": "other", "label": "other expense"}]}
WAIVE_PREVIEW = TEXT_PREVIEW | {"reasons": [{"code": "0", "label": "The policy is not in force"}]}
LIST_PREVIEW = {
    "text": Markup("💳 <b>Payments due</b>"),
    "rows": [{"id": "1", "label": "🔴 02.03 · 30 000"}],
    "filters": [{"code": "due", "label": "● 14 days"}],
    **pager_preview(),
}
