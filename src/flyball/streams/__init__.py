"""Streams that come with Flyball."""
