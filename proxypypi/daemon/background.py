"""
The way into the background.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn


def detach(run: Callable[[Callable[[], None]], None], out: int) -> int | None:
    """
    Run something in the background, in a session of its own, and wait until it says
    that it has started.

    Until then its errors go to our stderr, and from then on to *out*, as all it prints.

    :param run: is given what to call once it has started. If it ends before that, it
        has failed, and said why.
    :param out: a file descriptor.
    :returns: its pid, or :obj:`None` if it has not started.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _become_daemon(run, out, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return int(said) if said else None


def succeeds(run: Callable[[], object]) -> bool:
    """
    Run something in a process of its own, so that nothing of it stays here, and wait
    for its end. What it prints goes where ours does.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _run_to_end(run)
    _, status = os.waitpid(child, 0)
    return status == 0


def _become_daemon(
    run: Callable[[Callable[[], None]], None], out: int, writing: int
) -> NoReturn:
    def started() -> None:
        os.dup2(out, 2)
        os.write(writing, b"%d" % os.getpid())
        os.close(writing)

    def become() -> None:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.dup2(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), 0)
        os.dup2(out, 1)
        run(started)

    _run_to_end(become)


def _run_to_end(run: Callable[[], object]) -> NoReturn:
    """
    Run something, and end this process, which has been forked for it.
    """
    status = 1
    try:
        run()
        status = 0
    except SystemExit as e:
        status = e.code if isinstance(e.code, int) else 1
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                stream.flush()
        os._exit(status)
