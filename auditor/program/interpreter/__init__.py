"""The abstract run of a program: a machine and what it does with each kind of syntax and call."""
