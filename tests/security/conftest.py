"""The agency of the service tests, for those who try to get at what is not theirs."""

from tests.services.conftest import agency

__all__ = ["agency"]
