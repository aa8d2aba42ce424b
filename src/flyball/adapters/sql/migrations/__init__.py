"""How a store gets from one version of Flyball to the next; each step is one file in `versions`."""

from __future__ import annotations

#: All revisions, the oldest first, so that a store can be recognised without loading Alembic.
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
