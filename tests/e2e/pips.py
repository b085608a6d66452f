"""
The versions of pip that the tests are run with.

Each is fetched once, by the pip beside this interpreter as its user has configured
it, and kept in the user's cache.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from twisted.trial.unittest import SkipTest

from tests.e2e.harness import EndToEndTestCase

OLDEST = "20.0.2"
"""
Of those that ask for HTML: the old resolver.
"""

LAST_OF_HTML_METADATA = "22.3.1"
"""
Reads ``.metadata``, asks for JSON, and breaks on ``dist-info-metadata`` in it.
"""

CORE_METADATA = "23.3.2"
"""
Reads ``core-metadata``.
"""

RESUMING = "25.3"
"""
Resumes downloads.
"""

NEWEST = "26.3"


def cache() -> Path:
    """
    The directory for what is fetched once.
    """
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(caches) / "proxypypi-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def fetch(case: EndToEndTestCase, version: str) -> str:
    """
    :returns: the directory in which that pip is unpacked: ``python DIRECTORY/pip``.
    :raises SkipTest: it cannot be fetched, or does not run on this Python.
    """
    kept = cache() / f"pip-{version}"
    if not kept.exists():
        with TemporaryDirectory(dir=kept.parent) as fresh:
            await _download(case, version, fresh)
            # In one step, as others may be at it, too; then theirs is as good.
            with suppress(OSError):
                os.rename(f"{fresh}/unpacked", kept)
    child = await case.run_command([sys.executable, f"{kept}/pip", "--version"])
    if child.status != 0:
        python = ".".join(str(part) for part in sys.version_info[:2])
        raise SkipTest(f"pip {version} does not run on Python {python}")
    return str(kept)


async def _download(case: EndToEndTestCase, version: str, folder: str) -> None:
    child = await case.run_command(
        [
            *(sys.executable, "-m", "pip", "download", "--no-deps"),
            *("--dest", folder, f"pip=={version}"),
        ],
        env=case.user_environment(),
    )
    wheels = list(Path(folder).glob("pip-*.whl"))
    if child.status != 0 or not wheels:
        said = child.output.strip().splitlines()[-1:]
        raise SkipTest(f"pip {version} cannot be fetched: {' '.join(said)}")
    # Older ones cannot build sdists when they run from a wheel.
    with ZipFile(wheels[0]) as wheel:
        wheel.extractall(f"{folder}/unpacked")
