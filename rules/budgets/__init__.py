"""The law on budgets: bytes, seconds, hardware."""
