"""From facts to a report: gather, judge, weigh against the probe. All values."""
