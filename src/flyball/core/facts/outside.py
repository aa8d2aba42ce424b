"""What sources outside sent that is no answer: what could not be read, and what was deleted there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class DeliveryUnread:
    """Something came from a source and could not be read as answers. Its bytes are kept with this fact.

    `where`: the file and line, the topic and offset, or "webhook". `problems`: sentences, each with its
    place; `code` is the word for the first of them.
    """

    kind: ClassVar[str] = "delivery-unread"
    source: str
    where: str
    code: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WordsDeleted:
    """A source says that these words of its annotators were deleted there. Of whom and about what, it may
    not say; whoever finds the answers that they were writes down that those are taken back.
    """

    kind: ClassVar[str] = "words-deleted"
    source: str
    words: tuple[str, ...]
