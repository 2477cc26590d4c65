"""Where a score is mixed from several models: byte models, and the gates of n-gram hints, in Python."""
