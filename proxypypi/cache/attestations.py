"""
What was attested of files when they were published (PEP 740).
"""

from attrs import define

from proxypypi.cache.finding import Finder
from proxypypi.errors import NoSuchFile
from proxypypi.interfaces import IAttestations
from proxypypi.names import NormalizedName, version_of
from proxypypi.rules.attestations import provenance_of
from proxypypi.rules.versions import same_version


@define(eq=False)
class Attestations:
    """
    Told of files that are here, and given out.
    """

    _store: IAttestations
    _finder: Finder

    async def provenance(
        self, name: NormalizedName, version: str, filename: str
    ) -> bytes:
        """
        The provenance object of a file.

        :raises NoSuchFile: there is no such file here, or nothing is attested of it.
        """
        found = await self._finder.find(name, filename)
        said = version_of(filename, name)
        sha256 = found.sha256
        if found.held is not None and sha256 and said and same_version(said, version):
            attestations = await self._store.load(name, sha256)
            if attestations:
                return provenance_of(attestations)
        raise NoSuchFile(
            filename=filename, why=f"nothing is attested of {filename!r} here"
        )
