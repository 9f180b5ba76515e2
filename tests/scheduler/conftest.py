"""The clock over the same small agency as the services' tests."""

from tests.services.conftest import Agency, agency

__all__ = ["Agency", "agency"]
