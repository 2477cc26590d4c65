"""Which part of the validation stream a value holds: its place, its targets, what is left out, what other ranks do."""
