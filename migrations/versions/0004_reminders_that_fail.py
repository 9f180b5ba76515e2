"""A reminder that cannot be fired waits by itself and says why, so that it holds up no other.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reminders", sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("reminders", sa.Column("error", sa.Text(), nullable=True))
    op.create_index("ix_reminders_failing", "reminders", ["id"], postgresql_where=sa.text("error IS NOT NULL"))


def downgrade() -> None:
    op.drop_index("ix_reminders_failing", table_name="reminders")
    op.drop_column("reminders", "error")
    op.drop_column("reminders", "attempts")
