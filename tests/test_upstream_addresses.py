"""
Tests for :mod:`proxypypi.upstream.addresses`, :mod:`proxypypi.upstream.guard` and
:mod:`proxypypi.upstream.kinds`.
"""

from typing import Any

from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import URI
from twisted.web.error import SchemeNotSupported
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface.verify import verifyObject

from proxypypi.upstream.addresses import CONNECT_TIMEOUT, RECEIVE_SIZE
from proxypypi.upstream.kinds import AddressRefused, kind_of, kind_of_host
from proxypypi.upstream.urls import origins_of
from tests.upstream_fakes import Connection, Wire


class KindTests(SynchronousTestCase):
    def test_kinds(self) -> None:
        """
        Every address belongs to one part of the network, however it is spelled.
        """
        table = {
            "1.1.1.1": None,
            "2606:4700::1111": None,
            "127.0.0.1": "loopback",
            "127.8.9.10": "loopback",
            "0.0.0.0": "loopback",
            "::1": "loopback",
            "::": "loopback",
            "10.0.0.7": "private",
            "172.16.0.1": "private",
            "172.32.0.1": None,
            "192.168.1.1": "private",
            "100.64.0.1": "private",
            "fd00::1": "private",
            "fec0::1": "private",
            "169.254.169.254": "link-local",
            "fe80::1": "link-local",
            "fe80::1%2": "link-local",
            "224.0.0.1": "multicast",
            "ff0e::1": "multicast",
            "240.0.0.1": "reserved",
            "255.255.255.255": "reserved",
            "::ffff:127.0.0.1": "loopback",
            "::ffff:10.0.0.7": "private",
            "::ffff:1.1.1.1": None,
            "64:ff9b::10.0.0.7": "private",
            "64:ff9b::1.1.1.1": None,
            "2002:a9fe:a9fe::1": "link-local",
        }
        self.assertEqual(table, {address: kind_of(address) for address in table})

    def test_names(self) -> None:
        """
        A host's name says something if it is an address in any form, or our own.
        """
        table = {
            "index.example": None,
            "localhost.example": None,
            "notlocalhost": None,
            "1.1.1.1": None,
            "localhost": "loopback",
            "LocalHost.": "loopback",
            "index.localhost": "loopback",
            "localhost.localdomain": "loopback",
            "ip6-localhost": "loopback",
            "10.0.0.7": "private",
            "10.0.0.7.": "private",
            "::1": "loopback",
            "::ffff:10.0.0.7": "private",
            "127.1": "loopback",
            "2130706433": "loopback",
            "0x7f.1": "loopback",
            "0": "loopback",
            "b\u00fccher.example": None,
            "": None,
        }
        self.assertEqual(table, {name: kind_of_host(name) for name in table})


class EndpointsTests(SynchronousTestCase):
    def connect(self, wire: Wire, url: bytes) -> Any:
        endpoint: IStreamClientEndpoint = wire.endpoints.endpointForURI(
            URI.fromBytes(url)
        )
        return endpoint.connect(Factory.forProtocol(Protocol))

    def test_interface(self) -> None:
        """
        An agent can take its endpoints from it.
        """
        verifyObject(IAgentEndpointFactory, Wire().endpoints)

    def test_public_host(self) -> None:
        """
        What resolves to a global address is connected to, there and at its port,
        within the time a connection may take.
        """
        wire = Wire(hosts={"files.example": ["1.1.1.1"]})
        self.connect(wire, b"http://files.example:81/x")
        host, port, _, timeout, _ = wire.reactor.tcpClients[0]
        self.assertEqual(("1.1.1.1", 81, CONNECT_TIMEOUT), (host, port, timeout))

    def test_global_addresses_need_no_comparison(self) -> None:
        """
        The index itself is not looked up for the sake of a host with a global address.
        """
        wire = Wire(hosts={"files.example": ["1.1.1.1"], "index.example": []})
        self.connect(wire, b"http://files.example/")
        self.assertEqual(["files.example"], wire.names.looked_up)

    def test_private_host_of_public_index(self) -> None:
        """
        An index on the public network cannot lead to our own, and the error says so.
        """
        table = {
            "127.0.0.1": "loopback",
            "10.0.0.7": "private",
            "169.254.169.254": "link-local",
            "::ffff:192.168.0.1": "private",
        }
        for address, kind in table.items():
            hosts = {"files.example": [address], "index.example": ["1.1.1.1"]}
            wire = Wire(hosts=hosts)
            connecting = self.connect(wire, b"http://files.example/")
            refused = self.failureResultOf(connecting, AddressRefused).value
            said = f"{address} is a {kind} address, and the index is not"
            self.assertEqual((said, []), (str(refused), wire.attempts), address)

    def test_address_literal(self) -> None:
        """
        An address in place of a name is judged like what a name resolves to.
        """
        hosts = {"10.0.0.7": ["10.0.0.7"], "index.example": ["1.1.1.1"]}
        wire = Wire(hosts=hosts)
        connecting = self.connect(wire, b"http://10.0.0.7/")
        self.failureResultOf(connecting, AddressRefused)

    def test_private_host_of_private_index(self) -> None:
        """
        An index on a private network leads to its neighbours, but not to our loopback.
        """
        hosts = {
            "index.example": ["10.0.0.1"],
            "files.example": ["192.168.0.7"],
            "evil.example": ["127.0.0.1"],
        }
        wire = Wire(hosts=hosts)
        self.connect(wire, b"http://files.example/")
        self.failureResultOf(
            self.connect(wire, b"http://evil.example/"), AddressRefused
        )
        self.assertEqual([("192.168.0.7", 80)], wire.attempts)

    def test_some_addresses_are_good(self) -> None:
        """
        Of many addresses those are left out that may not be connected to.
        """
        hosts = {
            "index.example": ["1.1.1.1"],
            "files.example": ["10.0.0.7", "1.1.1.2"],
        }
        wire = Wire(hosts=hosts)
        self.connect(wire, b"http://files.example/")
        wire.reactor.advance(1.0)
        self.assertEqual([("1.1.1.2", 80)], wire.attempts)

    def test_good_address_is_down(self) -> None:
        """
        That some addresses were left out does not explain what is wrong with others.
        """
        hosts = {
            "index.example": ["1.1.1.1"],
            "files.example": ["10.0.0.7", "1.1.1.2"],
        }
        wire = Wire(hosts=hosts)
        connecting = self.connect(wire, b"http://files.example/")
        wire.refuse(ConnectionRefusedError())
        wire.reactor.advance(1.0)
        self.failureResultOf(connecting, ConnectionRefusedError)

    def test_index_itself(self) -> None:
        """
        The index itself is where its user says it is.
        """
        wire = Wire("http://index.example:8080/", {"index.example": ["127.0.0.1"]})
        self.connect(wire, b"http://index.example:8080/simple/")
        self.assertEqual([("127.0.0.1", 8080)], wire.attempts)
        self.assertEqual(["index.example"], wire.names.looked_up)

    def test_other_ports_of_the_index(self) -> None:
        """
        Another port of the index's host is a neighbour of the same kind.
        """
        wire = Wire("http://index.example:8080/", {"index.example": ["127.0.0.1"]})
        self.connect(wire, b"http://index.example:9090/")
        self.assertEqual([("127.0.0.1", 9090)], wire.attempts)

    def test_known_origins(self) -> None:
        """
        What the user vouches for may be anywhere, by http and https; another port of
        the same host may not.
        """
        hosts = {"files.example": ["10.0.0.7"], "index.example": ["1.1.1.1"]}
        table = {
            "https://files.example:8443": [8443],
            "files.example:8443": [8443],
            "files.example": [80, 443],
        }
        for known, ports in table.items():
            wire = Wire(hosts=hosts, known=origins_of(known))
            for port in (80, 443, 8443):
                self.connect(wire, b"http://FILES.example:%d/" % port).addErrback(
                    lambda failure: failure.trap(AddressRefused)
                )
            self.assertEqual([("10.0.0.7", port) for port in ports], wire.attempts)

    def test_index_is_remembered_for_a_while(self) -> None:
        """
        Where the index is, is looked up once, and again after a minute.
        """
        hosts = {"index.example": ["10.0.0.1"], "files.example": ["10.0.0.7"]}
        wire = Wire(hosts=hosts)
        for _ in range(2):
            self.connect(wire, b"http://files.example/")
        self.assertEqual(1, wire.names.looked_up.count("index.example"))
        wire.names.hosts["index.example"] = ["1.1.1.1"]
        wire.reactor.advance(61.0)
        self.failureResultOf(
            self.connect(wire, b"http://files.example/"), AddressRefused
        )

    def test_unresolved_index_is_not_remembered(self) -> None:
        """
        That the index could not be found once is forgotten at once.
        """
        wire = Wire(hosts={"files.example": ["10.0.0.7"]})
        self.failureResultOf(
            self.connect(wire, b"http://files.example/"), AddressRefused
        )
        wire.names.hosts["index.example"] = ["10.0.0.1"]
        self.connect(wire, b"http://files.example/")
        self.assertEqual([("10.0.0.7", 80)], wire.attempts)

    def test_larger_pieces(self) -> None:
        """
        Connections receive in pieces of 256 KiB, under TLS as well.
        """
        for url in (b"http://index.example/", b"https://index.example/"):
            wire = Wire()
            self.connect(wire, url)
            connection = Connection(wire.reactor.tcpClients[-1][2])
            self.assertEqual(RECEIVE_SIZE, connection.transport.bufferSize, url)

    def test_tls(self) -> None:
        """
        An https address is spoken to by TLS, and its host named in the greeting.
        """
        wire = Wire()
        self.connect(wire, b"https://index.example/")
        greeting = wire.accept().request
        self.assertEqual(
            (b"\x16\x03", True), (greeting[:2], b"index.example" in greeting)
        )

    def test_other_schemes(self) -> None:
        """
        Nothing but http and https is connected to.
        """
        endpoints = Wire().endpoints
        uri = URI.fromBytes(b"ftp://index.example/")
        self.assertRaises(SchemeNotSupported, endpoints.endpointForURI, uri)
