"""
Tests for :mod:`proxypypi.auth.hashes`.
"""

import bcrypt
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.auth.hashes import HashedPassword, describe, understand

# By htpasswd 2.4 and by "openssl passwd -apr1".
LONG = "a much longer password than sixteen bytes"
KNOWN = [
    ("hunter2", "$apr1$abcdefgh$ckT15POyCRlen.h6XtGAZ1"),
    (LONG, "$apr1$x$eVg/QpGhpgNiDA46nGsav0"),
    ("password", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="),
    ("x", "$2a$04$pu2RzP6K9P8UJaosua/JBebuSO0OA7VOG1/9Q9YmEet2mNksGycP2"),
    ("x", "$2b$04$rslEtSCBZ6/Lu6Hk//ENS.22XuO.s7E9exjl/BJtTCjfXOIheL.qm"),
    ("x", "$2y$04$Xrgymv3vroOmOhcaXQjDk.048BiOetaSQrlYFP6SZwwrXFJp8tAzy"),
]


def hashed(text: str) -> HashedPassword:
    found = understand(text)
    assert found is not None, text
    return found


class UnderstandTests(SynchronousTestCase):
    def test_known(self) -> None:
        """
        What other programs hashed fits its password and no other.
        """
        for password, text in KNOWN:
            for tried in ("", "hunter", "hunter2 ", "Password", password[:-1] + "é"):
                self.assertFalse(hashed(text).fits(tried.encode()), (text, tried))
            self.assertTrue(hashed(text).fits(password.encode()), text)

    def test_long_passwords(self) -> None:
        """
        bcrypt takes the first 72 bytes, like htpasswd; more is no error.
        """
        made = hashed(bcrypt.hashpw(b"a" * 72, bcrypt.gensalt(4)).decode())
        self.assertTrue(made.fits(b"a" * 72))
        self.assertTrue(made.fits(b"a" * 200))
        self.assertFalse(made.fits(b"a" * 71))

    def test_others(self) -> None:
        """
        All else is described without being shown, or let in.
        """
        good = KNOWN[4][1]
        for text, words in (
            ("hunter2", "plain"),
            ("", "plain"),
            ("rqXexS6ZhobKA", "crypt"),
            ("$1$abc$hunter2", "MD5 crypt"),
            ("$5$abc$hunter2", "SHA-2 crypt"),
            ("$6$rounds=1000$abc$hunter2", "SHA-2 crypt"),
            ("$argon2id$v=19$hunter2", "htpasswd never"),
            ("$apr1$abc$hunter2", "apr1 that is malformed"),
            (f"{KNOWN[0][1]}x", "apr1 that is malformed"),
            ("{SHA}hunter2", "SHA-1 that is malformed"),
            ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g", "SHA-1 that is malformed"),
            ("{SSHA}hunter2", "plain"),
            (good[:-1], "bcrypt that is malformed"),
            (f"{good}.", "bcrypt that is malformed"),
            (f"{good[:-1]}n", "bcrypt that is malformed"),  # bits to spare are set
            (good.replace("$04$", "$31$"), "bcrypt that is malformed"),
            (good.replace("$04$", "$03$"), "bcrypt that is malformed"),
            (good.replace("2b", "2x"), "bcrypt that is malformed"),
        ):
            self.assertIsNone(understand(text), text)
            self.assertIn(words, describe(text))
            self.assertNotIn("hunter2", describe(text))

    def test_weak(self) -> None:
        """
        SHA-1 is.
        """
        weak = [text for _, text in KNOWN if hashed(text).manner.is_weak]
        self.assertEqual([KNOWN[2][1]], weak)

    def test_cost(self) -> None:
        """
        The slowest to try costs most.
        """
        slow = KNOWN[3][1].replace("$04$", "$12$")
        costs = [hashed(t).cost for t in (KNOWN[2][1], KNOWN[0][1], KNOWN[3][1], slow)]
        self.assertEqual(sorted(set(costs)), costs)

    def test_not_shown(self) -> None:
        """
        No traceback shows one.
        """
        self.assertNotIn("ckT15POy", repr(hashed(KNOWN[0][1])))
