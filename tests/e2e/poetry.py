"""
The poetry that the tests are run with.

It is installed once, by the pip beside this interpreter as its user has configured it,
into an environment of its own that is kept in the user's cache.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SkipTest

from tests.e2e.harness import EndToEndTestCase
from tests.e2e.pips import cache

VERSION = "2.5.1"


async def fetch(case: EndToEndTestCase) -> Sequence[str]:
    """
    :returns: the command that runs it.
    :raises SkipTest: it cannot be fetched.
    """
    python = "".join(str(part) for part in sys.version_info[:2])
    kept = cache() / f"poetry-{VERSION}-py{python}"
    if not kept.exists():
        with TemporaryDirectory(dir=kept.parent) as fresh:
            await _install(case, f"{fresh}/made")
            # In one step, as others may be at it, too; then theirs is as good.
            with suppress(OSError):
                os.rename(f"{fresh}/made", kept)
    return (f"{kept}/bin/python", "-m", "poetry")


async def _install(case: EndToEndTestCase, folder: str) -> None:
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", folder],
        [
            *(sys.executable, "-m", "pip", "--python", f"{folder}/bin/python"),
            *("install", "--quiet", f"poetry=={VERSION}"),
        ],
    ):
        child = await case.run_command(
            command, env=case.user_environment(), seconds=120
        )
        if child.status != 0:
            said = child.output.strip().splitlines()[-1:]
            raise SkipTest(f"poetry {VERSION} cannot be had: {' '.join(said)}")
