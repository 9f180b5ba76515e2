"""The morning digest: what burns, what is today, who waits."""

from services.access import Service


class DigestService(Service):
    """One person's day, card by card."""
