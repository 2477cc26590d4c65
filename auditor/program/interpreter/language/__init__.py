"""What each kind of syntax does: statements, expressions, calls of the program's own functions and classes."""
