"""A local Telegram: a strict Bot API server, virtual users and a chat page. The product imports nothing of it."""
