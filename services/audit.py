"""Who did what: the audit records, filtered and verified."""

from services.access import Service


class AuditService(Service):
    """What an admin looks up about the past."""
