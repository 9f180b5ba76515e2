"""An agency of any size in a migrated database, made by Postgres itself: a few set-based statements, no row in Python.

The same numbers give the same rows, and the deals of the first seller and of the first executor are the same whatever
the size: what is measured at a thousand deals and at a million is then the same work. Rows lie in the order of time, as
in a real database: what belongs to one person is spread over all of it. Used by the bench and the test of plans.

    python -m bench.data DATABASE_URL --deals 1000000
"""

# ruff: noqa: SIM905

import argparse
import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import asyncpg

from storage import schema

ADMIN_TELEGRAM_ID = 1_000_001
FIRST_SELLER_TELEGRAM_ID = 1_000_002
"""The first seller has `Sizes.first_seller` deals; telegram ids go on by one, sellers and then executors."""

STEMS = (
    "Абрам Агап Аксен Алтын Андре Аргун Баран Бахмет Белоус Березк Бочкар Булат Вагит Вавил Верхов Влас "
    "Воробь Галкин Герас Голуб Горбат Гусар Даны Дементь Дорох Дубров Евдоким Елис Ермак Жарк Журавл "
    "Завьял Зайц Зимин Зотик Иван Игнать Казан Калин Карпух Кирил Клим Ковал Козыр Кондрат Костром Кузнец "
    "Лавр Лапт Лебед Логин Лукьян Макар Малах Марты Матве Медвед Мельник Мирон Мороз Назар Некрас Никон "
    "Носк Озер Орлик Остап Павл Пантел Петр Пирож Полик Прохор Пугач Радищ Родион Рябин Савель Самойл "
    "Сидор Смирн Сокол Степан Суворик Тарас Тимоф Трофим Тулуп Устин Фадей Филат Фрол Харит Хохл Цветк "
    "Чернух Шаповал Шевел Шуб Щерб Юдаш Яким Ярош"
).split()
MIDDLES = "ал ан ар ат ел ен ер ет ик ил ин ит ог ол он ор от уг ул ур".split()
SUFFIXES = "ов ин ев енко ский ук ын аров инов енин".split()
GIVEN = "Анна Борис Вера Глеб Дарья Егор Жанна Захар Ирина Кирилл Лариса Марк Нина Олег Павел Роман Софья Тимур".split()
FATHERS = "Андреевич Борисович Викторович Глебович Денисович Ильич Кириллович Львович Олегович Петрович".split()
THINGS = (
    "Kia Rio|Лада Веста|Toyota Camry|Haval Jolion|Chery Tiggo|Hyundai Solaris|Квартира на Ленина|Дом в Сосновке|"
    "Груз стекла|Офис на Мира|Сотрудники склада|Поездка в Турцию"
).split("|")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of what there is. `due` leaves the reminders of past days to be fired; otherwise they were sent."""

    deals: int = 50_000
    sellers: int = 25
    first_seller: int = 1_000
    busy: int = 0
    """The last deals of all, on each of which an executor has a task to do and much else waits: with some thousands of
    them there is as much of everything as anybody counts, without the hundreds of thousands that it takes in life.
    """
    policies: int = 2  # a deal
    payments: int = 3  # a policy
    due: bool = False

    @property
    def executors(self) -> int:
        return max(1, self.sellers // 5)


def _h(number: str, salt: int, modulus: int) -> str:
    """A number from 0 that looks like chance and is always the same."""
    return f"((hashint8extended({number}, {salt}) & 9223372036854775807) % {modulus})::int"


def _pick(words: Sequence[str], number: str, salt: int) -> str:
    listed = ", ".join(f"'{word}'" for word in words)
    return f"(ARRAY[{listed}])[1 + {_h(number, salt, len(words))}]"


def _statements(sizes: Sizes, today: date, now: datetime) -> Iterator[tuple[str, str]]:
    """What is inserted into which table, in an order in which each can read from the ones before."""
    day, moment = f"DATE '{today:%Y-%m-%d}'", f"TIMESTAMPTZ '{now.isoformat()}'"
    first_seller, first_executor = 2, 2 + sizes.sellers
    yield (
        "users",
        f"""
        INSERT INTO users (id, telegram_id, full_name, roles, time_zone, language, digest_hour, quiet_from, quiet_to,
                           active, reachable, last_seen_at)
        SELECT n, {ADMIN_TELEGRAM_ID} + n - 1, {_pick(GIVEN, "n", 1)} || ' ' || {_pick(STEMS, "n", 2)} || 'ов',
               CASE WHEN n = 1 THEN ARRAY['admin'] WHEN n < {first_executor} THEN ARRAY['seller']
                    ELSE ARRAY['executor'] END,
               'Europe/Moscow', 'ru', 9, 21, 8, true, true, {moment}
        FROM generate_series(1, {1 + sizes.sellers + sizes.executors}) n
        """,
    )
    yield (
        "commission_rates",
        f"""
        INSERT INTO commission_rates (insurer_id, line_id, scope, kind, value, valid_from)
        SELECT id, NULL, 'any', 'percent', 10, {day} - 4000 FROM insurers
        """,
    )
    others = (
        f"{first_seller + 1} + (n - {sizes.first_seller} - 1) % {sizes.sellers - 1}"
        if sizes.sellers > 1
        else str(first_seller)
    )
    others_executor = (
        f"{first_executor + 1} + {_h('n', 14, sizes.executors - 1)}" if sizes.executors > 1 else str(first_executor)
    )

    def many(deal: str, often: int = 10) -> str:
        """How much more often something waits on a deal than on those that are not busy."""
        return f"CASE WHEN {deal} > {sizes.deals - sizes.busy} THEN {often} ELSE 1 END"

    ahead = f"CASE WHEN {_h('n', 20, 100)} < {many('n')} THEN -{_h('n', 21, 5)} ELSE {_h('n', 22, 180)} + 1 END"
    stage = (
        f"CASE WHEN n > {sizes.deals - sizes.busy} THEN 'calculating'"
        f" WHEN {_h('n', 10, 100)} < 12 THEN 'closed' WHEN {_h('n', 10, 100)} < 15 THEN 'collecting'"
        f" WHEN {_h('n', 10, 100)} < 18 THEN 'calculating' WHEN {_h('n', 10, 100)} < 20 THEN 'choosing'"
        f" WHEN {_h('n', 10, 100)} < 22 THEN 'issuing' ELSE 'in_force' END"
    )
    yield (
        "deals",
        f"""
        INSERT INTO deals (id, number, client_id, line_id, title, seller_id, executor_id, review_on, review_reason,
                           review_note, stage, outcome, close_reason, close_note, closed_at, vin, plate, address,
                           created_at, updated_at)
        SELECT n, 1000 + n, (n * 4 + 4) / 5, (SELECT min(id) FROM lines_of_business) + {_h("n", 11, 15)},
               {_pick(THINGS, "n", 12)} || ' ' || {_h("n", 13, 900)},
               CASE WHEN n <= {sizes.first_seller} THEN {first_seller} ELSE {others} END,
               CASE WHEN n <= {sizes.first_seller} THEN {first_executor} ELSE {others_executor} END,
               {day} + ({ahead}), 'by_hand', '', stage,
               CASE stage WHEN 'closed' THEN 'ended' END, CASE stage WHEN 'closed' THEN 'finished' END, '',
               CASE stage WHEN 'closed' THEN {moment} - make_interval(days => {_h("n", 15, 3000)}) END,
               upper(substr(md5(n::text), 1, 17)),
               CASE WHEN {_h("n", 16, 10)} < 6 THEN {_pick(tuple("АВЕКМНОРСТУХ"), "n", 17)}
                    || lpad({_h("n", 18, 1000)}::text, 3, '0') || {_pick(("ВС", "ЕК", "МН", "ОР", "ТУ"), "n", 19)}
                    || {_pick(("77", "177", "59", "66", "02"), "n", 23)} END,
               NULL, {moment} - make_interval(hours => {_h("n", 24, 90000)}),
               {moment} - make_interval(mins => {_h("n", 25, 500000)})
        FROM (SELECT n, {stage} AS stage FROM generate_series(1, {sizes.deals}) n) made
        ORDER BY {_h("n", 24, 90000)} DESC
        """,
    )
    # Half of the surnames are common; the others come from so many that the words are as many as in real life.
    middle = f"CASE WHEN {_h('c', 41, 2)} = 0 THEN '' ELSE {_pick(MIDDLES, 'c', 42)} || {_pick(MIDDLES, 'c', 43)} END"
    surname = f"{_pick(STEMS, 'c', 30)} || {middle} || {_pick(SUFFIXES, 'c', 31)}"
    yield (
        "clients",
        f"""
        INSERT INTO clients (id, name, seller_id, kind, inn, note, birth_date)
        SELECT c, CASE WHEN company THEN 'ООО ' || {_pick(STEMS, "c", 32)}
                    || {_pick(("строй", "торг", "снаб"), "c", 33)} || ' ' || {_h("c", 34, 100_000)}
                  ELSE {surname} || ' ' || {_pick(GIVEN, "c", 35)} || ' ' || {_pick(FATHERS, "c", 36)} END,
               seller_id, CASE WHEN company THEN 'company' ELSE 'person' END,
               CASE WHEN company THEN (7700000000 + c)::text END, '',
               CASE WHEN company THEN NULL ELSE {day} - 9000 - {_h("c", 37, 15000)} END
        FROM (SELECT client_id AS c, min(seller_id) AS seller_id, {_h("client_id", 38, 10)} < 2 AS company,
                     min(created_at) AS first FROM deals GROUP BY client_id) found ORDER BY first
        """,
    )
    yield (
        "client_phones",
        f"""
        INSERT INTO client_phones (client_id, e164)
        SELECT id, '+79' || lpad({_h("id", 40, 1_000_000_000)}::text, 9, '0') FROM clients ORDER BY id
        """,
    )
    yield (
        "name_words",
        """
        INSERT INTO name_words (word) SELECT word FROM (SELECT unnest(words) AS word FROM clients
            UNION SELECT unnest(words) FROM deals) AS known WHERE word !~ '[0-9]'
        """,
    )
    yield (
        "deal_expenses",
        """
        INSERT INTO deal_expenses (deal_id, kind, payee, percent) SELECT id, 'client_discount', '', 5
        FROM deals WHERE id % 20 = 0 ORDER BY id
        """,
    )
    yield (
        "variants",
        f"""
        INSERT INTO variants (deal_id, number, insurer_id, premium, author_id, product, sum_insured, plan, comment,
                              status, chosen_at, offered_at)
        SELECT d.id, v, (SELECT min(id) FROM insurers) + {_h("d.id * 4 + v", 50, 15)},
               5000 + {_h("d.id * 4 + v", 51, 90000)}, d.executor_id, '', 1000000, 'quarters', '',
               CASE WHEN d.stage = 'choosing' THEN 'offered' WHEN v = 1 THEN 'chosen' ELSE 'not_selected' END,
               CASE WHEN v = 1 AND d.stage <> 'choosing' THEN d.created_at END, d.created_at
        FROM deals d, generate_series(1, 3) v WHERE d.stage NOT IN ('collecting', 'calculating')
        ORDER BY d.created_at, v
        """,
    )
    ends = f"{day} + {_h('d.id', 60, 365)} - 7 * {many('d.id')} - 365 * ({sizes.policies} - p)"
    yield (
        "policies",
        f"""
        INSERT INTO policies (id, number, deal_id, client_id, insurer_id, line_id, premium, starts_on, ends_on,
                              registered_by_id, plan, rate_kind, rate_value, outcome, outcome_on, previous_policy_id,
                              variant_id, created_at)
        SELECT id, {_pick(("ХХХ", "ААС", "RESO", "SYS", "7100"), "deal_id", 61)}
                   || lpad((id * 7919 % 10000000000)::text, 10, '0'),
               deal_id, client_id, (SELECT min(id) FROM insurers) + {_h("id", 62, 15)}, line_id,
               5000 + {_h("id", 63, 90000)}, ends_on - 364, ends_on, executor_id, 'quarters', 'percent', 10,
               CASE WHEN p < {sizes.policies} THEN 'renewed' WHEN stage = 'closed' THEN 'lost' END,
               CASE WHEN p < {sizes.policies} OR stage = 'closed' THEN ends_on END,
               CASE WHEN p > 1 THEN id - 1 END, variant_id, ends_on - 365
        FROM (SELECT (d.id - 1) * {sizes.policies} + p AS id, d.id AS deal_id, d.client_id, d.line_id, d.executor_id,
                     d.stage, p, v.id AS variant_id, {ends} AS ends_on
              FROM deals d CROSS JOIN generate_series(1, {sizes.policies}) p
                   LEFT JOIN variants v ON v.deal_id = d.id AND v.number = 1 AND p = 1) made ORDER BY ends_on
        """,
    )
    yield (
        "payments",
        f"""
        INSERT INTO payments (id, policy_id, deal_id, seq, due_on, amount, paid_amount, settled_on, confirmed_on,
                              waived_at, waived_reason)
        SELECT id, policy_id, deal_id, seq, due_on, amount, CASE WHEN paid THEN amount ELSE 0 END,
               CASE WHEN paid THEN due_on END, CASE WHEN paid THEN due_on END, CASE WHEN NOT paid THEN closed_at END, ''
        FROM (SELECT *, due_on < {day} AND NOT (due_on > {day} - 30 AND {_h("id", 70, 50)} < {many("deal_id")}) AS paid
              FROM (SELECT (p.id - 1) * {sizes.payments} + q AS id, p.id AS policy_id, p.deal_id, p.starts_on, q AS seq,
                           (p.starts_on + make_interval(months => (q - 1) * 12 / {sizes.payments}))::date AS due_on,
                           round(p.premium / {sizes.payments}, 2) AS amount, d.closed_at
                    FROM policies p JOIN deals d ON d.id = p.deal_id, generate_series(1, {sizes.payments}) q) planned
             ) made ORDER BY starts_on, id
        """,
    )
    yield (
        "incomes",
        f"""
        INSERT INTO incomes (payment_id, deal_id, expected_on, expected_amount, kind, received_on, received_amount,
                             status)
        SELECT id, deal_id, due_on + 30,
               CASE WHEN id % 1009 < {many("deal_id", 28)} AND NOT got THEN NULL ELSE round(amount / 10, 2) END,
               'commission', CASE WHEN got THEN due_on + 30 END, CASE WHEN got THEN round(amount / 10, 2) ELSE 0 END,
               CASE WHEN got THEN 'received' WHEN waived_at IS NOT NULL THEN 'written_off' ELSE 'expected' END
        FROM (SELECT *, settled_on IS NOT NULL AND due_on + 30 < {day} AS got FROM payments) made
        """,
    )
    yield (
        "expenses",
        """
        INSERT INTO expenses (payment_id, deal_id, kind, expected_on, expected_amount, payee, paid_amount, paid_on,
                              status)
        SELECT id, deal_id, 'client_discount', due_on, round(amount / 20, 2), '',
               CASE WHEN settled_on IS NULL THEN 0 ELSE round(amount / 20, 2) END, settled_on,
               CASE WHEN settled_on IS NOT NULL THEN 'paid' WHEN waived_at IS NOT NULL THEN 'written_off'
                    ELSE 'expected' END
        FROM payments WHERE id % 4 = 0
        """,
    )
    yield (
        "money_moves",
        f"""
        INSERT INTO money_moves (kind, on_date, amount, by_id, at, payment_id)
        SELECT 'client_paid', settled_on, paid_amount, {first_seller}, settled_on + TIME '12:00', id
        FROM payments WHERE settled_on IS NOT NULL ORDER BY settled_on, id
        """,
    )
    yield (
        "tasks",
        f"""
        INSERT INTO tasks (id, kind, deal_id, author_id, assignee_id, due_at, comment, status, accepted_at, finished_at,
                           created_at)
        SELECT id, CASE WHEN stage = 'issuing' THEN 'issue' ELSE 'calculate' END, id, seller_id, executor_id,
               CASE WHEN done THEN created_at ELSE {moment} + make_interval(hours => {_h("id", 80, 400)} - 20) END, '',
               CASE WHEN done THEN 'done' WHEN {_h("id", 81, 8)} = 0 THEN 'question' ELSE 'queued' END,
               CASE WHEN done THEN created_at END, CASE WHEN done THEN created_at END, created_at
        FROM (SELECT *, stage NOT IN ('calculating', 'issuing') AS done FROM deals) made ORDER BY created_at
        """,
    )
    yield (
        "task_moves",
        """
        INSERT INTO task_moves (task_id, status, by_id, at, comment)
        SELECT t.id, s, t.assignee_id, t.created_at, CASE s WHEN 'question' THEN 'Сколько водителей?' ELSE '' END
        FROM tasks t, LATERAL (SELECT 'queued' AS s UNION ALL SELECT t.status WHERE t.status <> 'queued') moves
        ORDER BY t.created_at
        """,
    )
    yield (
        "journal_entries",
        """
        INSERT INTO journal_entries (deal_id, author_id, text, event, params, created_at)
        SELECT d.id, CASE WHEN e = 1 THEN NULL ELSE d.seller_id END,
               CASE WHEN e = 1 THEN '' ELSE 'Созвонились, думает' END,
               CASE WHEN e = 1 THEN 'deal_opened' END, '{}', d.created_at + make_interval(hours => e)
        FROM deals d, generate_series(1, 4) e ORDER BY d.created_at, e
        """,
    )
    yield (
        "documents",
        """
        INSERT INTO documents (deal_id, name, kind, size, mime, sha256, path, sent_by_id, telegram_type, created_at)
        SELECT d.id, 'полис.pdf', 'policy', 10000, 'application/pdf', sha256((d.id * 2 + f)::text::bytea),
               'bench/' || (d.id * 2 + f), d.seller_id, 'document', d.created_at
        FROM deals d, generate_series(0, 1) f ORDER BY d.created_at, f
        """,
    )
    yield (
        "parcels",
        f"""
        INSERT INTO parcels (user_id, group_key, caption, deal_id, settled_at)
        SELECT seller_id, 'bench:' || id, '', id, {moment} FROM deals WHERE id % 10 = 0 ORDER BY id
        """,
    )
    yield (
        "parcel_items",
        """
        INSERT INTO parcel_items (parcel_id, name, text, path, size, mime, telegram_type)
        SELECT id, 'скан.jpg', '', 'bench/parcel/' || id, 1000, 'image/jpeg', 'photo' FROM parcels ORDER BY id
        """,
    )
    past = "planned" if sizes.due else "sent"
    status = f"CASE WHEN due_at > {moment} THEN 'planned' ELSE '{past}' END"
    sent = f"CASE WHEN due_at > {moment} OR '{past}' = 'planned' THEN NULL ELSE due_at END"
    columns = "kind, object_id, step, recipient_id, local_date, due_at, deal_id, event_on, status, sent_at, attempts"
    yield (
        "reminders",
        f"""
        INSERT INTO reminders ({columns})
        SELECT kind, object_id, step, recipient_id, local_date, due_at, deal_id, event_on, {status}, {sent}, 0
        FROM (
            SELECT 'policy_end' AS kind, p.id AS object_id, -s AS step, d.seller_id AS recipient_id,
                   p.ends_on - s AS local_date, (p.ends_on - s + TIME '06:00') AT TIME ZONE 'UTC' AS due_at,
                   d.id AS deal_id, p.ends_on AS event_on
            FROM policies p JOIN deals d ON d.id = p.deal_id, unnest(ARRAY[30, 14, 7, 1]) s
            WHERE p.outcome IS NULL AND d.stage <> 'closed' AND p.ends_on - s > {day} - 3
            UNION ALL
            SELECT 'payment', p.id, -s, d.seller_id, p.due_on - s, (p.due_on - s + TIME '06:00') AT TIME ZONE 'UTC',
                   d.id, p.due_on
            FROM payments p JOIN deals d ON d.id = p.deal_id, unnest(ARRAY[14, 7, 3, 0]) s
            WHERE p.settled_on IS NULL AND d.stage <> 'closed' AND p.due_on - s > {day} - 3
            UNION ALL
            SELECT 'review', d.id, 0, d.seller_id, d.review_on, (d.review_on + TIME '06:00') AT TIME ZONE 'UTC',
                   d.id, d.review_on
            FROM deals d WHERE d.stage <> 'closed'
            UNION ALL
            SELECT 'digest', u.id, 0, u.id, {day} + 1, ({day} + 1 + TIME '06:00') AT TIME ZONE 'UTC', NULL, NULL
            FROM users u
        ) made ORDER BY made.due_at
        """,
    )
    yield (
        "outbox",
        f"""
        INSERT INTO outbox (recipient_id, kind, params, edits_card, deal_id, status, attempts, sent_at, message_id,
                            card_key, created_at)
        SELECT seller_id, 'task_done', '{{"task_id": 1}}', false, id, 'done', 1, {moment}, 1000000 + id, 'task:' || id,
               created_at
        FROM deals ORDER BY created_at
        """,
    )
    yield (
        "inbox",
        f"""
        INSERT INTO inbox (bot_id, update_id, person_id, payload, received_at, status, attempts, done_at)
        SELECT 1, id, {ADMIN_TELEGRAM_ID} + seller_id - 1, '{{"message": {{"text": "привет"}}}}', {moment}, 'done', 1,
               {moment}
        FROM deals ORDER BY id
        """,
    )
    yield (
        "effects",
        f"""
        INSERT INTO effects (key, result, at) SELECT '1:' || id || '/DealService.postpone/1', 'null', {moment}
        FROM deals ORDER BY id
        """,
    )
    yield (
        "audit_records",
        f"""
        INSERT INTO audit_records (at, actor_id, action, object_type, object_id, deal_id, changes, hash)
        SELECT at, seller_id, action, 'deal', id, id, '{{}}', sha256('no chain'::bytea)
        FROM (SELECT d.id, d.seller_id, action,
                     {moment} - make_interval(mins => ({sizes.deals} - d.id)::int * 2) AS at
              FROM deals d, unnest(ARRAY['deal.opened', 'deal.postponed']) action) made ORDER BY at, action
        """,
    )


_INDEXES = """
    SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE c.relnamespace = 'public'::regnamespace AND NOT EXISTS (
        SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
"""
_COUNTERS = """
    SELECT c.table_name AS name, pg_get_serial_sequence(c.table_name, c.column_name) AS sequence
    FROM information_schema.columns c WHERE c.table_schema = 'public' AND c.is_identity = 'YES'
"""


async def fill(url: str, sizes: Sizes, *, now: datetime | None = None) -> None:
    """Fill a migrated, empty database; keys and indexes are there and statistics are fresh when it returns."""
    now = now or datetime.now(UTC)
    connection = await asyncpg.connect(schema.dsn(url))
    try:
        # References hold by construction, and the audit's chain would make a million rows wait for each other.
        await connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        await connection.execute("SET maintenance_work_mem = '512MB'; SET work_mem = '256MB'")
        indexes = await connection.fetch(_INDEXES)
        for index in indexes:
            await connection.execute(f"DROP INDEX {index['name']}")
        for _table, statement in _statements(sizes, now.date(), now):
            await connection.execute(statement)
        for index in indexes:
            await connection.execute(index["definition"])
        for counter in await connection.fetch(_COUNTERS):
            await connection.execute(
                f"SELECT setval('{counter['sequence']}', greatest((SELECT max(id) FROM {counter['name']}), 1))"
            )
        await connection.execute(f"SELECT setval('deal_number', {1000 + sizes.deals})")
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.data", description="Fill a migrated, empty database.")
    parser.add_argument("url", metavar="DATABASE_URL")
    parser.add_argument("--deals", type=int, default=50_000)
    parser.add_argument("--sellers", type=int, default=0, help="default: one for each thousand of deals")
    parser.add_argument("--policies", type=int, default=2, help="a deal")
    parser.add_argument("--payments", type=int, default=4, help="a policy")
    given = parser.parse_args()
    sellers = given.sellers or max(1, given.deals // 1000)
    began = time.monotonic()
    sizes = Sizes(given.deals, sellers, policies=given.policies, payments=given.payments)
    asyncio.run(fill(given.url, sizes))
    print(f"{given.deals} deals of {sellers} sellers in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
