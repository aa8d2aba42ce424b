"""The operator's rules: read, checked, evaluated and looked at over time."""
