"""
The door for the shell: ``proxypypi run``.
"""

import sys

from twisted.scripts import twistd

from proxypypi import __version__

_USAGE = """\
Usage: proxypypi COMMAND [options]

A caching proxy and private index for Python packages.

Commands:
    run     serve in the foreground, caching in the current directory or --dir

proxypypi COMMAND --help lists the options of a command.
"""


def main() -> None:
    """
    The console script.
    """
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_USAGE, end="")
        raise SystemExit(0 if arguments else 2)
    if arguments[0] in ("-V", "--version"):
        print(f"proxypypi {__version__}")
        raise SystemExit(0)
    command, *rest = arguments
    if command != "run":
        sys.stderr.write(f"proxypypi: there is no command {command!r}\n\n{_USAGE}")
        raise SystemExit(2)
    config = twistd.ServerOptions()  # type: ignore[attr-defined]
    config.parseOptions(["--nodaemon", "--pidfile=", "proxypypi", *rest])
    twistd.runApp(config)
