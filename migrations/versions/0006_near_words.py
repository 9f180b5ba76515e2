"""Names with typos by the index alone, and maintenance that walks nothing.

Revision: 0006, after 0005

How alike two words are takes Postgres microseconds, which it believes to be nothing: it compared a typed word with
every known one, or sorted thousands by it. A function may tell it not to, and from how much likeness on to look.

What is done and old is deleted by day: a block range index costs an update next to nothing. Whoever becomes an admin is
given the few steps of the planned reminders that admins hear of: an index of these alone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# `typed` is letters alone; `swaps` are the word, and what it was if two neighbouring letters have changed places. Of a
# word of two letters there is nothing to compare. The operator is what the index serves, the function is not.
NEAR = """
CREATE FUNCTION near_words(typed text, threshold real, most integer)
RETURNS TABLE (known text, likeness double precision) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    swaps text[] := ARRAY(
        SELECT left(typed, at - 1) || substr(typed, at + 1, 1) || substr(typed, at, 1) || substr(typed, at + 2)
        FROM generate_series(1, length(typed) - 1) AS at) || typed;
BEGIN
    IF length(typed) < 3 THEN
        RETURN QUERY
            SELECT w.word, CASE WHEN w.word = typed THEN 4.0 WHEN w.word = ANY (swaps) THEN 3.0 ELSE 2.0 END::float8
            FROM name_words w WHERE w.word = ANY (swaps) OR w.word LIKE typed || '%'
            ORDER BY 2 DESC, 1 LIMIT most;
        RETURN;
    END IF;
    PERFORM set_config('pg_trgm.similarity_threshold', threshold::text, true);
    RETURN QUERY
        SELECT w.word, CASE WHEN w.word = typed THEN 4.0 WHEN w.word = ANY (swaps) THEN 3.0
                            WHEN starts_with(w.word, typed) THEN 2.0 WHEN w.word LIKE '%' || typed || '%' THEN 1.0
                            ELSE similarity(w.word, typed) END::float8
        FROM name_words w WHERE w.word = ANY (swaps) OR w.word LIKE '%' || typed || '%' OR w.word % typed
        ORDER BY 2 DESC, 1 LIMIT most;
END $$
"""


def upgrade() -> None:
    op.execute(NEAR)
    op.create_index("ix_inbox_done_at", "inbox", ["done_at"], postgresql_using="brin")
    op.create_index(
        "ix_reminders_admin",
        "reminders",
        ["kind", "object_id", "step", "due_at"],
        postgresql_where=sa.text("status = 'planned' AND (kind = 'payment' AND step >= 7 OR kind = 'task_question')"),
    )


def downgrade() -> None:
    op.drop_index("ix_reminders_admin", table_name="reminders")
    op.drop_index("ix_inbox_done_at", table_name="inbox")
    op.execute("DROP FUNCTION near_words(text, real, integer)")
