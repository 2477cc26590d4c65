"""Fuzzers of the auditor: odd repositories and mutants of submissions, of our own making.

What it must never do, whatever is handed in: raise, let a rule end in `error`, print what acts, or pass its limits.
"""
