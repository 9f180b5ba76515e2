"""Variants: entered by the executor, handed in, compared, chosen by the client."""

from services.access import Service


class VariantService(Service):
    """What people do with the variants of a calculation."""
