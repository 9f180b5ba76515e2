"""Tasks: given by the seller, done by the executor, each step once, and the clock that stands while he waits."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from models.enums import DealStage, DocumentKind, ReminderKind, Role, TaskFilter, TaskKind, TaskStatus
from models.tables import AuditRecord, Deal, Document, JournalEntry, OutboxMessage, Reminder, Task, TaskMove, User
from services.access import Actor
from services.errors import AlreadyDone, Forbidden, Invalid, NotFound
from services.rules.reading import Unreadable
from services.tasks import TaskCard, TaskService
from storage import repository
from tests.scheduler.acts import register
from tests.services.conftest import Agency


async def given(agency: Agency, *, kind: TaskKind = TaskKind.CALCULATE, deal_id: int | None = None) -> int:
    """A task that Anna has given to Egor, due tomorrow at 18:00."""
    deal_id = deal_id or await agency.deal(agency.anna)
    due = "2026-03-03T18:00"
    return await agency.services.tasks.give(agency.anna, deal_id, kind, agency.egor.user_id, due, "До вечера")


async def task_of(agency: Agency, task_id: int) -> Task:
    row: Task = (await agency.rows(select(Task).where(Task.id == task_id)))[0]
    return row


async def deal_of(agency: Agency, task_id: int) -> Deal:
    row: Deal = (await agency.rows(select(Deal).join(Task, Task.deal_id == Deal.id).where(Task.id == task_id)))[0]
    return row


async def messages(agency: Agency, actor: Actor, *, new: bool = True) -> list[str]:
    """The kinds of cards queued for a person, the edits of old ones left out unless asked for."""
    rows: list[OutboxMessage] = await agency.rows(
        select(OutboxMessage).where(OutboxMessage.recipient_id == actor.user_id).order_by(OutboxMessage.id)
    )
    return [row.kind for row in rows if not (new and row.edits_card)]


async def history(agency: Agency, task_id: int) -> list[str]:
    rows = await agency.rows(select(TaskMove).where(TaskMove.task_id == task_id).order_by(TaskMove.id))
    return [row.status.value for row in rows]


async def test_a_given_calculation_moves_the_deal_and_reaches_the_executor(agency: Agency) -> None:
    task_id = await given(agency)
    task, deal = await task_of(agency, task_id), await deal_of(agency, task_id)
    assert (deal.stage, deal.executor_id) == (DealStage.CALCULATING, agency.egor.user_id)
    assert (task.status, task.comment) == (TaskStatus.QUEUED, "До вечера")
    assert task.due_at.astimezone(agency.anna.zone).isoformat() == "2026-03-03T18:00:00+03:00"
    assert await messages(agency, agency.egor) == ["task_given"]
    assert await messages(agency, agency.anna, new=False) == []
    planned = await agency.rows(select(Reminder).where(Reminder.object_id == task_id, Reminder.deal_id == deal.id))
    assert ReminderKind.TASK_NOT_ACCEPTED in {reminder.kind for reminder in planned}
    records = await agency.rows(select(AuditRecord.action).where(AuditRecord.deal_id == deal.id))
    assert {"task.given", "deal.stage"} <= set(records)
    events = await agency.rows(select(JournalEntry).where(JournalEntry.deal_id == deal.id))
    assert [(entry.event, entry.params["assignee"]) for entry in events] == [("task_given", "Егор Лисин")]


async def test_a_second_calculation_on_the_same_deal_is_a_second_tap(agency: Agency) -> None:
    task_id = await given(agency)
    with pytest.raises(AlreadyDone):
        await given(agency, deal_id=(await task_of(agency, task_id)).deal_id)
    assert len(await agency.rows(select(Task))) == 1


async def test_another_request_twice_is_one_but_two_different_are_two(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    await given(agency, kind=TaskKind.OTHER, deal_id=deal_id)
    with pytest.raises(AlreadyDone):
        await given(agency, kind=TaskKind.OTHER, deal_id=deal_id)
    await agency.services.tasks.give(
        agency.anna, deal_id, TaskKind.OTHER, agency.egor.user_id, "2026-03-03T18:00", "Позвонить в банк"
    )
    assert len(await agency.rows(select(Task))) == 2
    assert (await agency.rows(select(Deal)))[0].executor_id is None


async def test_an_errand_without_words_is_refused_and_reaches_nobody(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    due = "2026-03-03T18:00"
    with pytest.raises(Invalid, match="what is to be done"):
        await agency.services.tasks.give(agency.anna, deal_id, TaskKind.OTHER, agency.egor.user_id, due, " \n")
    assert await messages(agency, agency.egor) == []


@pytest.mark.parametrize(
    ("who", "error"), [("boris", NotFound), ("egor", Forbidden), ("faina", Forbidden)], ids=["seller", "his", "other"]
)
async def test_only_the_owner_of_the_deal_gives_tasks_on_it(agency: Agency, who: str, error: type[Exception]) -> None:
    deal_id = await agency.deal(agency.anna, executor_id=agency.egor.user_id)
    with pytest.raises(error):
        await agency.services.tasks.give(
            getattr(agency, who), deal_id, TaskKind.CALCULATE, agency.egor.user_id, "2026-03-03T18:00"
        )
    assert await agency.rows(select(Task)) == []


async def test_an_executor_who_sells_too_may_not_give_tasks_on_the_deal_of_another(agency: Agency) -> None:
    both = await agency.person(500, "Игорь Двойной", Role.SELLER, Role.EXECUTOR)
    deal_id = await agency.deal(agency.anna, executor_id=both.user_id)
    with pytest.raises(Forbidden):
        await agency.services.tasks.give(both, deal_id, TaskKind.OTHER, agency.egor.user_id, "2026-03-03T18:00")


async def test_a_task_goes_only_to_an_active_executor(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    gone = await agency.person(501, "Ушедший", Role.EXECUTOR)
    await agency.sql("UPDATE users SET active = false WHERE id = :id RETURNING id", id=gone.user_id)
    for assignee in (gone, agency.boris):
        with pytest.raises(Invalid):
            await agency.services.tasks.give(
                agency.anna, deal_id, TaskKind.CALCULATE, assignee.user_id, "2026-03-03T18:00"
            )


async def test_a_due_time_that_has_passed_is_refused(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    with pytest.raises(Invalid):
        await agency.services.tasks.give(
            agency.anna, deal_id, TaskKind.CALCULATE, agency.egor.user_id, "2026-03-02T11:59"
        )


async def test_the_executor_accepts_once(agency: Agency) -> None:
    task_id = await given(agency)
    await agency.services.tasks.accept(agency.egor, task_id)
    with pytest.raises(AlreadyDone):
        await agency.services.tasks.accept(agency.egor, task_id)
    task = await task_of(agency, task_id)
    assert (task.status, task.accepted_at) == (TaskStatus.ACCEPTED, agency.clock.now())
    assert await history(agency, task_id) == ["queued", "accepted"]
    assert await messages(agency, agency.anna, new=False) == ["task_state"]
    assert await messages(agency, agency.egor, new=False) == ["task_given", "task_given"]
    planned = await agency.rows(select(Reminder.kind).where(Reminder.object_id == task_id))
    assert ReminderKind.TASK_NOT_ACCEPTED not in planned


@pytest.mark.parametrize("step", ["accept", "wait_insurer", "finish"])
async def test_a_task_is_done_only_by_its_assignee(agency: Agency, step: str) -> None:
    task_id = await given(agency, kind=TaskKind.ISSUE)
    # Faina sees the deal (she has her own task on it), and still it is not her task.
    deal = await deal_of(agency, task_id)
    await agency.services.tasks.give(
        agency.anna, deal.id, TaskKind.OTHER, agency.faina.user_id, "2026-03-03T18:00", "Фото"
    )
    for stranger, error in ((agency.faina, Forbidden), (agency.anna, Forbidden), (agency.boris, Forbidden)):
        with pytest.raises(error):
            await getattr(agency.services.tasks, step)(stranger, task_id)
    assert await history(agency, task_id) == ["queued"]


async def test_a_person_whose_role_was_taken_away_gets_nothing(agency: Agency) -> None:
    task_id = await given(agency)
    former = Actor(user_id=agency.egor.user_id, roles=frozenset())
    seller = Actor(user_id=agency.egor.user_id, roles=frozenset({Role.SELLER}))
    for actor, error in ((former, Forbidden), (seller, NotFound)):
        with pytest.raises(error):
            await agency.services.tasks.card(actor, task_id)
    with pytest.raises(Forbidden):
        await agency.services.tasks.accept(seller, task_id)


async def test_a_question_reaches_the_seller_and_his_answer_returns(agency: Agency) -> None:
    task_id = await given(agency)
    await agency.services.tasks.ask(agency.egor, task_id, "Какой пробег?")
    with pytest.raises(AlreadyDone):
        await agency.services.tasks.ask(agency.egor, task_id, "Какой пробег?")
    assert await messages(agency, agency.anna) == ["task_question"]
    assert await history(agency, task_id) == ["queued", "accepted", "question"]
    await agency.services.tasks.answer(agency.anna, task_id, "45 тысяч")
    with pytest.raises(AlreadyDone):
        await agency.services.tasks.answer(agency.anna, task_id, "45 тысяч")
    assert await messages(agency, agency.egor) == ["task_given", "task_answer"]
    assert (await task_of(agency, task_id)).status is TaskStatus.ACCEPTED
    words = await agency.rows(select(JournalEntry).where(JournalEntry.text != "").order_by(JournalEntry.id))
    assert [(entry.author_id, entry.text, entry.task_id) for entry in words] == [
        (agency.egor.user_id, "Какой пробег?", task_id),
        (agency.anna.user_id, "45 тысяч", task_id),
    ]


async def test_a_question_of_an_admins_task_reaches_both_the_seller_and_the_admin(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    task_id = await agency.services.tasks.give(
        agency.galina, deal_id, TaskKind.CALCULATE, agency.egor.user_id, "2026-03-03T18:00"
    )
    await agency.services.tasks.ask(agency.egor, task_id, "Какой пробег?")
    assert await messages(agency, agency.anna) == ["task_question"]
    assert await messages(agency, agency.galina) == ["task_question"]


async def test_an_unanswered_question_is_for_the_admin_to_hear_of(agency: Agency) -> None:
    task_id = await given(agency)
    await agency.services.tasks.ask(agency.egor, task_id, "Какой пробег?")
    planned = await agency.rows(select(Reminder).where(Reminder.object_id == task_id, Reminder.status == "planned"))
    kinds = {(row.kind, row.recipient_id) for row in planned if row.kind is not ReminderKind.REVIEW}
    assert kinds == {(ReminderKind.TASK_QUESTION, agency.galina.user_id)}


async def test_nothing_to_say_is_no_question(agency: Agency) -> None:
    task_id = await given(agency)
    with pytest.raises(Unreadable):
        await agency.services.tasks.ask(agency.egor, task_id, " \u200b ")
    assert await history(agency, task_id) == ["queued"]


async def minutes(agency: Agency, task_id: int) -> int:
    card: TaskCard = await agency.services.tasks.card(agency.egor, task_id)
    return card.minutes


async def test_the_clock_stands_while_an_answer_or_the_insurer_is_awaited(agency: Agency) -> None:
    task_id = await given(agency)  # Monday noon in Moscow
    tasks, clock = agency.services.tasks, agency.clock
    clock.advance(timedelta(minutes=30))
    assert await minutes(agency, task_id) == 30
    await tasks.ask(agency.egor, task_id, "Какой пробег?")
    clock.advance(timedelta(minutes=60))
    assert await minutes(agency, task_id) == 30
    await tasks.answer(agency.anna, task_id, "45 тысяч")
    clock.advance(timedelta(minutes=15))
    await tasks.wait_insurer(agency.egor, task_id)
    clock.advance(timedelta(minutes=60))
    assert await minutes(agency, task_id) == 45
    await tasks.resume(agency.egor, task_id)
    clock.advance(timedelta(minutes=10))
    assert await minutes(agency, task_id) == 55


async def test_a_refused_task_goes_back_to_its_author_who_gives_it_to_another(agency: Agency) -> None:
    task_id = await given(agency)
    await agency.services.tasks.refuse(agency.egor, task_id, "Не моя линия")
    task, deal = await task_of(agency, task_id), await deal_of(agency, task_id)
    assert (task.assignee_id, task.status, deal.executor_id) == (agency.anna.user_id, TaskStatus.QUEUED, None)
    assert await messages(agency, agency.anna) == ["task_refused"]
    with pytest.raises(NotFound):
        await agency.services.tasks.refuse(agency.egor, task_id, "Не моя линия")
    await agency.services.tasks.reassign(agency.anna, task_id, agency.faina.user_id)
    with pytest.raises(AlreadyDone):
        await agency.services.tasks.reassign(agency.anna, task_id, agency.faina.user_id)
    deal = await deal_of(agency, task_id)
    assert deal.executor_id == agency.faina.user_id
    assert await messages(agency, agency.faina) == ["task_given"]
    await agency.services.tasks.accept(agency.faina, task_id)


async def test_a_task_taken_away_is_told_to_the_one_who_had_it(agency: Agency) -> None:
    task_id = await given(agency)
    await agency.services.tasks.reassign(agency.anna, task_id, agency.faina.user_id)
    assert await messages(agency, agency.egor) == ["task_given", "task_taken_away"]
    with pytest.raises(NotFound):
        await agency.services.tasks.card(agency.egor, task_id)


async def test_a_cancelled_calculation_leaves_the_deal_where_its_papers_are(agency: Agency) -> None:
    task_id = await given(agency)
    await agency.services.tasks.cancel(agency.anna, task_id, "Клиент передумал")
    with pytest.raises(AlreadyDone):
        await agency.services.tasks.cancel(agency.anna, task_id, "Клиент передумал")
    deal = await deal_of(agency, task_id)
    assert deal.stage is DealStage.COLLECTING
    assert await messages(agency, agency.egor) == ["task_given", "task_cancelled"]
    # He was only told; no «cancelled» comes to the one who cancelled.
    assert await messages(agency, agency.anna, new=False) == []
    left = await agency.rows(select(Reminder).where(Reminder.object_id == task_id, Reminder.status == "planned"))
    assert [row for row in left if row.kind is not ReminderKind.REVIEW] == []


async def test_a_finished_task_can_be_returned_with_a_comment_and_finished_again(agency: Agency) -> None:
    task_id = await given(agency, kind=TaskKind.ISSUE)
    tasks = agency.services.tasks
    await tasks.finish(agency.egor, task_id)
    with pytest.raises(AlreadyDone):
        await tasks.finish(agency.egor, task_id)
    assert await messages(agency, agency.anna) == ["task_done"]
    await tasks.return_(agency.anna, task_id, "Не та дата")
    with pytest.raises(AlreadyDone):
        await tasks.return_(agency.anna, task_id, "Не та дата")
    assert (await task_of(agency, task_id)).finished_at is None
    card = await tasks.card(agency.egor, task_id)
    assert card.last_words is not None
    assert card.last_words.comment == "Не та дата"
    await tasks.finish(agency.egor, task_id)
    assert await history(agency, task_id) == ["queued", "accepted", "done", "returned", "accepted", "done"]


async def test_a_calculation_is_finished_by_its_variants_alone(agency: Agency) -> None:
    task_id = await given(agency)
    with pytest.raises(Invalid):
        await agency.services.tasks.finish(agency.egor, task_id)


async def test_an_old_task_is_not_returned_beside_a_newer_one(agency: Agency) -> None:
    task_id = await given(agency, kind=TaskKind.ISSUE)
    await agency.services.tasks.finish(agency.egor, task_id)
    await given(agency, kind=TaskKind.ISSUE, deal_id=(await task_of(agency, task_id)).deal_id)
    with pytest.raises(Invalid):
        await agency.services.tasks.return_(agency.anna, task_id, "Не та дата")


async def test_my_tasks_come_by_due_and_in_pages(agency: Agency) -> None:
    tasks = agency.services.tasks
    ids = []
    for hours in (30, 3, 50):
        due = agency.clock.now() + timedelta(hours=hours)
        deal_id = await agency.deal(agency.anna, title=f"Авто {hours}")
        ids.append(await tasks.give(agency.anna, deal_id, TaskKind.CALCULATE, agency.egor.user_id, due))
    first, total = await tasks.mine(agency.egor, 0, size=2)
    second, _ = await tasks.mine(agency.egor, 1, size=2)
    assert ([task.id for task in [*first, *second]], total) == ([ids[1], ids[0], ids[2]], 3)
    assert (await tasks.mine(agency.anna))[1] == 0
    assert [task.id for task in (await tasks.mine(agency.anna, which=TaskFilter.GIVEN))[0]] == [ids[1], ids[0], ids[2]]
    assert (await tasks.mine(agency.boris, which=TaskFilter.GIVEN)) == ([], 0)
    assert (await tasks.mine(agency.faina)) == ([], 0)


async def test_the_last_executor_of_the_line_is_proposed(agency: Agency) -> None:
    tasks = agency.services.tasks
    kasko, osago = await agency.line("kasko"), await agency.line("osago")
    await given(agency)
    for seller, line, assignee in ((agency.anna, "osago", agency.faina), (agency.boris, "kasko", agency.faina)):
        deal_id = await agency.deal(seller, line=line)
        await tasks.give(seller, deal_id, TaskKind.CALCULATE, assignee.user_id, "2026-03-03T18:00")
    assert await tasks.proposed_executor(agency.anna, kasko) == agency.egor.user_id
    assert await tasks.proposed_executor(agency.anna, osago) == agency.faina.user_id
    assert await tasks.proposed_executor(agency.boris, osago) == agency.faina.user_id
    deal_id = await agency.deal(agency.anna, line="osago")
    first, second = await tasks.candidates(agency.anna, deal_id)
    assert (first.user.id, first.proposed, first.open_tasks) == (agency.faina.user_id, True, 2)
    assert (second.user.id, second.proposed, second.open_tasks) == (agency.egor.user_id, False, 1)


async def test_who_has_more_tasks_than_are_counted_says_so(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "BUSY", 1)
    for assignee, tasks in ((agency.egor, 3), (agency.faina, 1)):
        for _ in range(tasks):
            deal_id = await agency.deal(agency.boris)
            due = "2026-03-03T18:00"
            await agency.services.tasks.give(agency.boris, deal_id, TaskKind.CALCULATE, assignee.user_id, due)
    egor, faina = agency.egor.user_id, agency.faina.user_id
    found = await agency.services.tasks.candidates(agency.anna, await agency.deal(agency.anna, line="osago"))
    assert {one.user.id: str(one.open_tasks) for one in found} == {egor: "1+", faina: "1"}
    assert {
        one.user.id: str(one.has) for one in (await agency.services.people.successors(agency.galina, ["executor"]))[0]
    } == {
        egor: "1+",
        faina: "1",
    }


async def test_an_executor_who_left_is_not_proposed(agency: Agency) -> None:
    await given(agency)
    async with agency.database.writing() as session:
        user = await session.get_one(User, agency.egor.user_id)
        user.active = False
        await session.commit()
    line = await agency.line()
    assert await agency.services.tasks.proposed_executor(agency.anna, line) == agency.faina.user_id


async def test_a_message_is_known_by_its_id_to_the_one_who_got_it(agency: Agency) -> None:
    task_id = await given(agency)
    async with agency.database.writing() as session:
        row = (await session.execute(select(OutboxMessage))).scalar_one()
        row.message_id = 77
        await session.commit()
    about = await agency.services.tasks.about_message(agency.egor, 77)
    assert about is not None
    assert (about.kind, about.task_id) == ("task_given", task_id)
    assert await agency.services.tasks.about_message(agency.anna, 77) is None
    assert await agency.services.tasks.about_message(agency.egor, 78) is None


async def test_the_card_counts_papers_and_shows_the_last_words_of_the_journal(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    await agency.services.journal.add(agency.anna, deal_id, "Клиент на Камри")
    await agency.save(
        Document(
            deal_id=deal_id,
            name="птс.pdf",
            kind=DocumentKind.VEHICLE,
            size=1,
            mime="application/pdf",
            sha256=b"1" * 32,
            path="a/b",
            sent_by_id=agency.anna.user_id,
        )
    )
    task_id = await given(agency, deal_id=deal_id)
    card = await agency.services.tasks.card(agency.egor, task_id)
    assert (card.documents, card.works, card.manages) == (1, True, False)
    assert "Клиент на Камри" in [entry.text for entry in card.entries]
    assert card.task.deal.client.name == "Иванов Иван"
    card = await agency.services.tasks.card(agency.anna, task_id)
    assert (card.works, card.manages) == (False, True)


async def test_every_method_says_who_may_call_it() -> None:
    methods: list[Any] = [member for name, member in vars(TaskService).items() if not name.startswith("_")]
    assert all(hasattr(method, "policy") for method in methods)


async def test_a_new_task_is_proposed_for_the_ends_of_working_days(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna, executor_id=agency.egor.user_id)
    agency.at(2026, 3, 5, 9)  # a Thursday, noon in Moscow; Monday the 9th is a day off
    proposal = await agency.services.tasks.proposal(agency.anna, deal_id, TaskKind.CALCULATE)
    assert [f"{due:%d.%m %H:%M}" for due in proposal.dues] == [
        "05.03 18:00",
        "06.03 18:00",
        "10.03 18:00",
        "11.03 18:00",
    ]
    assert proposal.proposed == agency.egor.user_id
    agency.at(2026, 3, 5, 14)
    proposal = await agency.services.tasks.proposal(agency.anna, deal_id, TaskKind.CALCULATE)
    assert f"{proposal.dues[0]:%d.%m}" == "06.03"
    with pytest.raises(NotFound):
        await agency.services.tasks.proposal(agency.boris, deal_id, TaskKind.CALCULATE)


# --- where the deal stands when work is taken away -----------------------------------------------------------------


async def test_a_called_off_issue_leaves_the_deal_at_the_calculation_that_is_still_asked(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    await given(agency, deal_id=deal_id)
    issue = await given(agency, kind=TaskKind.ISSUE, deal_id=deal_id)
    await agency.services.tasks.cancel(agency.anna, issue, "Рано")
    assert (await deal_of(agency, issue)).stage is DealStage.CALCULATING


async def test_an_issue_with_nothing_before_it_can_be_called_off(agency: Agency) -> None:
    issue = await given(agency, kind=TaskKind.ISSUE)
    await agency.services.tasks.cancel(agency.anna, issue, "Передумал")
    assert (await deal_of(agency, issue)).stage is DealStage.COLLECTING


async def test_a_registered_policy_ends_the_calculation_it_came_of(agency: Agency) -> None:
    task_id = await given(agency)
    deal = await deal_of(agency, task_id)
    await register(agency, agency.egor, deal.id)
    assert (await task_of(agency, task_id)).status is TaskStatus.DONE
    assert (await deal_of(agency, task_id)).stage is DealStage.IN_FORCE


# --- a seller who is not here --------------------------------------------------------------------------------------


async def test_a_question_to_a_blocked_seller_reaches_the_admin(agency: Agency) -> None:
    task_id = await given(agency)
    await agency.services.tasks.accept(agency.egor, task_id)
    await agency.services.people.block(agency.galina, agency.anna.user_id)
    before = await messages(agency, agency.anna, new=False)
    await agency.services.tasks.ask(agency.egor, task_id, "Какой год?")
    assert await messages(agency, agency.anna, new=False) == before
    assert await messages(agency, agency.galina) == ["task_question"]


# --- another due, an answer ----------------------------------------------------------------------------------------


async def test_the_author_sets_another_due_and_the_executor_is_told(agency: Agency) -> None:
    task_id = await given(agency)
    await agency.services.tasks.set_due(agency.anna, task_id, "2026-03-06T12:00")
    assert (await task_of(agency, task_id)).due_at.astimezone(agency.anna.zone).isoformat().startswith("2026-03-06T12")
    assert await messages(agency, agency.egor) == ["task_given", "task_due"]
    late = await agency.rows(
        select(Reminder.local_date).where(
            Reminder.kind == ReminderKind.TASK_OVERDUE, Reminder.recipient_id == agency.egor.user_id
        )
    )
    assert [day.isoformat() for day in late] == ["2026-03-06"]
    with pytest.raises(AlreadyDone):
        await agency.services.tasks.set_due(agency.anna, task_id, "2026-03-06T12:00")
    with pytest.raises(Invalid):
        await agency.services.tasks.set_due(agency.anna, task_id, "2026-03-01T12:00")
    with pytest.raises(Forbidden):
        await agency.services.tasks.set_due(agency.egor, task_id, "2026-03-09T12:00")


async def test_an_answer_is_on_record_as_an_answer(agency: Agency) -> None:
    task_id = await given(agency)
    await agency.services.tasks.ask(agency.egor, task_id, "Какой год?")
    await agency.services.tasks.answer(agency.anna, task_id, "2019")
    actions = await agency.rows(select(AuditRecord.action).where(AuditRecord.actor_id == agency.anna.user_id))
    assert "task.answered" in actions
    assert "task.accepted" not in actions
