"""
Tests for :mod:`proxypypi.web.rights`.
"""

from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from proxypypi.errors import NotAllowed
from proxypypi.web.rights import check_local

LOOPBACK = IPv4Address("TCP", "127.0.0.1", 1)


class CheckLocalTests(SynchronousTestCase):
    def may(self, client: Any, **headers: str) -> bool:
        sent = Headers({name.replace("_", "-"): [v] for name, v in headers.items()})
        request = SimpleNamespace(getClientAddress=lambda: client, requestHeaders=sent)
        try:
            check_local(cast(Any, request))
        except NotAllowed:
            return False
        return True

    def test_clients(self) -> None:
        """
        Those on this machine may, whatever they come by.
        """
        for client, may in (
            (LOOPBACK, True),
            (IPv4Address("TCP", "127.8.8.8", 1), True),
            (IPv6Address("TCP", "::1", 1), True),
            (IPv6Address("TCP", "::ffff:127.0.0.1", 1), True),
            (UNIXAddress(b"/run/p.sock"), True),
            (UNIXAddress(None), True),
            (IPv4Address("TCP", "10.0.0.1", 1), False),
            (IPv6Address("TCP", "::ffff:10.0.0.1", 1), False),
            (IPv6Address("TCP", "fe80::1%eth0", 1), False),
            (IPv4Address("TCP", "localhost.example", 1), False),
            (None, False),
        ):
            self.assertIs(may, self.may(client), client)

    def test_headers(self) -> None:
        """
        Not if they pass on what another asked of them, as web servers and browsers do.
        """
        for headers, may in (
            ({"Forwarded": "for=10.0.0.1"}, False),
            ({"X_Forwarded_For": "10.0.0.1"}, False),
            ({"Via": "1.1 proxy"}, False),
            ({"Origin": "https://evil.example"}, False),
            ({"Origin": "null"}, False),
            ({"Sec_Fetch_Site": "cross-site"}, False),
            ({"Sec_Fetch_Site": "same-site"}, False),
            ({"Sec_Fetch_Site": "same-origin"}, True),
            ({"Sec_Fetch_Site": "none"}, True),
            ({"User_Agent": "curl"}, True),
        ):
            self.assertIs(may, self.may(LOOPBACK, **headers), headers)
