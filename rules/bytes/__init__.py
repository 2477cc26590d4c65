"""The law on bytes: what the score is divided by."""
