"""How the program goes about the validation stream: what it reads, leaves out, reorders, stores and trains on."""
