"""
What :mod:`tests.e2e.test_offline` runs inside of a network namespace of its own.

Trial does not find this module by itself, as its name is no test's.
"""

import fcntl
import os
import socket
import struct
from pathlib import Path

from tests.e2e import pips
from tests.e2e.harness import EndToEndTestCase, Server

DIRECTORY = "TESTS_OFFLINE_DIRECTORY"
"""
Names the directory with the files, in the environment.
"""

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1


def raise_loopback() -> None:
    """
    Set the interface ``lo`` up, which it is not in a new namespace.
    """
    with socket.socket() as s:
        flags = fcntl.ioctl(s, _SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
        (known,) = struct.unpack_from("H", flags, 16)
        fcntl.ioctl(s, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", known | _IFF_UP))


class InsideTests(EndToEndTestCase):
    timeout = 100

    def setUp(self) -> None:
        raise_loopback()
        super().setUp()
        self.directory = Path(os.environ[DIRECTORY])

    async def start_alone(self) -> Server:
        """
        The server without upstream, though it is told of one.
        """
        self.assertEqual(["lo"], [name for _, name in socket.if_nameindex()])
        server = await self.start_server("--no-proxy")
        self.addCleanup(lambda: self.assertEqual([], self.index.requests))
        return server

    async def test_pip(self) -> None:
        """
        pip installs what is in the directory.
        """
        server = await self.start_alone()
        for version in (pips.OLDEST, pips.NEWEST):
            pip = await pips.fetch(self, version)
            target = await self.pip_install(pip, f"{server.url}/simple/", "app")
            self.assert_installed(target, app="1.0", lib="2.0")

    async def test_uv(self) -> None:
        """
        uv installs what is in the directory.
        """
        server = await self.start_alone()
        target = await self.uv_install(f"{server.url}/simple/", "app")
        self.assert_installed(target, app="1.0", lib="2.0")
