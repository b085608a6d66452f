"""
Tests for :mod:`proxypypi.web.clients`.
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers

from proxypypi.web import clients
from proxypypi.web.clients import Clients, understand

PIP = (
    b"\r\nHost: proxy.example\r\nUser-Agent: pip/26.3 {}\r\n"
    b"Accept-Encoding: gzip, deflate\r\nAccept: text/html; q=0.01\r\n"
    b"Connection: keep-alive\r\nCache-Control: max-age=0"
)


def ask(rest: bytes = PIP, target: bytes = b"/simple/demo/") -> bytes:
    return b"GET " + target + b" HTTP/1.1" + rest + b"\r\n\r\n"


class UnderstandTests(SynchronousTestCase):
    def test_usual(self) -> None:
        """
        What programs usually say is understood, in any spelling that means the same.
        """
        for rest in (
            PIP,
            b"\r\nHost: a",
            b"\r\nhost:a.b.:65535",
            b"\r\nHOST: \t 127.0.0.1:8000",
            b"\r\nHost: [::1]:8000",
            b"\r\nHost: [::ffff:127.0.0.1]",
            b"\r\nHost: " + b"a" * 63,
            b"\r\nHost: a\r\nConnection: Keep-Alive",
            b"\r\nHost: a\r\nAccept:",
            b"\r\nHost: a\r\nUser-Agent:",
            b"\r\nHost: a\r\nPragma: no-cache\r\nVia: 1.1 b\r\nAccept-Language: de",
            b"\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nX-Real-IP: 1.2.3.4",
        ):
            self.assertIsNotNone(understand(rest), rest)

    def test_unusual(self) -> None:
        """
        All that another answer could follow from is left to the ordinary path.
        """
        for why, more in (
            ("may be for one user", b"Authorization: Basic YTpi"),
            ("may be for one user", b"Cookie: a=b"),
            ("may be for one user", b"Proxy-Authorization: Basic YTpi"),
            ("asks for a part", b"Range: bytes=0-1"),
            ("asks for a part", b'If-Range: "a"'),
            ("is a condition", b"If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT"),
            ("is a condition", b"If-Match: *"),
            ("is a condition", b'If-Unmodified-Since: "a"'),
            ("is a condition", b'If-None-Match: "a"'),
            ("has a body", b"Content-Length: 0"),
            ("has a body", b"Content-Length: 5"),
            ("has a body", b"Transfer-Encoding: chunked"),
            ("waits for an answer", b"Expect: 100-continue"),
            ("is the last", b"Connection: close"),
            ("names other headers", b"Connection: keep-alive, Accept"),
            ("asks for another protocol", b"Upgrade: h2c"),
            ("is not known", b"X-Unusual: yes"),
            ("is not known", b"Origin: http://a"),
            ("is said twice", b"Accept: a\r\nAccept: b"),
            ("is said twice", b"accept: a\r\nACCEPT: a"),
            ("is said twice", b"Host: a"),
            ("goes on in the next line", b"Accept: a\r\n b"),
            ("goes on in the next line", b"Accept: a\r\n\tb"),
            ("is no header", b"Accept"),
            ("is no header", b": a"),
            ("is no header", b""),
            ("is no header", b"Accept : a"),
            ("is no header", b" Accept: a"),
            ("ends with a space", b"Accept: a "),
            ("has odd bytes", b"Accept: a\x00"),
            ("has odd bytes", b"Accept: a\tb"),
            ("has odd bytes", b"Accept: a\nCookie: b"),
            ("has odd bytes", b"Accept: a\rb"),
            ("has odd bytes", b"User-Agent: caf\xc3\xa9"),
            ("has odd bytes", b"User-Agent: \x1b[31m"),
        ):
            rest = b"\r\nHost: a\r\n" + more
            self.assertIsNone(understand(rest), f"{rest!r}, which {why}")

    def test_hosts(self) -> None:
        """
        So is what is no host's name, or none at all: that may be refused.
        """
        for host in (
            *(b"", b"a..b", b".a", b"a_b", b"a/b", b"a@b", b"a b", b"a:b", b"a:123456"),
            *(b"a" * 64, b"a." * 126, b"[", b"[]", b"[..]", b"[a", b"[:.:]", b"[::1]a"),
            *(b"[1..2]", b"[" + b"a" * 64 + b"]", b"[::1.]"),
        ):
            self.assertIsNone(understand(b"\r\nHost: " + host), host)
        self.assertIsNone(understand(b""))
        self.assertIsNone(understand(b"\r\nAccept: a"))

    def test_vary(self) -> None:
        """
        Clients to whom an answer may be another are told apart, and only those.
        """
        heads = (
            b"",
            b"\r\nAccept: a",
            b"\r\nAccept: b",
            b"\r\nAccept:",
            b"\r\nAccept-Encoding: a",
            b"\r\nAccept-Encoding:",
            b"\r\nAccept: a\r\nAccept-Encoding: a",
            b"\r\nAccept: a\r\nAccept-Encoding:",
            b"\r\nAccept: -encodinga",
            b"\r\nAccept: -encoding:a",
            b"\r\nAccept: A",
        )
        found = [understand(b"\r\nHost: a" + head) for head in heads]
        self.assertEqual(len(heads), len({client.vary for client in found if client}))
        both = b"\r\nAccept: a\r\nAccept-Encoding: b"
        other_way = b"\r\naccept-encoding:b\r\nHost: x\r\nUser-Agent: y\r\nACCEPT:\t a"
        one, other = understand(b"\r\nHost: a" + both), understand(other_way)
        assert one is not None
        assert other is not None
        self.assertEqual(one.vary, other.vary)

    def test_agent(self) -> None:
        """
        A program is known by the first word it says of itself, as in the log.
        """
        for more, agent in (
            (b"", "-"),
            (b"\r\nUser-Agent:", ""),
            (b"\r\nUser-Agent: uv/0.9", "uv/0.9"),
            (b"\r\nUser-Agent: pip/26.3 {}", "pip/26.3"),
        ):
            client = understand(b"\r\nHost: a" + more)
            assert client is not None
            self.assertEqual(agent, client.agent)

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(
                    [
                        *(
                            b"Host",
                            b"host",
                            b"Accept",
                            b"Accept-Encoding",
                            b"Connection",
                        ),
                        *(b"User-Agent", b"Via", b"X-Unusual", b"Content-Length", b""),
                    ]
                ),
                st.sampled_from([b": ", b":", b":\t ", b" : ", b"", b":\r\n ", b":\n"]),
                st.one_of(
                    st.sampled_from(
                        [b"a", b"keep-alive", b"a:80", b"[::1]", b"", b"5"]
                    ),
                    st.binary(max_size=5),
                ),
            ),
            max_size=5,
        )
    )
    def test_as_twisted_reads_it(self, lines: list[tuple[bytes, bytes, bytes]]) -> None:
        """
        What is understood says the same to Twisted.
        """
        rest = b"\r\nHost: h" + b"".join(b"\r\n" + b"".join(line) for line in lines)
        client = understand(rest)
        if client is None:
            return
        headers = read_by_twisted(ask(rest))
        said = [
            b"%s:%s" % (name, headers.getRawHeaders(name)[0])
            for name in (b"accept", b"accept-encoding")
            if headers.hasHeader(name)
        ]
        self.assertEqual(b"\n".join(said), client.vary)
        agent = headers.getRawHeaders("User-Agent", ["-"])[0]
        self.assertEqual(agent.partition(" ")[0], client.agent)
        for name, values in headers.getAllRawHeaders():
            self.assertEqual(1, len(values), name)
            self.assertNotIn(name, (b"X-Unusual", b"Content-Length"))


def read_by_twisted(data: bytes) -> Any:
    """
    :returns: the headers of the one request that it finds.
    """
    seen: list[Any] = []

    class Request:
        def __init__(self, channel: HTTPChannel, queued: bool) -> None:
            self.requestHeaders = Headers()

        def gotLength(self, length: int) -> None:
            assert length == 0

        def parseCookies(self) -> None:
            pass

        def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
            seen.append(self.requestHeaders)

    channel: Any = HTTPChannel()
    channel.requestFactory = Request
    channel.timeOut = None
    channel.makeConnection(StringTransport())
    channel.dataReceived(data)
    (headers,) = seen
    return headers


class ReadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clients = Clients()

    def test_heads(self) -> None:
        """
        The key has the target as it was sent; the size ends where the next one begins.
        """
        for target in (b"/simple/demo/", b"/%41", b"//", b"/"):
            asked = self.clients.read(ask(target=target) + ask() + b"more")
            assert asked is not None
            self.assertEqual(target, asked.key[0])
            self.assertEqual(b"", asked.key[2])
            self.assertEqual(len(ask(target=target)), asked.size)

    def test_address(self) -> None:
        """
        Where our own address is in the answer, it matters how that was asked for.
        """
        heads = [
            b"\r\nHost: proxy.example",
            b"\r\nHost: other.example",
            b"\r\nHost: proxy.example\r\nX-Forwarded-Proto: https",
            b"\r\nHost: proxy.example\r\nX-Forwarded-Prefix: /py",
            b"\r\nHost: proxy.example\r\nAccept-Encoding: gzip",
        ]
        for target, expected in ((b"/pypi/demo/json", 5), (b"/simple/demo/", 2)):
            asked = [Clients().read(ask(head, target)) for head in heads]
            keys = {each.key for each in asked if each is not None}
            self.assertEqual(expected, len(keys), target)

    def test_not_whole_or_not_usual(self) -> None:
        """
        Half a head is none yet, nor is one of another method, version or form.
        """
        head = ask()
        for data in (
            *(head[:size] for size in range(len(head))),
            head.replace(b"GET", b"HEAD"),
            head.replace(b"GET", b"POST"),
            head.replace(b"GET", b"get"),
            head.replace(b"GET ", b"GET\t"),
            head.replace(b"1.1", b"1.0"),
            head.replace(b"1.1", b"2.0"),
            head.replace(b" HTTP/1.1", b""),
            ask(target=b"/simple/demo/?format=html"),
            ask(target=b"/a?"),
            ask(target=b"http://a/b"),
            ask(target=b"*"),
            ask(target=b""),
            b"\r\n" + head,
            b" " + head,
            head.replace(b"\r\n", b"\n"),
            b"GET / HTTP/1.1\r\n\r\n",
        ):
            self.assertIsNone(self.clients.read(data), data)

    def test_tags(self) -> None:
        """
        The tag that a client has is no part of what kind of client it is.
        """
        usual = self.clients.read(ask())
        assert usual is not None
        for line in (
            b'If-None-Match: "a"',
            b'if-none-match: "a"',
            b'IF-NONE-MATCH: "a"',
        ):
            first = PIP.replace(b"\r\nAccept:", b"\r\n" + line + b"\r\nAccept:")
            for rest in (PIP + b"\r\n" + line, b"\r\n" + line + PIP, first):
                asked = self.clients.read(ask(rest))
                assert asked is not None, rest
                self.assertEqual((*usual.key[:2], b'"a"'), asked.key)
                self.assertIs(usual.client, asked.client)
                self.assertEqual(len(ask(rest)), asked.size)

    def test_other_tags(self) -> None:
        """
        Only a strong one by itself is; all else is left to the ordinary path.
        """
        for value in (
            b" *",
            b' W/"a"',
            b' "a", "b"',
            b' "a" ',
            b"  a",
            b' "a',
            b' "a""b"',
            b' "a b"',
            b' "\xc3\xa9"',
            b"",
            b' "a"\r\n , "b"',
            b' "a"\r\nIf-None-Match: "b"',
            b' "a"\r\nIf-None-Match: "a"',
            b' "a"\r\nIf-None-Match: *',
            b' *\r\nIf-None-Match: "a"',
        ):
            for rest in (
                PIP + b"\r\nIf-None-Match:" + value,
                b"\r\nIf-None-Match:" + value + PIP,
            ):
                for _ in range(2):
                    self.assertIsNone(self.clients.read(ask(rest)), rest)

    def test_who_asks(self) -> None:
        """
        Nor is what is said for it, which is remembered nowhere.
        """
        usual = self.clients.read(ask())
        assert usual is not None
        self.assertEqual(b"", usual.said)
        for name in (b"Authorization", b"authorization", b"AUTHORIZATION"):
            line = b"\r\n" + name + b": Basic hunter2"
            tag = b'\r\nIf-None-Match: "a"'
            for rest in (PIP + line, line + PIP, line + tag + PIP, tag + PIP + line):
                asked = self.clients.read(ask(rest))
                assert asked is not None, rest
                self.assertEqual(b"Basic hunter2", asked.said)
                self.assertIs(usual.client, asked.client)
                self.assertEqual(len(ask(rest)), asked.size)
        self.assertNotIn("hunter2", repr((self.clients._young, self.clients._old)))

    def test_who_else_asks(self) -> None:
        """
        What is said twice, or oddly, is left to the ordinary path, and not remembered
        either.
        """
        for value in (
            b"Basic hunter2",
            b":",
            b": ",
            b":Basic hunter2",
            b" : Basic hunter2",
            b":  Basic hunter2",
            b": Basic hunter2 ",
            b": Basic\r\n hunter2",
            b": Basic\thunter2",
            b": Basic hunter\xc3\xa9",
            b": Basic hunter2\r\nAuthorization: Basic hunter2",
            b": Basic hunter2\r\nauthorization: Basic hunter3",
            b": Basic hunter2\r\nAuthorization:Basic hunter2",
        ):
            for rest in (
                PIP + b"\r\nAuthorization" + value,
                b"\r\nAuthorization" + value + PIP,
            ):
                for _ in range(2):
                    self.assertIsNone(self.clients.read(ask(rest)), rest)
        self.assertNotIn("hunter", repr((self.clients._young, self.clients._old)))

    def test_two_tags_spoil_nothing(self) -> None:
        """
        Who says two does not have one refused to the others.
        """
        one = PIP + b'\r\nIf-None-Match: "a"'
        self.assertIsNone(self.clients.read(ask(one + b'\r\nIf-None-Match: "a"')))
        self.assertIsNotNone(self.clients.read(ask(one)))


class MemoryTests(SynchronousTestCase):
    """
    :ivar understood: what had to be understood.
    """

    def setUp(self) -> None:
        self.clients = Clients()
        self.understood: list[bytes] = []
        self.patch(clients, "understand", self.note)

    def note(self, rest: bytes) -> Any:
        self.understood.append(rest)
        return understand(rest)

    def test_once(self) -> None:
        """
        What comes again is understood already, whatever it asks for, tag and all.
        """
        for count in range(10):
            self.clients.read(ask(target=b"/simple/%d/" % count))
            self.clients.read(ask(PIP + b'\r\nIf-None-Match: "%d"' % count))
            self.clients.read(ask(PIP + b"\r\nX-Unusual: yes"))
        self.assertEqual([PIP, PIP + b"\r\nX-Unusual: yes"], self.understood)

    def test_flood(self) -> None:
        """
        A client that says something else each time takes no more than its share, and
        none of what comes again and again.
        """
        for count in range(5000):
            self.clients.read(ask(PIP + b"\r\nPragma: %d" % count))
            self.clients.read(ask(PIP + b"\r\nX-Unusual: %d" % count))
            if count % 100 == 0:
                self.clients.read(ask())
        self.assertEqual(1, self.understood.count(PIP))
        held = len(self.clients._young) + len(self.clients._old)
        self.assertLessEqual(held, 1000)

    def test_long_heads(self) -> None:
        """
        Long ones are not kept.
        """
        for size, kept in ((4000, 1), (4096, 0)):
            rest = b"\r\nHost: a\r\nAccept: " + b"a" * size
            before = len(self.clients._young)
            self.clients.read(ask(rest))
            self.assertEqual(kept, len(self.clients._young) - before, size)
