"""The commands: the only place that knows both the auditor and the rules."""
