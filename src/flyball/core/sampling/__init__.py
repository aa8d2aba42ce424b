"""Which items to ask about next, and how many we can afford."""
