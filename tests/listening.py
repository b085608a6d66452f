"""
Somebody who listens to what goes on, as far as it has come.
"""

import json
from typing import Any

from attrs import define

from tests.proxy_case import ProxyTestCase, Wire


@define(eq=False)
class Listening:
    """
    :ivar wire: its connection; by HTTP/1.0, so that its body is what was sent.
    """

    wire: Wire

    @property
    def said(self) -> list[str]:
        """
        What came between empty lines, whole.
        """
        return self.wire.body.decode().split("\n\n")[:-1]

    @property
    def states(self) -> list[dict[str, Any]]:
        return [json.loads(data) for data in self.data("state")]

    @property
    def state(self) -> dict[str, Any]:
        """
        The last that was told.
        """
        return self.states[-1]

    def data(self, kind: str) -> list[str]:
        found = []
        for said in self.said:
            first, *lines = said.split("\n")
            if first == f"event: {kind}":
                found.append("\n".join(line.removeprefix("data: ") for line in lines))
        return found


class ListeningTestCase(ProxyTestCase):
    def listen(self, *headers: str, query: str = "") -> Listening:
        wire = self.connect()
        wire.send(f"GET /-/events{query} HTTP/1.0", *headers)
        return Listening(wire)

    def state(self) -> dict[str, Any]:
        """
        How things are now, as somebody is told who leaves again.
        """
        self.advance(1.0)
        listening = self.listen()
        state = listening.state
        listening.wire.hang_up()
        return state
