"""What the program counts as the bytes of a token: its tables, worked out on sample pieces, and tokenizer files."""
