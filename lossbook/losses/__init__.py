"""The losses, by family: a formula and its derivatives, side by side."""
