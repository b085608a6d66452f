"""
Tests for :mod:`proxypypi.web.forms`.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import BadRequest, NotAllowed, ProxypypiError, TooLarge
from proxypypi.web.forms import FormReader, boundary_of
from tests.uploads import BOUNDARY, end, part

WANTED = {"name": 100, "version": 100}
FORM = (
    part("name", b"demo\r\n--")
    + part("junk", b"\r\n" * 50)
    + part("content", b"\r\n--" + b"x" * 300 + b"\r\n", "demo.zip")
    + part("version", "é".encode())
    + end()
)


class BoundaryTests(SynchronousTestCase):
    def test_found(self) -> None:
        for text in (
            "multipart/form-data; boundary=abc",
            'Multipart/Form-Data; charset=utf-8; boundary="abc"',
        ):
            self.assertEqual("abc", boundary_of(text), text)

    def test_none(self) -> None:
        for text in (
            *(None, "", "multipart/form-data", "multipart/form-data; boundary="),
            *("text/plain; boundary=abc", "multipart/mixed; boundary=abc"),
            f"multipart/form-data; boundary={'x' * 300}",
        ):
            self.assertRaises(BadRequest, boundary_of, text)


class FormReaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.written = b""
        self.form = self.make()

    def make(self, most: int = 1000) -> FormReader:
        self.written = b""

        def write(data: bytes) -> None:
            self.written += data

        return FormReader(BOUNDARY, "content", WANTED, write, most)

    def assert_read(self, form: FormReader) -> None:
        form.end()
        self.assertEqual({"name": "demo\r\n--", "version": "é"}, form.fields)
        self.assertEqual("demo.zip", form.filename)
        self.assertEqual(b"\r\n--" + b"x" * 300 + b"\r\n", self.written)

    def test_checked(self) -> None:
        """
        Each field that is wanted can be looked at once it has come as a whole, and the
        reading ended by that.
        """
        came: list[tuple[str, str, bytes]] = []

        def check(name: str, value: str) -> None:
            came.append((name, value, self.written))
            if name == "version":
                raise NotAllowed(reason="not this one")

        def write(data: bytes) -> None:
            self.written += data

        form = FormReader(BOUNDARY, "content", WANTED, write, 1000, check)
        with self.assertRaises(NotAllowed):
            for i in range(len(FORM)):
                form.feed(FORM[i : i + 1])
        file = b"\r\n--" + b"x" * 300 + b"\r\n"
        self.assertEqual([("name", "demo\r\n--", b""), ("version", "é", file)], came)

    def test_pieces(self) -> None:
        """
        A form is read alike in pieces of any size.
        """
        for size in (*range(1, 40), len(FORM)):
            form = self.make()
            for start in range(0, len(FORM), size):
                form.feed(FORM[start : start + size])
            self.assert_read(form)

    def test_file_is_not_counted(self) -> None:
        """
        What stands beside the file is bounded, the file is not.
        """
        self.form.feed(part("content", b"x" * 5000, "demo.zip") + end())
        self.form.end()
        form = self.make()
        self.assertRaises(TooLarge, form.feed, part("junk", b"x" * 1000) + end())

    def test_write_fails(self) -> None:
        """
        What the file's receiver raises comes through.
        """

        def write(data: bytes) -> None:
            raise TooLarge(reason="enough")

        form = FormReader(BOUNDARY, "content", WANTED, write, 1000)
        self.assertRaises(TooLarge, form.feed, part("content", b"x", "demo.zip"))

    @given(st.lists(st.binary(max_size=40) | st.sampled_from([FORM[:60], end()])))
    def test_any_bytes(self, pieces: list[bytes]) -> None:
        """
        Whatever comes is a form or an error of ours.
        """
        form = self.make()
        try:
            for piece in pieces:
                if piece:
                    form.feed(piece)
            form.end()
        except ProxypypiError:
            pass
