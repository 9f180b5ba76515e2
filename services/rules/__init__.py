"""Rules the owner of an agency would recognise, as pure functions: today and now are always arguments."""
