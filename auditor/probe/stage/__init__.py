"""The stage: a world with one H100 as a submission sees it, on a CPU. Runs in the sandboxed child, never elsewhere."""
