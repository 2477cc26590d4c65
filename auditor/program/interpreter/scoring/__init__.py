"""What outputs become: losses and figures, their recipe, changes of weights, and what leaves them in doubt."""
