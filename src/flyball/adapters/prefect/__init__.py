"""Prefect as the engine that runs the lanes."""
