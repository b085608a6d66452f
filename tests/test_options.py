"""
Tests for :mod:`proxypypi.options`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import BadSettings
from proxypypi.kinds import FLAG, PORT
from proxypypi.options import (
    EXCLUSIVE,
    OPTIONS,
    TABLES,
    Option,
    group_of,
    variable,
)


class TableTests(SynchronousTestCase):
    def test_unambiguous(self) -> None:
        """
        No two options share a name, a letter or a variable.
        """
        for options in (OPTIONS, *(table.keys for table in TABLES)):
            names = [name for option in options for name in option.names]
            self.assertEqual(len(names), len(set(names)))
            self.assertEqual(len(names), len({variable(name) for name in names}))
            letters = [option.short for option in options if option.short]
            self.assertEqual(len(letters), len(set(letters)))
        top = {name for option in OPTIONS for name in option.names}
        self.assertEqual(set(), top & {table.name for table in TABLES})

    def test_defaults(self) -> None:
        """
        Every default is of its option's kind.
        """
        for option in OPTIONS:
            value = option.default_value()
            if option.default is None:
                self.assertEqual(() if option.repeatable else None, value, option.name)
            elif option.repeatable:
                self.assertEqual((option.default,), value, option.name)
            else:
                self.assertEqual(option.kind.read(option.default), value, option.name)

    def test_explained(self) -> None:
        """
        Every option says what it does.
        """
        for option in (*OPTIONS, *(key for table in TABLES for key in table.keys)):
            self.assertTrue(option.doc.endswith((".", "…")), option.name)
            self.assertTrue(option.kind.unit or option.kind is FLAG, option.name)

    def test_groups(self) -> None:
        """
        What says the same thing in two ways is one group.
        """
        for name, group in (
            *(("listen", "listen"), ("bind", "listen"), ("port", "listen")),
            *(("index-url", "upstream"), ("extra-index-url", "upstream")),
            *(("upstream", "upstream"), ("drain", "drain"), ("no-proxy", "no-proxy")),
        ):
            self.assertEqual(group, group_of(name), name)
        known = {option.name for option in OPTIONS} | {table.name for table in TABLES}
        for name, others in EXCLUSIVE.items():
            self.assertEqual(set(), {name, *others} - known)

    def test_variable(self) -> None:
        """
        What an option is called in the environment.
        """
        self.assertEqual("PROXYPYPI_EXTRA_INDEX_URL", variable("extra-index-url"))


class ReadTests(SynchronousTestCase):
    def test_single(self) -> None:
        """
        One value is one value.
        """
        option = Option(name="port", kind=PORT, doc="")
        self.assertEqual(80, option.read("80"))
        with self.assertRaises(BadSettings) as caught:
            option.read(["80"])
        self.assertIn("['***'] is not a port", str(caught.exception))

    def test_repeatable(self) -> None:
        """
        Of a repeatable one there is an array, of which each value is checked.
        """
        option = Option(name="ports", kind=PORT, doc="", repeatable=True)
        self.assertEqual((80, 81), option.read(["80", 81]))
        self.assertEqual((), option.read([]))
        for raw, words in (
            ("80", "'80' has to be an array, each a port"),
            (80, "80 has to be an array, each a port"),
            (["80", "http"], "'http' is not a port"),
            ([["80"]], "['***'] is not a port"),
        ):
            with self.assertRaises(BadSettings, msg=words) as caught:
                option.read(raw)
            self.assertIn(words, str(caught.exception))

    def test_needs_one(self) -> None:
        """
        Of some there has to be one.
        """
        option = Option(
            name="ports", kind=PORT, doc="", repeatable=True, needs_one=True
        )
        with self.assertRaises(BadSettings) as caught:
            option.read([])
        self.assertIn("it is empty; say a port", str(caught.exception))
