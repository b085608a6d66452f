"""
Tests for ``setup.cfg``.
"""

from configparser import ConfigParser
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import proxypypi

ROOT = Path(proxypypi.__file__).parent.parent


class PackagesTests(SynchronousTestCase):
    def test_all(self) -> None:
        """
        Every package is installed; this cannot be seen where they are used from here.
        """
        config = ConfigParser()
        config.read(ROOT / "setup.cfg")
        installed = config["options"]["packages"].split()
        there = [
            ".".join(path.parent.relative_to(ROOT).parts)
            for path in (ROOT / "proxypypi").rglob("__init__.py")
        ]
        self.assertEqual(sorted([*there, "twisted.plugins"]), sorted(installed))

    def test_data(self) -> None:
        """
        So is what they read that is no Python.
        """
        config = ConfigParser()
        config.read(ROOT / "setup.cfg")
        installed = {
            path
            for package, patterns in config["options.package_data"].items()
            for pattern in patterns.split(", ")
            for path in (ROOT / package.replace(".", "/")).glob(pattern)
        }
        there = {
            path
            for path in (ROOT / "proxypypi").rglob("*")
            if path.is_file() and not path.name.endswith((".py", ".pyc"))
        }
        self.assertEqual(there, installed)
