"""Every state of every screen: features start each other by these names and import nothing else of each other.

The comment beside a group says what start data (ids only) its dialog takes.
"""

from aiogram.fsm.state import State, StatesGroup


class Menu(StatesGroup):
    """`main` greets with {"greet": True}; `typed` offers what to do with a line: {"text"}."""

    main = State()
    help = State()
    typed = State()


class Deals(StatesGroup):
    """Lists; start data: {"filter": one of services.deals.DealFilter} or none."""

    list = State()


class Deal(StatesGroup):
    """The deal card; start data: {"deal_id"}."""

    card = State()
    note = State()
    postpone = State()
    executor = State()
    close_outcome = State()
    close_reason = State()
    close_confirm = State()


class Journal(StatesGroup):
    """The journal of a deal; start data: {"deal_id"}."""

    list = State()
    entry = State()


class EditDeal(StatesGroup):
    """Correcting the insured object; start data: {"deal_id"}."""

    choose = State()
    typed = State()


class DealExpenses(StatesGroup):
    """Expenses agreed on a deal before any policy; start data: {"deal_id"}."""

    list = State()
    kind = State()
    value = State()


class NewDeal(StatesGroup):
    """Start data: none, {"client_id"} or {"text": what was typed}."""

    client = State()
    match = State()
    line = State()
    object = State()
    check = State()
    phone = State()
    note = State()


class Clients(StatesGroup):
    """Clients by name."""

    list = State()


class Client(StatesGroup):
    """The client card; start data: {"client_id"}."""

    card = State()
    field = State()
    edit = State()
    merge = State()
    merge_confirm = State()


class Documents(StatesGroup):
    """Papers of a deal; start data: {"deal_id"}."""

    list = State()
    document = State()
    delete = State()


class PickDeal(StatesGroup):
    """Which deal a parcel is for, by search; start data: {"parcel_id"}."""

    ask = State()


class Find(StatesGroup):
    """`results` takes {"text"}."""

    ask = State()
    results = State()


class Tasks(StatesGroup):
    """My tasks by due."""

    list = State()


class Task(StatesGroup):
    """The task card; start data: {"task_id"}; `reason` takes {"task_id", "step": why it is asked} too."""

    card = State()
    question = State()
    answer = State()
    reason = State()
    reassign = State()
    due = State()
    history = State()


class NewTask(StatesGroup):
    """Started at `due`, which proposes everything; start data: {"deal_id", "kind", "variant_id"?}."""

    assignee = State()
    due = State()
    comment = State()


class Variants(StatesGroup):
    """Variants of a deal; start data: {"deal_id", "task_id"?}."""

    list = State()
    variant = State()
    decline = State()
    delete = State()
    compare = State()


class EditVariant(StatesGroup):
    """The wizard; start data: {"deal_id", "variant_id"?}."""

    insurer = State()
    premium = State()
    sum_insured = State()
    deductible = State()
    plan = State()
    rate = State()
    valid_until = State()
    comment = State()


class NewPolicy(StatesGroup):
    """Registration, prefilled; start data: {"deal_id", "variant_id"?, "previous_policy_id"?, "task_id"?}."""

    review = State()
    insurer = State()
    premium = State()
    sum_insured = State()
    plan = State()


class Policy(StatesGroup):
    """The policy card; start data: {"policy_id"}."""

    card = State()
    outcome = State()
    cancel = State()
    edit = State()
    value = State()


class Policies(StatesGroup):
    """Policies ending, across deals or of one; start data: {"deal_id"?}."""

    list = State()


class Payments(StatesGroup):
    """Payments due across deals, or those of one deal or policy; start data: {"deal_id"?, "policy_id"?}."""

    list = State()


class Payment(StatesGroup):
    """One payment with its income and expenses; start data: {"payment_id"}."""

    card = State()
    amount = State()
    income = State()
    income_why = State()
    income_back = State()
    expense = State()
    new_expense = State()
    waive = State()


class PickDate(StatesGroup):
    """Asks for a date by chips, calendar or typing; start data: {"title", "chips"?, "past"?: True | "only"}.

    Result: {"date": ISO}.
    """

    pick = State()


class ReminderDate(StatesGroup):
    """The day of an answer to a reminder; start data: {"reminder_id", "message_id", "what": "promise" | "postpone"}."""

    ask = State()
    done = State()


class Today(StatesGroup):
    """The digest walked card by card."""

    main = State()


class MySettings(StatesGroup):
    main = State()
    language = State()
    zone = State()
    digest = State()
    quiet = State()


class TeamSettings(StatesGroup):
    """What an admin sets for all."""

    main = State()
    zone = State()
    hours = State()


class Insurers(StatesGroup):
    list = State()
    card = State()
    new = State()
    name = State()
    aliases = State()


class Lines(StatesGroup):
    """Lines of business with their ladders."""

    list = State()
    card = State()
    new = State()
    name = State()
    aliases = State()
    ladder = State()


class Rates(StatesGroup):
    """Commission rates; `insurer` takes {"insurer_id"} when started from elsewhere."""

    list = State()
    insurer = State()
    line = State()
    value = State()
    check = State()
    rate = State()
    missing = State()


class People(StatesGroup):
    """`person` takes {"user_id"} when started from elsewhere."""

    list = State()
    person = State()
    name = State()
    roles = State()
    block = State()
    handover = State()
    handover_confirm = State()


class HandOverDeal(StatesGroup):
    """To whom one deal goes; start data: {"deal_id"}."""

    who = State()
    confirm = State()


class Invite(StatesGroup):
    roles = State()
    list = State()
    revoke = State()


class Audit(StatesGroup):
    list = State()
    person = State()


class Stats(StatesGroup):
    day = State()
    dead = State()
    unsent = State()
    failing = State()
