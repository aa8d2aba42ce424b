"""The files that a new loop's directory begins with."""

from __future__ import annotations

from pathlib import Path

import flyball


def project_files(project: str) -> dict[str, bytes]:
    """Every file by its path in the new directory: loop.toml of that project, rules, flows, prefect.yaml."""
    package = Path(flyball.__file__).parent
    root = package / "_project"
    if not root.is_dir():  # run from a checkout
        root = package.parent.parent
    found = {"loop.toml": package / "projects" / project / "loop.toml", "prefect.yaml": root / "prefect.yaml"}
    copied = (("flows", "*.py"), ("rules", "*.yaml"), ("rules", "README.md"), ("rules/tests", "*.yaml"))
    for folder, pattern in copied:
        found |= {f"{folder}/{path.name}": path for path in sorted((root / folder).glob(pattern))}
    return {name: path.read_bytes() for name, path in found.items()}
