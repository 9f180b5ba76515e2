"""Why commission is disputed or given up, beside it: only the audit trail, which admins read, had it.

Revision: 0011, after 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incomes", sa.Column("status_reason", sa.String(300), server_default="", nullable=False))
    op.execute(
        "UPDATE incomes SET status_reason = told.reason FROM ("
        " SELECT DISTINCT ON (object_id) object_id, action, changes->>'reason' AS reason FROM audit_records"
        " WHERE action IN ('income.disputed', 'income.written_off', 'income.expected') AND changes ? 'status'"
        " ORDER BY object_id, id DESC) AS told"
        " WHERE told.object_id = incomes.id AND told.action = 'income.' || status AND told.reason IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_column("incomes", "status_reason")
