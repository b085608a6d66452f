"""
Installers find out what private projects need without downloading them.
"""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from twisted.internet.task import deferLater

from tests.distributions import make_wheel
from tests.e2e import pips, tools
from tests.e2e.harness import EndToEndTestCase, Server, reactor

_PROJECT = """\
[project]
name = "ours"
version = "1.0"
requires-python = ">=3.10,<4"
dependencies = ["app"]

[[tool.poetry.source]]
name = "ours"
url = "{url}"
priority = "primary"

[[tool.pdm.source]]
name = "pypi"
url = "{url}"

[tool.pdm]
distribution = false
"""
_LOCKED = {"app": "2.0", "base": "1.0", "middle": "1.0"}


class ResolutionTests(EndToEndTestCase):
    """
    The newest version of the project in the middle does not fit, so that whoever
    resolves has to look at more than one.
    """

    timeout = 300

    async def serve_tree(self) -> Server:
        for wheel in (
            make_wheel("app", "1.0"),
            make_wheel("app", "2.0", requires=["middle", "base<2"]),
            make_wheel("middle", "1.0", requires=["base>=1"]),
            make_wheel("middle", "2.0", requires=["base>=2"]),
            make_wheel("base", "1.0"),
            make_wheel("base", "2.0"),
        ):
            self.drop(wheel.filename, wheel.content)
        server = await self.start_server("--no-proxy")
        await deferLater(reactor, 1.2)  # until private files count as whole
        return server

    async def resolve(
        self, command: Sequence[str], env: Mapping[str, str], seconds: float = 120.0
    ) -> str:
        """
        :returns: what the command printed.
        """
        child = await self.run_command(command, env, seconds)
        self.assertEqual(0, child.status, child.output)
        return child.output

    async def check_asked(self, server: Server) -> None:
        """
        Wheels were not asked for, but what is in them was.
        """
        await server.stop()
        asked = re.findall(r" GET (\S+) 200 ", server.child.output)
        wheels = [path for path in asked if path.endswith(".whl")]
        self.assertEqual([], wheels)
        for wheel in ("app-2.0", "middle-2.0", "middle-1.0", "base-1.0"):
            name = wheel.partition("-")[0]
            path = f"/files/{name}/{wheel}-py3-none-any.whl.metadata"
            self.assertIn(path, asked)

    def make_project(self, server: Server) -> Path:
        folder = self.work / "project"
        folder.mkdir()
        url = f"{server.url}/simple/"
        (folder / "pyproject.toml").write_text(_PROJECT.format(url=url))
        return folder

    def check_locked(self, lock: Path) -> None:
        """
        A lock file has the versions that fit.
        """
        found = re.findall(
            r'\[\[package\]\]\nname = "(\w+)"\nversion = "([^"]+)"', lock.read_text()
        )
        self.assertEqual(_LOCKED, dict(found))

    async def test_pip(self) -> None:
        """
        The newest pip.
        """
        pip = await pips.fetch(self, pips.NEWEST)
        server = await self.serve_tree()
        said = await self.resolve(
            [
                *(sys.executable, f"{pip}/pip", "--isolated", "install", "--dry-run"),
                *("--no-cache-dir", "--ignore-installed", "--no-color"),
                *("--index-url", f"{server.url}/simple/", "app"),
            ],
            self.environment(),
        )
        self.assertIn("Would install app-2.0 base-1.0 middle-1.0", said)
        await self.check_asked(server)

    async def test_old_pip(self) -> None:
        """
        pip 20, which knows no metadata apart from the file, installs what fits as far
        as it can tell.
        """
        pip = await pips.fetch(self, pips.OLDEST)
        server = await self.serve_tree()
        target = await self.pip_install(pip, f"{server.url}/simple/", "app", "base<2")
        self.assert_installed(target, app="2.0", base="1.0")

    async def test_uv(self) -> None:
        """
        uv.
        """
        server = await self.serve_tree()
        wanted = self.work / "requirements.in"
        wanted.write_text("app\n")
        said = await self.resolve(
            [
                *(str(Path(sys.executable).with_name("uv")), "pip", "compile"),
                *("--no-cache", "--python", sys.executable, "--no-header"),
                *("--default-index", f"{server.url}/simple/", str(wanted)),
            ],
            self.environment(),
        )
        for name, version in _LOCKED.items():
            self.assertIn(f"{name}=={version}", said)
        await self.check_asked(server)

    async def test_poetry(self) -> None:
        """
        poetry.
        """
        command = await tools.fetch(self, "poetry")
        server = await self.serve_tree()
        project = self.make_project(server)
        await self.resolve(
            [*command, "lock", "--no-interaction", "--directory", str(project)],
            self.environment(POETRY_KEYRING_ENABLED="false"),
        )
        self.check_locked(project / "poetry.lock")
        await self.check_asked(server)

    async def test_pdm(self) -> None:
        """
        pdm.
        """
        command = await tools.fetch(self, "pdm")
        server = await self.serve_tree()
        project = self.make_project(server)
        env = {"PDM_CHECK_UPDATE": "0", "PDM_IGNORE_SAVED_PYTHON": "1"}
        await self.resolve(
            [*command, "lock", "--project", str(project)],
            self.environment(**env, PATH=os.environ["PATH"]),
        )
        self.check_locked(project / "pdm.lock")
        await self.check_asked(server)
