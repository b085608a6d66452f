"""
Tests for :mod:`proxypypi.daemon.background`.
"""

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.daemon.background import succeeds


class DetachTests(SynchronousTestCase):
    def detach(self, body: str) -> tuple[str, str]:
        """
        Run *body* in the background of a process of its own, and wait for the end of
        both.

        :returns: what went to stdout, which is the file, too, and to stderr.
        """
        source = f"""
import os, sys
from proxypypi.daemon.background import detach
def run(started):
    {body}
has_started = detach(run, os.dup(1)) is not None
os.write(1, b"%r\\n" % has_started)  # at once, as others write there
"""
        args = [sys.executable, "-c", source]
        done = subprocess.run(args, capture_output=True, timeout=60, check=True)
        return done.stdout.decode(), done.stderr.decode()

    def test_started(self) -> None:
        """
        One that says that it has started has. Its errors come to the caller until then,
        and go to the file after that, with all else that it prints.
        """
        body = (
            "os.write(1, b'1'); os.write(2, b'2'); started(); "
            "os.write(1, b'3'); os.write(2, b'4')"
        )
        out, err = self.detach(body)
        self.assertEqual("2", err)
        self.assertEqual("134", "".join(filter(str.isdigit, out)))
        self.assertIn("True\n", out)

    def test_failed(self) -> None:
        """
        One that ends before has not, and its reason is on the caller's stderr.
        """
        for body, reason in (
            ("sys.exit(0)", ""),
            ("sys.stderr.write('reason'); sys.exit(1)", "reason"),
            ("raise ValueError('reason')", "ValueError: reason"),
            ("os.kill(os.getpid(), 9)", ""),
        ):
            out, err = self.detach(body)
            self.assertEqual("False\n", out, body)
            self.assertIn(reason, err)
            self.assertEqual(not reason, not err, body)


class SucceedsTests(SynchronousTestCase):
    def test_success(self) -> None:
        """
        What returns has succeeded, and has changed nothing here.
        """
        ran: list[None] = []
        self.assertTrue(succeeds(lambda: ran.append(None)))
        self.assertEqual([], ran)

    def test_failure(self) -> None:
        """
        What ends in any other way has not, and its reason is on stderr.
        """
        for body, reason in (
            ("sys.exit(1)", ""),
            ("1 / 0", "ZeroDivisionError"),
            ("os.kill(os.getpid(), 9)", ""),
        ):
            source = f"""
import os, sys
from proxypypi.daemon.background import succeeds
def run():
    {body}
print(succeeds(run))
"""
            args = [sys.executable, "-c", source]
            done = subprocess.run(args, capture_output=True, timeout=60, check=True)
            self.assertEqual(b"False\n", done.stdout, body)
            self.assertIn(reason, done.stderr.decode())
