"""
Project pages for tests of the Simple API's forms: ordinary, and as hostile as can be.
"""

from typing import Literal
from urllib.parse import quote

from hypothesis import strategies as st

from proxypypi.model import Distribution, ProjectPage
from proxypypi.names import normalize

NAME = normalize("demo")
BASE = "https://index.example/simple/demo/"
SHA256 = "5f" * 32

_visible = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))
_hostile = st.sampled_from(
    ["\"'<>&", "</a>", "&lt;", "&#34;", "<script>", "--> ", "\n"]
)
_words = st.lists(st.text(_visible, max_size=10) | _hostile, max_size=4).map("".join)
_optional_words = st.none() | _words
_specifiers = _words.map(str.strip).filter(bool)
_in_names = st.characters(
    codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="/\\"
)
_stems = st.text(_in_names, max_size=20) | st.sampled_from(["<b>", "&lt;", "'\"%2F"])
_no: Literal[False] = False
_yanked: st.SearchStrategy[str | Literal[False]] = st.just(_no) | _words
_digests = st.dictionaries(
    st.sampled_from(["md5", "sha1", "sha256", "sha512", "sha3_256"]),
    st.text("0123456789abcdef", min_size=32, max_size=64),
)


@st.composite
def distributions(draw: st.DrawFn) -> Distribution:
    """
    What an index can say of a file, and we would believe.
    """
    filename = f"demo{draw(_stems)}-1.0.tar.gz"
    return Distribution(
        filename=filename,
        url=f"https://files.example/packages/{quote(filename)}",
        hashes=draw(_digests),
        requires_python=draw(st.none() | _specifiers),
        size=draw(st.none() | st.integers(0, 2**63 - 1)),
        upload_time=draw(st.sampled_from([None, "2026-01-02T03:04:05.678901Z"])),
        yanked=draw(_yanked),
        core_metadata=draw(st.none() | st.booleans() | _digests.filter(bool)),
        provenance=draw(st.sampled_from([None, "https://index.example/integrity/a"])),
        gpg_sig=draw(st.none() | st.booleans()),
    )


@st.composite
def pages(draw: st.DrawFn) -> ProjectPage:
    """
    Pages without two files of one name.
    """
    status = draw(st.sampled_from([None, "active", "archived", "quarantined"]))
    return ProjectPage(
        name=NAME,
        distributions=tuple(
            draw(st.lists(distributions(), max_size=4, unique_by=lambda d: d.filename))
        ),
        versions=tuple(draw(st.lists(st.sampled_from(["1.0", "2.0rc1"]), max_size=2))),
        status=status,
        status_reason=None if status is None else draw(_optional_words),
        last_serial=draw(st.none() | st.integers(0, 2**63 - 1)),
    )
