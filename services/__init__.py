"""What the business does: one method is one permission check and one transaction; the pure part is in `rules`."""
