"""Use cases, one verb each: read ports, ask the core, write ports."""
