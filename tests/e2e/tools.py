"""
Programs that the tests are run with, beside pip.

Each is installed once, by the pip beside this interpreter as its user has configured
it, into an environment of its own that is kept in the user's cache.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SkipTest

from tests.e2e.harness import EndToEndTestCase
from tests.e2e.pips import cache

VERSIONS = {"poetry": "2.5.1", "pdm": "2.29.4", "flit": "4.2.0"}
_WITH = {"pdm": ("hishel<2",)}  # what it does not run without, and does not say


async def fetch(case: EndToEndTestCase, tool: str) -> Sequence[str]:
    """
    :returns: the command that runs it.
    :raises SkipTest: it cannot be fetched.
    """
    python = "".join(str(part) for part in sys.version_info[:2])
    kept = cache() / f"{tool}-{VERSIONS[tool]}-py{python}"
    if not kept.exists():
        with TemporaryDirectory(dir=kept.parent) as fresh:
            wanted = (f"{tool}=={VERSIONS[tool]}", *_WITH.get(tool, ()))
            await _install(case, f"{fresh}/made", wanted)
            # In one step, as others may be at it, too; then theirs is as good.
            with suppress(OSError):
                os.rename(f"{fresh}/made", kept)
    return (f"{kept}/bin/python", "-m", tool)


async def _install(case: EndToEndTestCase, folder: str, wanted: Sequence[str]) -> None:
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", folder],
        [
            *(sys.executable, "-m", "pip", "--python", f"{folder}/bin/python"),
            *("install", "--quiet", *wanted),
        ],
    ):
        child = await case.run_command(
            command, env=case.user_environment(), seconds=120
        )
        if child.status != 0:
            said = child.output.strip().splitlines()[-1:]
            raise SkipTest(f"{wanted[0]} cannot be had: {' '.join(said)}")
