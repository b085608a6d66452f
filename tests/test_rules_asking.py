"""
Tests for :mod:`proxypypi.rules.asking`.
"""

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.names import normalize
from proxypypi.rules.asking import Asking, asked_about
from proxypypi.settings import Settings, UpstreamSettings

ONE, TWO = "https://one.example/simple/", "https://two.example/simple/"
DEMO = normalize("demo")


def said(
    *upstreams: UpstreamSettings, private: tuple[str, ...] = (), **more: Any
) -> Asking:
    return Asking.said_by(
        Settings(directory=Path("/d"), upstreams=upstreams, private=private, **more)
    )


def upstream(url: str, *projects: str) -> UpstreamSettings:
    return UpstreamSettings.from_url(url, projects=projects or ("*",))


class AskedAboutTests(SynchronousTestCase):
    def test_settings(self) -> None:
        """
        An index is asked about a project if it is among those of its own, and unless
        nobody may be asked about that.
        """
        one, two = upstream(ONE), upstream(TWO)
        for case, asking, claimed, expected in (
            ("all", said(one, two), False, {ONE, TWO}),
            ("nobody", said(), False, set()),
            ("claimed", said(one, two), True, set()),
            ("private", said(one, private=("x", "d*")), False, set()),
            ("others are private", said(one, private=("x", "e*")), False, {ONE}),
            ("denied", said(one, deny=("demo",)), False, set()),
            ("others are denied", said(one, deny=("demo-*",)), False, {ONE}),
            ("its own", said(upstream(ONE, "demo", "x"), two), False, {ONE, TWO}),
            ("not its own", said(upstream(ONE, "acme-*"), two), False, {TWO}),
            ("all but", said(upstream(ONE, "!demo"), two), False, {TWO}),
            ("nothing is known", Asking(), False, set()),
        ):
            self.assertEqual(expected, asked_about(DEMO, claimed, [asking]), case)

    def test_several(self) -> None:
        """
        Of several that ask, only that counts which all do.
        """
        one, two = upstream(ONE), upstream(TWO)
        for case, askings, expected in (
            ("the same", (said(one, two), said(two, one)), {ONE, TWO}),
            ("one of them", (said(one, two), said(two)), {TWO}),
            ("others", (said(one), said(two)), set()),
            ("one does not ask", (said(one), said()), set()),
            ("one may not", (said(one), said(one, private=("demo",))), set()),
        ):
            self.assertEqual(expected, asked_about(DEMO, False, askings), case)
