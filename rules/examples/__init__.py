"""The pieces that examples of the rules are made of."""
