"""The same loop on a virtual clock with simulated people."""
