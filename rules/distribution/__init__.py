"""The law on distributions: what is scored is a probability that sums to one."""
