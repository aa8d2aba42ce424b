"""The manners of this code base, as tests: what nobody checks is a wish."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "flyball"
MODULES = sorted(SRC.rglob("*.py")) + sorted((ROOT / "flows").glob("*.py"))
#: Migrations are named after what they do and keep to Alembic's form.
FREE = {"migrations"}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_opens_with_one_sentence_and_stays_small(path: Path) -> None:
    text = path.read_text()
    opening = (ast.get_docstring(ast.parse(text)) or "").partition("\n\n")[0]
    assert opening.rstrip().endswith((".", ":")), "a module opens with a sentence"
    assert text.count("\n") <= 300, "a module that grows past 300 lines is two modules"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_no_function_is_longer_than_a_page(path: Path) -> None:
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > 55
        and not FREE & set(path.parts)
    ]
    assert not long


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_what_others_may_use_is_explained(path: Path) -> None:
    silent = [
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not silent


def test_nothing_names_an_index_or_a_path_of_a_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    hosts = re.compile(r"https?://[a-z.]*(?:py|npm|deb)[a-z]*\.(?:org|com)|(?<![.\w])/(?:work|farm|root)/")
    found = [
        name
        for name in listed.stdout.split()
        if name != _name(Path(__file__)) and hosts.search((ROOT / name).read_text(errors="replace"))
    ]
    assert not found


HEAVY = ("prefect", "mlflow", "pandas", "sklearn", "lightgbm", "sqlalchemy", "pyarrow")


@pytest.mark.parametrize(
    "words",
    [["--help"], ["rules", "check", str(ROOT / "rules" / "adaptive.yaml")]],
    ids=["help", "rules check"],
)
def test_a_light_command_wakes_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\nfrom flyball.cli.main import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("heavy: []")


def test_importing_the_use_cases_wakes_no_vendor() -> None:
    modules = [f"flyball.work.{path.stem}" for path in (SRC / "work").glob("*.py") if path.stem != "__init__"]
    code = f"import sys, {', '.join(modules)}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_decision_has_its_status() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert pages
    without = [page.name for page in pages if "\nStatus: " not in page.read_text()]
    assert not without


def test_nobody_mocks() -> None:
    words = ("unittest.mock", "monkeypatch.setattr", "mocker.")
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    assert not [_name(path) for path in tests if any(word in path.read_text() for word in words)]


def test_the_reference_pages_say_what_the_catalogues_say() -> None:
    from flyball.cli.reference import pages

    folder = ROOT / "docs" / "reference"
    stale = [name for name, text in pages().items() if (folder / name).read_text() != text]
    assert not stale, "make docs"
