"""Contract files: from bytes to a contract, and the file of a loop, which may not be there."""

from __future__ import annotations

from pathlib import Path

from flyball.adapters.rule_disk import RuleDisk
from flyball.adapters.rule_file import parsed
from flyball.core.labels.contract import Contract
from flyball.core.labels.contract_examples import Example, examples_of
from flyball.core.labels.contract_read import ContractText, own, read_contract
from flyball.errors import BadFile, Problem


def read(content: bytes, name: str) -> tuple[Contract, tuple[Problem, ...]]:
    """The contract that a file says, and what is legal but unwise in it. Raises BadFile with every mistake.

    As in rule files, no value is typed by YAML, nothing is expanded and no object is made from a tag.
    """
    return read_contract(_parsed(content, name))


def examples(content: bytes, name: str, contract: Contract) -> tuple[Example, ...]:
    """The examples that a file has for a contract. Raises BadFile with every mistake."""
    return examples_of(_parsed(content, name), contract)


def _parsed(content: bytes, name: str) -> ContractText:
    try:
        return ContractText(*parsed(content, name))
    except BadFile as error:
        raise BadFile(own(error.problems)) from error


class ContractDisk:
    """A loop's contract file. Most loops have none, and to find that out costs no wait."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._disk = RuleDisk(path, name)
        self._seen = False

    def read(self) -> tuple[bytes, str]:
        """The file's bytes and its name; while it is being written, the bytes from before. Raises OSError."""
        if not self._seen and not self._path.exists():
            raise FileNotFoundError(2, "there is no such file", str(self._path))
        self._seen = True
        return self._disk.read()
