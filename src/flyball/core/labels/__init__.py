"""How answers become labels."""
