"""What the forward pass of a model mixes: attention, masks, shifts, and which dimension stands for what."""
