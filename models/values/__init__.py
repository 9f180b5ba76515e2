"""Values that would be true on a whiteboard: sums, phone numbers, periods. No clock, no input, no output."""
