"""
A file that somebody asks for, and what is known of it.
"""

from attrs import frozen

from proxypypi.model import Distribution, Validity, possible
from proxypypi.names import NormalizedName, is_immutable
from proxypypi.rules.integrity import contradict, is_strong
from proxypypi.rules.merge import Held


@frozen(kw_only=True)
class FoundFile:
    """
    A file that is here, or that upstream lists.

    :ivar held: the file as it is here; :obj:`None` if it is not.
    :ivar listed: as upstream lists it; :obj:`None` if it does not.
    :ivar origin: address of the index that lists it so; empty if none does.
    :ivar private: did people put it here?
    :ivar validity: of all this.
    """

    name: NormalizedName
    filename: str
    held: Held | None
    listed: Distribution | None
    origin: str
    private: bool
    validity: Validity

    @property
    def size(self) -> int | None:
        """
        In bytes; :obj:`None` if it is not here and the index does not say.
        """
        if self.held is not None:
            return self.held.file.size
        return self.listed.size if self.listed is not None else None

    @property
    def sha256(self) -> str | None:
        """
        Its lower-case hex digest, if that is known.
        """
        if self.held is not None:
            return self.held.facts.hashes["sha256"]
        return self.listed.hashes.get("sha256") if self.listed is not None else None

    @property
    def immutable(self) -> bool:
        """
        Will there never be other bytes under this name?
        """
        return (
            self._is_as_listed
            and is_immutable(self.filename)
            and self.listed is not None
            and is_strong(self.listed.hashes)
        )

    @property
    def _is_as_listed(self) -> bool:
        """
        Is it the file that upstream means, as far as digests tell?
        """
        if self.private or self.listed is None or self.held is None:
            return not self.private
        return not contradict(self.held.facts.hashes, self.listed.hashes)

    @property
    def modified_at(self) -> float | None:
        """
        When it was uploaded, or came here; POSIX seconds.
        """
        if self._is_as_listed and self.listed is not None:
            uploaded_at = self.listed.uploaded_at
            if uploaded_at is not None:
                return uploaded_at
        if self.held is None:
            return None
        if self.held.facts.uploaded_at is not None:
            return self.held.facts.uploaded_at  # as its index said
        return possible(self.held.file.modified_at / 1e9)
