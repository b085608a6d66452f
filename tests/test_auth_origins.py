"""
Tests for :mod:`proxypypi.auth.origins`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.auth.origins import origin_of


class OriginTests(SynchronousTestCase):
    def test_origins(self) -> None:
        """
        Of IPv6 the network counts, but of an IPv4 address in its guise the address.
        """
        for client, expected in (
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("fe80::1%eth0", "fe80::/64"),
            ("local", "local"),
            ("", ""),
        ):
            self.assertEqual(expected, origin_of(client), client)
