"""What a benchmark ran on: the same facts in every file of figures."""

from __future__ import annotations

import os
import platform
from typing import Any


def machine(**more: str) -> dict[str, Any]:
    """The processor, its cores, the load, the system, Python, and the versions that matter here."""
    return {
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        **more,
    }
