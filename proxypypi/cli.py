"""
The door for the shell: ``proxypypi COMMAND``.
"""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from twisted.python import usage

from proxypypi import __version__
from proxypypi.commands import (
    claims,
    daemons,
    doctor,
    exporting,
    importing,
    listing,
    mark,
    pin,
    prefetch,
    prune,
    refresh,
    release,
    remove,
    serving,
    stats,
    token,
    verify,
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
    doctor        say whether a server would work here, and what to do if not
    list          say what is here, or what was decided about it
    verify        say whether what is here is whole, and put right what can be
    claim         have no upstream asked about a project, ever
    unclaim       end that
    release       have files given out that are withheld or held back
    token         make, list and revoke what programs log in with
    yank          list a release, or files of it, as yanked
    unyank        end that
    mark          say that a project is archived, deprecated, quarantined, or active
    remove        delete files of a project, with a record of what they were
    refresh       have project pages fetched anew
    prefetch      fetch what requirements and lock files name
    export        write a bundle of what is here, for where there is no Internet
    import        bring what is in such a bundle
    prune         remove cached files by size or by last use
    pin           keep cached files from being evicted, or list what is pinned
    unpin         end that
    stats         say what the server has done, and what is in the directory

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
    "doctor": doctor.doctor,
    "list": listing.list_here,
    "verify": verify.verify,
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
    "prune": prune.prune,
    "pin": pin.pin,
    "unpin": pin.unpin,
    "stats": stats.stats,
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
        print(end="", flush=True)
    except BrokenPipeError:  # who read what we print has seen enough, as head has
        _print_no_more()
        raise SystemExit(1) from None
    except (ProxypypiError, usage.UsageError, OSError) as e:
        complain(e)
        raise SystemExit(1) from e
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise SystemExit(status)


def _print_no_more() -> None:
    """
    Or Python would try once more, at its end, and complain.
    """
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
