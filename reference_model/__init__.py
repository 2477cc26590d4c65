"""A trainer that reproduces the 1.0924 record of the Parameter Golf challenge, and golf-reproduce around it."""
