"""Scenarios: rules tried on made-up series, what they must do, and whether anybody would notice a change."""
