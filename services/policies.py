"""Policies: registered from a variant with their whole money plan, renewed, moved, lost, cancelled."""

from services.access import Service


class PolicyService(Service):
    """What people do with policies."""
