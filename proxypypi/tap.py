"""
The door for twistd: its options, and the service they make.
"""

import os
import string
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

from twisted.application.service import IService, MultiService
from twisted.internet.endpoints import serverFromString
from twisted.python import usage

from proxypypi.errors import BadSettings, CannotListen, DirectoryInUse
from proxypypi.service import assemble
from proxypypi.settings import (
    DEFAULT_INDEX,
    DEFAULT_LISTEN,
    Settings,
    index_address,
    seconds,
)

T = TypeVar("T")


class Options(usage.Options):
    """
    What stands after ``proxypypi`` on twistd's command line, and on our own.
    """

    synopsis = "[options]"
    longdesc = "A caching proxy and private index for Python packages."

    optFlags = [
        ["no-proxy", "n", "Never ask an upstream: serve what is in the directory."],
    ]
    optParameters = [
        ["dir", "d", ".", "The cache directory; it must exist."],
        ["bind", "b", None, "The address to listen on. [default: 127.0.0.1]"],
        ["port", "p", None, "The TCP port to listen on. [default: 8000]"],
        ["index-url", "i", None, "The upstream simple index. [default: PyPI's]"],
        ["index-ttl", None, "600", "Seconds a fetched project page is fresh."],
        ["drain", None, "30", "Seconds running transfers may finish after TERM."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []
        self.settings: Settings

    def opt_listen(self, endpoint: str) -> None:
        """
        A Twisted server endpoint; repeatable. [default: tcp:8000:interface=127.0.0.1]
        """
        self["listen"].append(endpoint)

    def opt_cache(self, directory: str) -> None:
        """
        The same as --dir.
        """
        self["dir"] = directory

    def opt_version(self) -> NoReturn:
        """
        Print the version and exit.
        """
        from proxypypi import __version__

        print(f"proxypypi {__version__}")
        raise SystemExit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        try:
            super().parseOptions(options)
        except usage.UsageError as e:
            _refuse(str(e))

    def parseArgs(self, *arguments: str) -> None:
        if arguments:
            raise usage.UsageError(f"unexpected argument {arguments[0]!r}")

    def postOptions(self) -> None:
        self.settings = Settings(
            directory=self._directory(),
            listen=self._listen(),
            index_url=self._index_url(),
            index_ttl=_checked("--index-ttl", self["index-ttl"], seconds),
            drain=_checked("--drain", self["drain"], seconds),
        )

    def _directory(self) -> Path:
        path = Path(self["dir"])
        if not path.is_dir():
            what = (
                "it is no directory" if path.exists() else "there is no such directory"
            )
            raise usage.UsageError(f"--dir {self['dir']!r}: {what}")
        if not self["no-proxy"] and not os.access(path, os.W_OK | os.X_OK):
            raise usage.UsageError(
                f"--dir {self['dir']!r}: it is not writable, "
                "which only --no-proxy does without"
            )
        return path.resolve()

    def _listen(self) -> tuple[str, ...]:
        bind, port = self["bind"], self["port"]
        if bind is None and port is None:
            return tuple(self["listen"]) or (DEFAULT_LISTEN,)
        if self["listen"]:
            raise usage.UsageError("--listen cannot be combined with --bind or --port")
        address = _checked("--bind", "127.0.0.1" if bind is None else bind, _address)
        number = _checked("--port", "8000" if port is None else port, _port)
        kind = "tcp6" if ":" in address else "tcp"
        escaped = address.replace(":", "\\:")
        return (f"{kind}:{number}:interface={escaped}",)

    def _index_url(self) -> str | None:
        if self["no-proxy"]:
            return None
        if self["index-url"] is None:
            return DEFAULT_INDEX
        return _checked("--index-url", self["index-url"], index_address)


def _address(text: str) -> str:
    if not text or set(text) - set(string.ascii_letters + string.digits + ".:-_%"):
        raise BadSettings(
            reason=f"{text!r} is no address, such as 127.0.0.1, ::1 or 0.0.0.0"
        )
    return text


def _port(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= 5
    number = int(text) if is_number else -1
    if not 0 <= number <= 65535:
        raise BadSettings(reason=f"{text!r} is no port, which is a number up to 65535")
    return number


def _checked(option: str, text: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(text)
    except BadSettings as e:
        raise usage.UsageError(f"{option}: {e}") from e


def _refuse(message: str) -> NoReturn:
    """
    End the program as a user of a shell expects it.
    """
    # Not sys.stderr, which by then may lead to the log.
    print(f"proxypypi: {message}", file=sys.__stderr__, flush=True)
    raise SystemExit(1)


@contextmanager
def _plainly() -> Iterator[None]:
    try:
        yield
    except (CannotListen, DirectoryInUse, OSError) as e:
        _refuse(str(e))


class Foreground(MultiService):
    """
    A server in a terminal: a start that fails is one line there, and no traceback.
    """

    def privilegedStartService(self) -> None:
        with _plainly():
            super().privilegedStartService()


def makeService(options: Options) -> IService:
    """
    What twistd runs. In the background it is twistd that reports a failed start.
    """
    from twisted.internet import reactor

    for endpoint in options.settings.listen:
        try:
            serverFromString(reactor, endpoint)
        except Exception as e:  # each kind of endpoint has its own
            _refuse(f"--listen {endpoint!r} is no server endpoint: {e}")
    try:
        service: IService = assemble(options.settings, reactor)
    except BadSettings as e:
        _refuse(str(e))
    if options.parent is not None and options.parent.get("nodaemon"):
        foreground = Foreground()
        service.setServiceParent(foreground)
        return foreground
    return service
