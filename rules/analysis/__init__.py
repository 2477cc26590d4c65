"""What rules still find out about code by themselves; it moves into `auditor.program`."""
