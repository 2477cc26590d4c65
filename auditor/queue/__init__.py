"""Many submissions in one go."""
