"""Handlers whose user is the clock."""
