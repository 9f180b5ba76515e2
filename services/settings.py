"""Settings of the agency and of a person."""

from services.access import Service


class SettingsService(Service):
    """What people and admins set for themselves and for all."""
