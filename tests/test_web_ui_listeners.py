"""
Tests for :mod:`proxypypi.web.ui.listeners`.
"""

import socket
from base64 import b64encode
from typing import Any

from twisted.logger import LogLevel, capturedLogs

from proxypypi.cache.lookout import Lookout
from proxypypi.events import REQUESTS, SENT
from tests.listening import Listening, ListeningTestCase
from tests.passwords import write_users
from tests.proxy_case import ProxyTestCase

MOST = 50


class ListenersTestCase(ListeningTestCase):
    def start_proxy(self, *args: Any, **more: Any) -> None:
        super().start_proxy(*args, **more)
        self.index.add_project("demo")

    def happen(self) -> None:
        """
        Have something change.
        """
        self.get("/simple/demo/")

    def looks(self) -> list[int]:
        """
        :returns: is made longer with each look.
        """
        looks: list[int] = []
        look = Lookout._look

        async def note(lookout: Lookout) -> Any:
            looks.append(1)
            return await look(lookout)

        self.patch(Lookout, "_look", note)
        return looks


class TellingTests(ListenersTestCase):
    def test_at_once(self) -> None:
        """
        Who listens is told at once how things are, and when to come back.
        """
        listening = self.listen()
        self.assertEqual(200, listening.wire.code)
        head = listening.wire.received.partition(b"\r\n\r\n")[0].split(b"\r\n")
        for line in (
            b"Content-Type: text/event-stream",
            b"Cache-Control: no-store",
            b"X-Accel-Buffering: no",
        ):
            self.assertIn(line, head)
        self.assertEqual("retry: 2000", listening.said[0])
        self.assertEqual([], listening.state["troubles"])
        self.assertEqual(1, len(listening.states))

    def test_changes(self) -> None:
        """
        What has changed is told within two seconds, once, and not what has not.
        """
        first, second = self.listen(), self.listen()
        self.happen()
        self.advance(2)
        for listening in (first, second):
            told = [state["requests"].get("miss", 0) for state in listening.states]
            self.assertEqual([0, 1], told)
        self.advance_slowly(8)
        self.assertEqual(2, len(first.states))

    def test_not_more_often(self) -> None:
        """
        However much happens, it is told every two seconds.
        """
        listening = self.listen()
        for _ in range(100):
            self.happen()
            self.advance(0.1)
        self.assertLessEqual(len(listening.states), 6)

    def test_silence(self) -> None:
        """
        When nothing happens, that is said within 15 seconds, again and again.
        """
        listening = self.listen()
        for count in (1, 2, 3):
            for _ in range(14):
                self.advance(1)
            self.assertEqual(count, listening.said.count(": nothing new"))
        self.assertEqual(1, len(listening.states))

    def test_page(self) -> None:
        """
        Whoever asks for it is told in HTML, to be put into the home page.
        """
        listening = self.listen(query="?format=html")
        self.happen()
        self.advance(2)
        before, after = listening.data("page")
        self.assertIn('<span id="health"', before)
        self.assertIn('<li class="wait">miss <b>1</b></li>', after)
        page = self.get("/").body.decode()
        for part in after.split("\n", 1):
            self.assertIn(part, page)
        self.assertEqual([], listening.states)

    def test_other_format(self) -> None:
        """
        There is no other form.
        """
        answer = self.get("/-/events?format=xml")
        self.assertEqual(400, answer.code)
        self.assertIn("json and html", answer.body.decode())

    def test_methods(self) -> None:
        """
        HEAD has the head and ends; nothing else is taken.
        """
        answer = self.get("/-/events", "HEAD")
        self.assertEqual((200, b""), (answer.code, answer.body))
        self.assertEqual("text/event-stream", answer.header("Content-Type"))
        self.assertEqual(405, self.get("/-/events", "POST").code)

    def test_once_for_all(self) -> None:
        """
        It is looked once for all, and only while somebody listens.
        """
        looks = self.looks()
        self.advance_slowly(10)
        self.assertEqual(0, len(looks))
        all = [self.listen() for _ in range(10)]
        self.assertEqual(1, len(looks))
        for _ in range(5):
            self.advance(2)
        self.assertEqual(6, len(looks))
        for listening in all:
            listening.wire.hang_up()
        self.advance_slowly(10)
        self.assertEqual(6, len(looks))
        self.listen()
        self.assertEqual(7, len(looks))

    def test_left_while_it_is_looked(self) -> None:
        """
        If all leave while it is looked for them, and others come, there is still one
        look at a time.
        """
        looks = self.looks()
        first = self.listen()
        self.threads.hold("look")
        self.advance_slowly(6)
        self.happen()
        first.wire.hang_up()
        second = self.listen()
        self.threads.release()
        self.advance_slowly(6)
        before = len(looks)
        for _ in range(10):
            self.advance(2)
        self.assertEqual(before + 10, len(looks))
        self.assertEqual(1, len(second.states))

    def test_no_request_each_time(self) -> None:
        """
        A listener is one request, whether it is told much or little, and no transfer,
        whoever ends it.
        """
        self.happen()
        for _ in range(3):
            listening = self.listen()
            self.advance_slowly(10)
            listening.wire.hang_up()
        listening = self.listen()
        for _ in range(300):
            self.advance(2)
        self.assertTrue(listening.wire.transport.disconnecting)
        totals = self.proxy.books.counts.totals()
        self.assertEqual(4, totals[(REQUESTS.name, "other", "done")])
        self.assertEqual(0, totals[(REQUESTS.name, "other", "cut")])
        self.assertEqual(0, totals[(SENT.name, "other")])

    def test_defect(self) -> None:
        """
        If it cannot be told what goes on, listeners are ended, and may come again.
        """
        listening = self.listen()

        async def fail(lookout: Lookout) -> Any:
            raise ZeroDivisionError

        failing = self.patch(Lookout, "_look", fail)
        self.advance(2)
        self.assertTrue(listening.wire.transport.disconnecting)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        failing.restore()
        self.assertEqual(1, len(self.listen().states))


class BoundsTests(ListenersTestCase):
    def test_most(self) -> None:
        """
        There are 50 of them at most; one that leaves makes room.
        """
        all = [self.listen() for _ in range(MOST)]
        refused = self.listen()
        self.assertEqual(503, refused.wire.code)
        self.assertIn(b"\r\nRetry-After: 2\r\n", refused.wire.received)
        self.assertIn("50 listen already", refused.wire.phrase)
        all[7].wire.hang_up()
        self.assertEqual(200, self.listen().wire.code)

    def test_ten_minutes(self) -> None:
        """
        After ten minutes a listener is ended in order, to come again.
        """
        listening = self.listen()
        for _ in range(299):
            self.advance(2)
        self.assertFalse(listening.wire.transport.disconnecting)
        self.advance(2)
        self.assertTrue(listening.wire.transport.disconnecting)
        self.assertFalse(listening.wire.is_cut)

    def test_nothing_left(self) -> None:
        """
        When all have gone there is nothing more to do.
        """
        before = len(self.clock.getDelayedCalls())
        for _ in range(3):
            self.listen().wire.hang_up()
        self.advance(2)
        self.assertEqual(before, len(self.clock.getDelayedCalls()))

    def test_slow(self) -> None:
        """
        A listener that does not read is cut off when there is more to tell.
        """
        with capturedLogs() as logs:
            slow, other = self.listen(), self.listen()
            slow.wire.transport.room = 1
            self.happen()
            self.advance(2)
            self.assertFalse(slow.wire.is_cut)
            size = len(slow.wire.received)
            self.happen()
            self.advance(2)
        self.assertTrue(slow.wire.is_cut)
        self.assertEqual(size, len(slow.wire.received))
        self.assertEqual(3, len(other.states))
        said = [event for event in logs if "takes nothing" in str(event["log_format"])]
        self.assertEqual([LogLevel.info], [event["log_level"] for event in said])

    def test_kernel(self) -> None:
        """
        So is one for whom the kernel holds too much already.
        """
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        listening = self.listen()
        listening.wire.transport.fileno = ours.fileno  # type: ignore[attr-defined]
        ours.send(bytes(60_000))
        self.happen()
        self.advance(2)
        self.assertEqual(2, len(listening.states))
        ours.send(bytes(20_000))
        self.happen()
        self.advance(2)
        self.assertTrue(listening.wire.is_cut)


class EndTests(ListenersTestCase):
    def test_end(self) -> None:
        """
        At the end, each is ended at once, those that do not read by force.
        """
        one, slow = self.listen(), self.listen()
        slow.wire.transport.room = 1
        self.happen()
        self.advance(2)
        self.proxy.board.end()
        self.assertTrue(one.wire.transport.disconnecting)
        self.assertFalse(one.wire.is_cut)
        self.assertTrue(slow.wire.is_cut)

    def test_who_comes_then(self) -> None:
        """
        Who comes then is told once, and ended: it will find another server.
        """
        self.proxy.board.end()
        late = self.listen()
        self.assertEqual(1, len(late.states))
        self.assertTrue(late.wire.transport.disconnecting)

    def test_stopping(self) -> None:
        """
        A server that stops takes no listeners.
        """
        self.proxy.faces.stopping = True
        self.assertEqual(503, self.listen().wire.code)


class RightsTests(ProxyTestCase):
    def test_read_auth(self) -> None:
        """
        Only those listen who may read.
        """
        users = write_users(self.directory.with_suffix(".read"), eve="two")
        self.start_proxy(read_auth=users)
        self.assertEqual(401, self.get("/-/events").code)
        said = b64encode(b"eve:two").decode()
        wire = self.connect()
        wire.send("GET /-/events HTTP/1.0", f"Authorization: Basic {said}")
        self.assertEqual(1, len(Listening(wire).states))
