"""The law on order: what is scored before what is learned from it."""
