"""
Tests for :mod:`proxypypi.store.uses`.
"""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.names import normalize
from proxypypi.store import uses
from proxypypi.store.uses import File, UseStore

DEMO, OTHER = normalize("demo"), normalize("other")


class UseStoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.store = UseStore.of(self.root)
        self.record = self.root / ".proxypypi" / "cache" / "uses" / "record"

    def noted(self, *files: File) -> list[float | None]:
        last = self.store.load()
        return [last.of(*file) for file in files]

    def test_nothing(self) -> None:
        """
        Of what was never noted nothing is known, and to look writes nothing.
        """
        self.assertEqual([None], self.noted((DEMO, "a.whl")))
        self.assertFalse(self.root.exists())

    def test_last(self) -> None:
        """
        The last use of each file counts, to the millisecond; files of one name in two
        projects are two.
        """
        self.store.note(dict.fromkeys([(DEMO, "a.whl"), (DEMO, "b.whl")], 1000.1259))
        self.store.note(dict.fromkeys([(DEMO, "a.whl"), (OTHER, "b.whl")], 2000.0))
        self.assertEqual(
            [2000.0, 1000.125, 2000.0, None],
            self.noted(
                (DEMO, "a.whl"), (DEMO, "b.whl"), (OTHER, "b.whl"), (OTHER, "a.whl")
            ),
        )

    def test_several_processes(self) -> None:
        """
        What others noted is there, too, whoever wrote last.
        """
        other = UseStore.of(self.root)
        for second in range(1, 10):
            store = (self.store, other)[second % 2]
            store.note(dict.fromkeys([(DEMO, f"{second}.whl")], float(second)))
        for second in range(1, 10):
            self.assertEqual([float(second)], self.noted((DEMO, f"{second}.whl")))

    def test_does_not_grow(self) -> None:
        """
        However often files are used, the record stays small, and knows all of them.
        """
        self.patch(uses, "_SLACK", 10)
        self.patch(uses, "_PIECE", 4)
        files = [(DEMO, f"{i}.whl") for i in range(10)]
        for second in range(1, 200):
            self.store.note(dict.fromkeys(files[second % 10 :], float(second)))
        self.assertLess(self.record.stat().st_size, 16 * 41)
        self.assertEqual([190.0 + i for i in range(10)], self.noted(*files))

    def test_bounded(self) -> None:
        """
        Of too many files, those are forgotten that were not used for longest.
        """
        self.patch(uses, "_SLACK", 0)
        self.patch(uses, "_MOST", 5)
        for second in range(1, 40):
            self.store.note(dict.fromkeys([(DEMO, f"{second}.whl")], float(second)))
        self.assertLess(self.record.stat().st_size, 16 * 12)
        self.assertEqual([None], self.noted((DEMO, "1.whl")))
        self.assertEqual([39.0], self.noted((DEMO, "39.whl")))

    def test_damaged(self) -> None:
        """
        Of a damaged record as much is known as can be read, and it is written anew.
        """
        self.store.note(dict.fromkeys([(DEMO, "a.whl"), (DEMO, "b.whl")], 1000.0))
        whole = self.record.read_bytes()
        for content, known in (
            (b"", None),
            (b"\0" * 100, None),
            (b"x" + whole[1:], None),
            (whole[:20], None),
            (whole[:-1], 1000.0),
            (whole + b"1234567", 1000.0),
        ):
            self.record.write_bytes(content)
            self.assertEqual([known], self.noted((DEMO, "a.whl")), content)
            self.store.note(dict.fromkeys([(DEMO, "c.whl")], 3000.0))
            expected = [known, 3000.0]
            self.assertEqual(expected, self.noted((DEMO, "a.whl"), (DEMO, "c.whl")))
            self.assertEqual(0, self.record.stat().st_size % 16)

    def test_no_file(self) -> None:
        """
        What cannot be read is as good as nothing, and what cannot be written is told.
        """
        self.record.mkdir(parents=True)
        self.assertEqual([None], self.noted((DEMO, "a.whl")))
        with self.assertRaises(OSError):
            self.store.note(dict.fromkeys([(DEMO, "a.whl")], 1.0))
        self.assertEqual(["record"], os.listdir(self.record.parent))
