"""
Tests for :mod:`proxypypi.commands.stats`.
"""

import json
import sys
from typing import Any

from twisted.internet.defer import maybeDeferred

from proxypypi.events import (
    FAILED_LOG_INS,
    FETCHED,
    REQUESTS,
    SAVED,
    SENT,
    UPLOADS,
    UPSTREAM_REQUESTS,
)
from proxypypi.store.totals import Totals, TotalsStore
from tests.project_case import ProjectTestCase

COUNTS = {
    (REQUESTS.name, "simple", "hit"): 1_500,
    (REQUESTS.name, "files", "miss"): 500,
    (REQUESTS.name, "files", "5xx"): 0,
    (SENT.name, "files"): 2_500_000_000,
    (SENT.name, "simple"): 1_000_000,
    (SAVED.name,): 1_999_999,
    (FETCHED.name, "pypi"): 999,
    (UPLOADS.name, "exists"): 1,
    (FAILED_LOG_INS.name,): 2,
    (UPSTREAM_REQUESTS.name, "pypi", "2xx"): 500,
    (UPSTREAM_REQUESTS.name, "pypi", "timeout"): 3,
}


class StatsTests(ProjectTestCase):
    def count(self) -> None:
        store = TotalsStore.of(self.directory, maybeDeferred)
        self.successResultOf(store.save(Totals(1_700_000_000.5, COUNTS)))

    def lines(self) -> dict[str, str]:
        status, out, err = self.run_command("stats")
        self.assertEqual((0, ""), (status, err))
        pairs = [line.split("  ", 1) for line in out.splitlines()]
        return {name: said.strip() for name, said in pairs}

    def json(self) -> Any:
        status, out, err = self.run_command("stats", "--json")
        self.assertEqual((0, ""), (status, err))
        return json.loads(out)

    def test_people(self) -> None:
        """
        People are told in units that they read at a glance; what did not happen is left
        out.
        """
        self.count()
        files = [self.wheel, self.sdist, self.second]
        size = sum(len(file.content) for file in files) / 1_000
        self.assertEqual(
            {
                "since": "2023-11-14T22:13:20Z",
                "requests": "2,000, 75.0% from here (1,500 hit, 500 miss)",
                "sent": "2.5 GB",
                "saved": "2.0 MB of files that were here",
                "fetched": "999 bytes",
                "upstream": "pypi: 503 requests, 3 failed (3 timeout)",
                "uploads": "1 (1 exists)",
                "failed log ins": "2",
                "projects": "1",
                "cached": "0 files, 0 bytes",
                "private": "0 files, 0 bytes",
                "unread": f"3 files, {size:.1f} kB",
            },
            self.lines(),
        )

    def test_programs(self) -> None:
        """
        Programs are told numbers.
        """
        self.count()
        told = self.json()
        self.assertEqual("2023-11-14T22:13:20Z", told["since"])
        self.assertEqual(
            {"simple": {"hit": 1_500}, "files": {"miss": 500}}, told["requests"]
        )
        self.assertEqual(0.75, told["hits-ratio"])
        self.assertEqual(2_501_000_000, told["sent-bytes"])
        self.assertEqual(1_999_999, told["saved-bytes"])
        self.assertEqual(999, told["fetched-bytes"])
        asked = {"requests": {"2xx": 500, "timeout": 3}, "fetched-bytes": 999}
        self.assertEqual({"pypi": asked}, told["upstreams"])
        self.assertEqual({"exists": 1}, told["uploads"])
        self.assertEqual((2, 0), (told["failed-log-ins"], told["files-kept"]))
        self.assertEqual(1, told["directory"]["projects"])
        self.assertEqual(3, told["directory"]["unread"]["files"])
        self.assertEqual({"files": 0, "bytes": 0}, told["directory"]["cached"])

    def test_nothing_counted(self) -> None:
        """
        Where no server has counted, or nobody knows it any more, what is in the
        directory is told.
        """
        for damage in (False, True):
            if damage:
                path = self.directory / ".proxypypi" / "cache" / "counts.json"
                path.parent.mkdir(parents=True)
                path.write_bytes(b"oops")
            lines = self.lines()
            self.assertEqual("nothing was counted yet", lines["since"])
            self.assertEqual("1", lines["projects"])
            self.assertNotIn("requests", lines)
            told = self.json()
            self.assertIsNone(told["since"])
            self.assertIsNone(told["hits-ratio"])

    def test_no_directory(self) -> None:
        """
        A directory that there is not is an error, as with other commands.
        """
        status, out, err = self.run_main("stats", "-d", str(self.directory / "none"))
        self.assertEqual((2, ""), (status, out))
        self.assertIn("there is no such directory", err)

    def test_misuse(self) -> None:
        """
        It has no operands, and says how it is used.
        """
        self.check_misuse("stats", (("demo",), "unexpected argument 'demo'"))
        self.check_help("stats", "")

    def test_bar(self) -> None:
        """
        Who sits at a terminal sees how far it is.
        """
        self.stderr.isatty = lambda: True  # type: ignore[method-assign]
        self.assertIn("projects", self.run_command("stats")[2])
        self.patch(sys, "stderr", self.stdout)
        self.assertNotIn("0/1", self.run_command("stats")[1])
