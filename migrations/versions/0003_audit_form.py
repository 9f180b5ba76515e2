"""Audit records are hashed in a form that says which field is empty: a value that moves to its neighbour shows.

The first form joined the fields that had a value; records that were written in it keep their hashes.

Revision: 0003, after 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CHAIN = """
CREATE OR REPLACE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last bytea;
BEGIN
    PERFORM pg_advisory_xact_lock(4715001);
    SELECT hash INTO last FROM audit_records ORDER BY id DESC LIMIT 1;
    NEW.id := nextval(pg_get_serial_sequence('audit_records', 'id'));
    NEW.previous_hash := last;
    NEW.hash := sha256(coalesce(last, ''::bytea) || convert_to({form}, 'UTF8'));
    RETURN NEW;
END $$
"""
FORM = """json_build_array(NEW.id, to_char(NEW.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), NEW.actor_id,
        NEW.action, NEW.object_type, NEW.object_id, NEW.deal_id, NEW.changes)::text"""
FIRST_FORM = """concat_ws('|', NEW.id, to_char(NEW.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), NEW.actor_id,
        NEW.action, NEW.object_type, NEW.object_id, NEW.deal_id, NEW.changes::text)"""


def upgrade() -> None:
    op.execute(CHAIN.format(form=FORM))


def downgrade() -> None:
    op.execute(CHAIN.format(form=FIRST_FORM))
