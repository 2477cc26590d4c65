"""What calls of libraries do: torch, numpy, the standard library, builtins, and methods of their objects."""
