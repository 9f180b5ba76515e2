"""What things are: tables, enums and value types, true with no program running."""
