"""The law on data: which tokens may be seen, and which must be scored."""
