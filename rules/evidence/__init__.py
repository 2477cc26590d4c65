"""The law on evidence: what a claim must show."""
