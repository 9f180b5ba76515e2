"""The grammar of screens: what two unrelated features want word for word."""
