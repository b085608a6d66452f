"""
Pages for people, as a browser takes them.
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html.parser import HTMLParser

_VOID = ("meta", "link", "rect", "br", "hr", "img", "input")


class Page(HTMLParser):
    """
    :ivar text: what is to be read on it.
    :ivar tags: of all elements, in order.
    :ivar links: addresses in it.
    :ivar attributes: the names of all that there are.
    :ivar unclosed: elements that are not ended, or not in order.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.unclosed: list[str] = []
        self._sources: dict[str, list[str]] = {"style": [], "script": []}
        self.feed(content.decode())
        self.close()

    def sources(self, kind: str) -> Sequence[str]:
        """
        What a policy calls each style sheet or script that stands in it.
        """
        digests = (sha256(s.encode()).digest() for s in self._sources[kind])
        return [f"'sha256-{b64encode(digest).decode()}'" for digest in digests]

    def handle_starttag(
        self, tag: str, attrs: Sequence[tuple[str, str | None]]
    ) -> None:
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links += [v or "" for name, v in attrs if name in ("href", "src")]
        if tag not in _VOID:
            self.unclosed.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.unclosed and self.unclosed[-1] == tag:
            self.unclosed.pop()

    def handle_data(self, data: str) -> None:
        inside = self.unclosed[-1] if self.unclosed else ""
        if inside in self._sources:
            self._sources[inside].append(data)
        else:
            self.text += data
