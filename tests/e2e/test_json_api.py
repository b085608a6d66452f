"""
The JSON API, as poetry asks for it.
"""

import json
from pathlib import Path

from twisted.internet.task import deferLater

from tests.distributions import make_sdist, make_wheel
from tests.e2e import tools
from tests.e2e.harness import EndToEndTestCase, reactor

_ASK = """
import json, sys
from packaging.utils import canonicalize_name
from poetry.core.constraints.version import Version
from poetry.repositories.pypi_repository import PyPiRepository

repository = PyPiRepository(url=sys.argv[1], disable_cache=True, fallback=False)
for wanted in sys.argv[2:]:
    name, version = wanted.split("==")
    name, version = canonicalize_name(name), Version.parse(version)
    package = repository.package(name, version)
    print(json.dumps({
        "requires": [str(r) for r in package.requires],
        "python": package.python_versions,
        "files": [f["hash"] for f in package.files],
        "links": [link.url for link in repository.find_links_for_package(package)],
        "yanked": package.yanked,
    }))
"""


class PoetryTests(EndToEndTestCase):
    timeout = 300

    async def test_default_source(self) -> None:
        """
        In place of PyPI, all that poetry wants to know is there, of private projects
        and of those that an index has, with a JSON API and without.
        """
        command = await tools.fetch(self, "poetry")
        theirs = make_wheel("theirs", requires=["a>1"], requires_python=">=3.8")
        ours = make_wheel("ours", requires=["b>1"], requires_python=">=3.9")
        sdist = make_sdist("ours", "2.0", requires=["c>1"], requires_python=">=3.10")
        self.index.add(theirs, yanked="broken")
        self.index.documents = False
        for built in (ours, sdist):
            self.drop(built.filename, built.content)
        server = await self.start_server()
        await deferLater(reactor, 1.2)  # until private files count as whole
        script = Path(self.mktemp())
        script.write_text(_ASK)
        wanted = ("theirs==1.0", "ours==1.0", "ours==2.0")
        child = await self.run_command(
            [command[0], str(script.resolve()), f"{server.url}/", *wanted],
            seconds=60,
        )
        self.assertEqual(0, child.status, child.output)
        told = [json.loads(line) for line in child.stdout.splitlines()]
        for built, expected, said in zip(
            (theirs, ours, sdist),
            (
                (["a (>1)"], ">=3.8", True),
                (["b (>1)"], ">=3.9", False),
                (["c (>1)"], ">=3.10", False),
            ),
            told,
            strict=True,
        ):
            found = said["requires"], said["python"], said["yanked"]
            self.assertEqual(expected, found, built.filename)
            url = f"{server.url}/files/{built.project}/{built.filename}"
            self.assertEqual([f"{url}#sha256={built.sha256}"], said["links"])
            self.assertEqual([f"sha256:{built.sha256}"], said["files"])
        await server.stop()
