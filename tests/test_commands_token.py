"""
Tests for :mod:`proxypypi.commands.token`.
"""

import json
from pathlib import Path
from time import time

from proxypypi.store.tokens import TokenStore
from tests.cli_case import CliTestCase
from tests.passwords import write_users


class TokenTests(CliTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()
        self.store = TokenStore.of(self.directory)

    def token(self, action: str, *arguments: str) -> tuple[object, str, str]:
        return self.run_main("token", action, "-d", str(self.directory), *arguments)

    def test_create(self) -> None:
        """
        The secret is printed, alone, and good for what was said.
        """
        status, out, err = self.token(
            *("create", "--upload", "--project", "Acme_*", "--project", "b"),
            *("--user", "bob", "--expires", "2d", "ci"),
        )
        told = f"it is the password of __token__ for {self.directory}\n"
        self.assertEqual((0, told), (status, err))
        found = self.store.find(out.strip())
        assert found is not None
        assert found.expires_at is not None
        self.assertEqual(
            ("ci", "bob", True, ("acme-*", "b")),
            (found.name, found.user, found.may_upload, found.projects),
        )
        self.assertLess(abs(time() - found.created_at), 60)
        self.assertLess(abs(time() + 172800 - found.expires_at), 60)
        _, out, _ = self.token("create", "--read-only", "--expires", "2199-12-31", "b")
        found = self.store.find(out.strip())
        assert found is not None
        self.assertEqual(
            ("", False, 7258118400.0), (found.user, found.may_upload, found.expires_at)
        )

    def test_unknown_user(self) -> None:
        """
        If it is known who there is, somebody else can have no token.
        """
        config = self.directory / "p.toml"
        config.write_text("read-auth = 'htpasswd:users'\n")
        write_users(self.directory / "users", bob="one")
        for user, expected in (("bob", 0), ("eve", 1)):
            status, _, err = self.token(
                *("create", "--config", str(config), "--read-only"),
                *("--user", user, user),
            )
            self.assertEqual(expected, status)
        self.assertIn("there is no user 'eve' in the files of users", err)

    def test_once_each(self) -> None:
        """
        There cannot be two of a name.
        """
        self.token("create", "--upload", "ci")
        status, out, err = self.token("create", "--upload", "ci")
        self.assertEqual((1, ""), (status, out))
        self.assertIn("there is a token 'ci' already", err)

    def test_none(self) -> None:
        """
        People are told that there are none, and where; programs get an empty list.
        """
        told = f"there are no tokens in {self.directory}\n"
        self.assertEqual((0, told, ""), self.token("list"))
        _, out, _ = self.token("list", "--json")
        self.assertEqual({"tokens": [], "damaged": []}, json.loads(out))

    def test_list(self) -> None:
        """
        All that there is to know, but for what is secret.
        """
        _, secret, _ = self.token("create", "--upload", "--project", "x", "z")
        self.token("create", "--read-only", "-u", "bob", "a")
        self.assertEqual(
            (0, "a  read-only  of bob\nz  upload  for x\n", ""), self.token("list")
        )
        _, out, _ = self.token("list", "--json")
        self.assertNotIn(secret.strip(), out)
        report = json.loads(out)
        self.assertEqual([], report["damaged"])
        for token, expected in zip(
            report["tokens"],
            (("a", "bob", "read-only", []), ("z", None, "upload", ["x"])),
            strict=True,
        ):
            keys = ("name", "user", "rights", "projects")
            self.assertEqual(expected, tuple(token[key] for key in keys))
            self.assertIsNone(token["expires"])

    def test_damaged(self) -> None:
        """
        What is damaged is told, and the status is 1.
        """
        self.token("create", "--upload", "ci")
        (path,) = (self.directory / ".proxypypi/decisions/tokens").iterdir()
        path.write_bytes(b"{")
        status, out, err = self.token("list")
        self.assertEqual((1, ""), (status, out))
        self.assertIn(f"{path} is damaged, and grants nothing", err)

    def test_revoke(self) -> None:
        """
        Those that there are go; of others it is said that there are none.
        """
        _, secret, _ = self.token("create", "--upload", "ci")
        self.assertEqual(
            (1, "ci is revoked\n", "proxypypi: there is no token x\n"),
            self.token("revoke", "ci", "x"),
        )
        self.assertIsNone(self.store.find(secret.strip()))

    def test_json(self) -> None:
        """
        For programs, the secret has a key of its own.
        """
        _, out, _ = self.token("create", "--json", "--read-only", "ci")
        found = self.store.find(json.loads(out)["token"])
        assert found is not None
        self.assertEqual("ci", found.name)
        _, out, _ = self.token("revoke", "--json", "ci", "x")
        self.assertEqual({"revoked": ["ci"], "unknown": ["x"]}, json.loads(out))

    def test_misused(self) -> None:
        """
        What makes no sense is told, and nothing is made.
        """
        for arguments, words in (
            (["create", "--upload"], "needs a token's NAME"),
            (["create", "x"], "say --read-only or --upload"),
            (["create", "--upload", "--read-only", "x"], "say --read-only or --upload"),
            (["create", "--upload", "x", "y"], "unexpected argument 'y'"),
            (["create", "--upload", "a b"], "'a b' is no token's name"),
            (["create", "--upload", "../x"], "'../x' is no token's name"),
            (["create", "--upload", "--project", "a/b", "x"], "--project: 'a/b' is"),
            (["create", "--read-only", "--project", "a", "x"], "of no use without"),
            (["create", "--upload", "--expires", "soon", "x"], "--expires: 'soon' is"),
            (["create", "--upload", "--expires", "2001-01-01", "x"], "has passed"),
            (["revoke"], "needs a token's NAME"),
        ):
            action, *rest = arguments
            status, out, err = self.token(action, *rest)
            self.assertEqual((2, ""), (status, out), arguments)
            self.assertIn(words, err)
        for arguments, words in (
            ([], ""),
            (["make"], "there is no action 'make', but create, list, revoke"),
            (
                ["-d", str(self.directory)],
                "token needs an ACTION: create, list, revoke",
            ),
            (["-d"], "option -d requires argument"),
            (["--frobnicate", "list"], "--frobnicate: there is no such option"),
            (["--user", "x", "list"], "--user: there is no such option"),
        ):
            status, _, err = self.run_main("token", *arguments)
            self.assertEqual(2, status, arguments)
            self.assertIn(words, err)
        self.assertEqual({}, self.store.all().intact)

    def test_options_first(self) -> None:
        """
        Options may stand before the action, as well as after it.
        """
        where = ("-d", str(self.directory))
        told = f"it is the password of __token__ for {self.directory}\n"
        for before, after in (
            ((*where, "--upload"), ("a",)),
            ((*where,), ("--upload", "b")),
            (("--upload", f"--dir={self.directory}", "--project", "x"), ("c",)),
        ):
            status, out, err = self.run_main("token", *before, "create", *after)
            self.assertEqual((0, told), (status, err))
            self.assertIsNotNone(self.store.find(out.strip()))
        _, out, _ = self.run_main("token", *where, "--json", "list")
        names = [token["name"] for token in json.loads(out)["tokens"]]
        self.assertEqual(["a", "b", "c"], names)
        status, out, _ = self.run_main("token", *where, "revoke", "-h")
        self.assertEqual((0, True), (status, "Usage: proxypypi token revoke" in out))

    def test_help(self) -> None:
        """
        It is listed among the commands, and so are its actions.
        """
        self.assertIn("\n    token  ", self.run_main("--help")[1])
        status, out, _ = self.run_main("token", "--help")
        self.assertEqual(0, status)
        for action in ("create", "list", "revoke"):
            self.assertIn(f"\n    {action} ", out)
            status, said, _ = self.run_main("token", action, "--help")
            self.assertEqual(0, status)
            self.assertIn(f"Usage: proxypypi token {action} [options]", said)
