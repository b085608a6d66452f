"""
The nouns: distributions, project pages, files here, and what an index sent.
"""

from proxypypi.model.answers import Outcome, Validity
from proxypypi.model.files import FactsChange, Fate, FileFacts, LocalFile, Release
from proxypypi.model.findings import Finding, Grade
from proxypypi.model.overview import (
    Fetching,
    NewFile,
    Overview,
    SharedName,
    UpstreamNow,
)
from proxypypi.model.pages import NO_MARKS, Distribution, HeldBack, Marks, ProjectPage
from proxypypi.model.people import User
from proxypypi.model.sent import Beginning, Change, Doubt, HeldList, RawPage
from proxypypi.model.values import possible

__all__ = [
    "NO_MARKS",
    "Beginning",
    "Change",
    "Distribution",
    "Doubt",
    "FactsChange",
    "Fate",
    "Fetching",
    "FileFacts",
    "Finding",
    "Grade",
    "HeldBack",
    "HeldList",
    "LocalFile",
    "Marks",
    "NewFile",
    "Outcome",
    "Overview",
    "ProjectPage",
    "RawPage",
    "Release",
    "SharedName",
    "UpstreamNow",
    "User",
    "Validity",
    "possible",
]
