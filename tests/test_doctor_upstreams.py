"""
Tests for :mod:`proxypypi.doctor.upstreams`, with an index on loopback.
"""

import sys
from collections.abc import Collection
from typing import Any

from twisted.internet.task import deferLater
from twisted.web.http import datetimeToString
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

from proxypypi.doctor.upstreams import Checkup
from proxypypi.model import Finding, Grade
from proxypypi.settings import UpstreamSettings
from proxypypi.upstream.connect import connect_index
from proxypypi.upstream.index import Index
from proxypypi.upstream.patience import Patience
from tests.certificates import Authority
from tests.distributions import make_sdist, make_wheel
from tests.e2e.harness import EndToEndTestCase, free_port, reactor
from tests.fake_index import Fault

MODULE = sys.modules["proxypypi.doctor.upstreams"]
WAY = "(asked directly)"


class CheckupTests(EndToEndTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.index.add(make_wheel("six"))
        self.index.add(make_sdist("six"))
        self.patch(MODULE, "connect_index", self.connect)

    def connect(self, *arguments: Any, **more: Any) -> Index:
        """
        Connections that come to rest only afterwards are closed at the end.
        """
        index = connect_index(*arguments, **more)

        async def close() -> None:
            await deferLater(reactor, 0.05)
            await index.close()

        self.addCleanup(close)
        return index

    async def examine(
        self,
        url: str = "",
        environment: dict[str, str] | None = None,
        secret: Collection[str] = (),
        **more: Any,
    ) -> list[Finding]:
        """
        :param secret: projects that no index may hear of.
        """
        settings = UpstreamSettings.from_url(url or self.index_url, name="ours", **more)
        patience = Patience(pauses=())
        checkup = Checkup(
            settings, reactor, environment or {}, secret.__contains__, patience
        )
        return await checkup.examine()

    async def test_well(self) -> None:
        """
        An index that says all there is to say is well, and so is the clock.
        """
        said, clock = await self.examine()
        self.assertEqual((Grade.OK, "upstream ours"), (said.grade, said.subject))
        self.assertIn("JSON, digests, sizes, upload times and core metadata", said.what)
        self.assertIn(WAY, said.what)
        self.assertEqual((Grade.OK, "clock"), (clock.grade, clock.subject))

    async def test_lacking(self) -> None:
        """
        What it does not say is a warning each, with what that means.
        """
        self.index.upload_times = self.index.core_metadata = False
        upload_times, metadata, clock = await self.examine()
        for found, word in (
            (upload_times, "it gives no upload times, so that a minimum age"),
            (metadata, "it gives no core metadata, so that installers"),
        ):
            self.assertIs(Grade.WARNING, found.grade)
            self.assertTrue(found.what.startswith(word), found.what)
        self.assertIs(Grade.OK, clock.grade)

    async def test_html(self) -> None:
        """
        So it is if there is no more than HTML.
        """
        self.index.html_only = True
        found = [each.what for each in await self.examine()]
        self.assertTrue(any("no JSON" in what for what in found), found)
        self.assertTrue(any("no sizes" in what for what in found), found)

    async def test_clock(self) -> None:
        """
        A clock that is off by more than a minute is worth a warning, with what a cache
        says of the answer's age taken into account.
        """
        for late, age, grade, word in (
            (120, 0, Grade.WARNING, " s fast, says ours"),
            (-120, 0, Grade.WARNING, " s slow, says ours"),
            (120, 120, Grade.OK, "agrees"),
        ):
            date = datetimeToString(reactor.seconds() - late).decode()
            headers = {"Date": date, "Age": str(age)}
            self.index.fail("/simple/six/", Fault(headers=headers))
            _, clock = await self.examine()
            self.assertIs(grade, clock.grade, word)
            self.assertIn(word, clock.what)

    async def test_not_there(self) -> None:
        """
        One that cannot be had, or wants a password, or talks nonsense, is an error.
        """
        (found,) = await self.examine(f"http://me:secret@127.0.0.1:{free_port()}/")
        self.assertIs(Grade.ERROR, found.grade)
        self.assertIn("connection refused", found.what)
        self.assertNotIn("secret", found.what)
        self.index.login = "me:secret"
        (found,) = await self.examine()
        self.assertIn("401", found.what)
        self.assertIn("credentials", found.advice)
        self.index.login = None
        self.index.fail("/simple/six/", Fault(body=b"<html>log in</html>"))
        (found,) = await self.examine()
        self.assertIs(Grade.ERROR, found.grade)

    async def test_other_projects(self) -> None:
        """
        It is asked about a project that it may be asked about, and that it has.
        """
        self.index.projects.clear()
        self.index.add(make_wheel("torch"))
        said, _ = await self.examine(projects=("torch*", "nvidia-*"))
        self.assertIs(Grade.OK, said.grade)
        self.assertIn("core metadata", said.what)
        self.assertEqual(["/simple/torch/"], [s.path for s in self.index.requests])

    async def test_secret(self) -> None:
        """
        It is asked about no project that it may never hear of, whichever it has.
        """
        self.index.add(make_wheel("torch"))
        for secret in (["six", "pip"], ["six", "pip", "numpy", "torch"]):
            await self.examine(secret=secret, projects=("six", "torch*", "numpy"))
        asked = [seen.path for seen in self.index.requests]
        self.assertEqual(["/simple/numpy/", "/simple/torch/", "/simple/"], asked)

    async def test_nothing_known(self) -> None:
        """
        Where it has none of the usual ones, or may be asked about none, it is there,
        and no more can be told.
        """
        self.index.projects.clear()
        self.index.add(make_wheel("acme-tools"))
        for projects in (("*",), ("acme-*",)):
            (found,) = await self.examine(projects=projects)
            self.assertIs(Grade.OK, found.grade)
            self.assertIn("what its pages say is not known", found.what)
        asked = {seen.path for seen in self.index.requests} - {"/simple/"}
        usual = {f"/simple/{name}/" for name in ("six", "pip", "numpy")}
        self.assertEqual(usual, asked)

    async def test_no_list(self) -> None:
        """
        One that has not even a list of projects may be at another address.
        """
        wrong = self.index_url.replace("/simple/", "/simpel/")
        (found,) = await self.examine(wrong)
        self.assertIs(Grade.WARNING, found.grade)
        self.assertIn("no project list, and none of six, pip, numpy", found.what)
        self.assertIn("address", found.advice)
        (found,) = await self.examine(wrong, projects=("acme-*",))
        self.assertIs(Grade.OK, found.grade)

    async def test_another_page(self) -> None:
        """
        A site that answers at its root, and has no usual project, is no index: most
        have theirs below /simple/.
        """
        site = Resource()
        site.putChild(b"", Data(b"welcome", "text/plain"))
        port = reactor.listenTCP(0, Site(site), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        (found,) = await self.examine(f"http://127.0.0.1:{port.getHost().port}/")
        self.assertIs(Grade.ERROR, found.grade)
        self.assertIn("has none of six, pip, numpy", found.what)
        self.assertIn("/simple/", found.advice)

    async def test_only_some(self) -> None:
        """
        One that may be asked about no usual project has to be there nonetheless.
        """
        url = f"http://127.0.0.1:{free_port()}/"
        (found,) = await self.examine(url, projects=("acme-*",))
        self.assertIs(Grade.ERROR, found.grade)

    async def test_way(self) -> None:
        """
        The outbound proxy and the certificates in use are named, and no password.
        """
        proxy = f"http://me:secret@127.0.0.1:{free_port()}"
        (found,) = await self.examine(environment={"HTTP_PROXY": proxy})
        self.assertIs(Grade.ERROR, found.grade)
        self.assertIn("asked through http://127.0.0.1:", found.what)
        self.assertNotIn("secret", found.what)
        bundle = self.work / "ca.pem"
        bundle.write_bytes(b"")
        url = f"https://127.0.0.1:{free_port()}/"
        for environment, word in (
            ({"SSL_CERT_FILE": str(bundle)}, "holds no certificates"),
            ({"HTTPS_PROXY": "ftp://me:secret@x"}, "HTTPS_PROXY"),
        ):
            (found,) = await self.examine(url, environment=environment)
            self.assertIs(Grade.ERROR, found.grade)
            self.assertIn(word, found.what)
            self.assertNotIn("secret", found.what)

    async def test_certificates(self) -> None:
        """
        Where https is spoken, it is told whom it trusts beside the usual ones.
        """
        bundle = self.work / "ca.pem"
        bundle.write_bytes(Authority().pem)
        url = f"https://127.0.0.1:{free_port()}/"
        (found,) = await self.examine(url, {"SSL_CERT_FILE": str(bundle)})
        self.assertIn(f"trusting SSL_CERT_FILE={bundle})", found.what)
        (found,) = await self.examine(url, ca_bundle=bundle)
        self.assertIn(f"trusting ca-bundle {bundle})", found.what)
