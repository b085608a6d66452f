"""
Without a network.
"""

import os
import shutil
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest

import proxypypi
from tests.distributions import make_sdist, make_wheel
from tests.e2e import inside, pips
from tests.e2e.harness import EndToEndTestCase


class OfflineTests(EndToEndTestCase):
    timeout = 240

    async def test_install_with_loopback_only(self) -> None:
        """
        What was installed once through the proxy is installed again from the
        directory, by pip and uv, with no network but loopback.
        """
        unshare = shutil.which("unshare")
        if unshare is None:
            raise SkipTest("there is no unshare here, so no network namespace")
        alone = [unshare, "--map-root-user", "--net"]
        code = "from tests.e2e.inside import raise_loopback; raise_loopback()"
        root = str(Path(proxypypi.__file__).parents[1])
        env = self.environment(PYTHONPATH=root)
        tried = await self.run_command([*alone, sys.executable, "-c", code], env)
        if tried.status != 0:
            said = tried.output.strip().splitlines()[-1:]
            raise SkipTest(f"no network namespace for us: {' '.join(said)}")

        self.index.add(make_wheel("app", "1.0", requires=["lib"]))
        self.index.add(make_sdist("lib", "2.0"))
        server = await self.start_server()
        for version in (pips.OLDEST, pips.NEWEST):
            pip = await pips.fetch(self, version)
            await self.pip_install(pip, f"{server.url}/simple/", "app")
        await server.stop()

        temporary = str(self.work / "trial")
        child = await self.run_command(
            [
                *(*alone, sys.executable, "-m", "twisted.trial"),
                *("--temp-directory", temporary, "tests.e2e.inside"),
            ],
            {**os.environ, "PYTHONPATH": root, inside.DIRECTORY: str(self.directory)},
            seconds=210,
        )
        self.assertEqual(0, child.status, child.output)
        self.assertIn("PASSED (successes=2)", child.output)
