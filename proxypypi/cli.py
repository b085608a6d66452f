"""
The door for the shell: ``proxypypi COMMAND``.
"""

import sys
from collections.abc import Callable, Sequence

from twisted.python import usage

from proxypypi import __version__
from proxypypi.commands import (
    claims,
    daemons,
    exporting,
    importing,
    mark,
    prefetch,
    refresh,
    release,
    remove,
    serving,
    token,
    yank,
)
from proxypypi.commands.options import complain
from proxypypi.errors import ProxypypiError

_USAGE = """\
Usage: proxypypi COMMAND [options]

A caching proxy and private index for Python packages.

Commands:
    run           serve in the foreground, caching in the current directory or --dir
    start         serve in the background; needs --pid, --log and --out
    stop          end what runs in the background, after its running transfers
    restart       stop it, if it runs, and start it
    forcerestart  the same, and kill it if it does not end in time
    condstart     start it, unless it runs
    maybestop     stop it, if it runs
    status        say whether it runs, and how it is
    claim         have no upstream asked about a project, ever
    unclaim       end that
    release       have withheld files given out
    token         make, list and revoke what programs log in with
    yank          list a release, or files of it, as yanked
    unyank        end that
    mark          say that a project is archived, deprecated, quarantined, or active
    remove        delete files of a project, with a record of what they were
    refresh       have project pages fetched anew
    prefetch      fetch what requirements and lock files name
    export        write a bundle of what is here, for where there is no Internet
    import        bring what is in such a bundle

proxypypi COMMAND --help lists the options of a command.
"""

COMMANDS: dict[str, Callable[[str, Sequence[str]], int]] = {
    "run": serving.run,
    "start": daemons.start,
    "stop": daemons.stop,
    "restart": daemons.restart,
    "forcerestart": daemons.restart,
    "condstart": daemons.start,
    "maybestop": daemons.stop,
    "status": daemons.status,
    "claim": claims.claim,
    "unclaim": claims.unclaim,
    "release": release.release,
    "token": token.token,
    "yank": yank.yank,
    "unyank": yank.unyank,
    "mark": mark.mark,
    "remove": remove.remove,
    "refresh": refresh.refresh,
    "prefetch": prefetch.prefetch,
    "export": exporting.export,
    "import": importing.import_,
}
"""
Each is given its name and its arguments, and returns its exit status.
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
    name, *rest = arguments
    command = COMMANDS.get(name)
    if command is None:
        sys.stderr.write(f"proxypypi: there is no command {name!r}\n\n{_USAGE}")
        raise SystemExit(2)
    try:
        status = command(name, ["--help"] if rest == ["-h"] else rest)
    except (ProxypypiError, usage.UsageError, OSError) as e:
        complain(e)
        raise SystemExit(1) from e
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise SystemExit(status)
