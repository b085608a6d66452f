"""
The real index.
"""

import os
import sys

from twisted.trial.unittest import SkipTest

from proxypypi.settings import DEFAULT_INDEX
from tests.e2e import pips
from tests.e2e.harness import EndToEndTestCase

PROJECT = "iniconfig"
"""
Small, and without dependencies.
"""


class PublicIndexTests(EndToEndTestCase):
    timeout = 240

    async def reachable(self) -> None:
        """
        :raises SkipTest: the index cannot be reached without us either.
        """
        code = "import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=20)"
        url = f"{DEFAULT_INDEX}{PROJECT}/"
        child = await self.run_command([sys.executable, "-c", code, url], os.environ)
        if child.status != 0:
            said = child.output.strip().splitlines()[-1:]
            raise SkipTest(f"the public index cannot be reached: {' '.join(said)}")

    async def test_install(self) -> None:
        """
        A small package of the public index installs through the proxy; then from the
        directory alone.
        """
        await self.reachable()
        pip = await pips.fetch(self, pips.NEWEST)
        for options in ([], ["--no-proxy"]):
            server = await self.start_server(*options, index_url=DEFAULT_INDEX)
            url = f"{server.url}/simple/"
            for target in (
                await self.pip_install(pip, url, PROJECT, options=["--no-deps"]),
                await self.uv_install(url, PROJECT, options=["--no-deps"]),
            ):
                self.assertTrue((target / PROJECT / "__init__.py").exists())
            await server.stop()
