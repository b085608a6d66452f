"""
The seams: what the core is handed, and the promises that come with it.
"""

from proxypypi.interfaces.files import (
    IByteSource,
    IDirectory,
    IPartial,
    IPartialStore,
)
from proxypypi.interfaces.lists import (
    IArrivingList,
    IListStore,
    IMadeList,
)
from proxypypi.interfaces.records import (
    IAttestations,
    IClaims,
    IFactsStore,
    IMarks,
    IPageStore,
    IReleases,
    IWishes,
)
from proxypypi.interfaces.turns import (
    ITurn,
    ITurns,
)
from proxypypi.interfaces.uploads import (
    IUpload,
    IUploadStore,
)
from proxypypi.interfaces.upstream import (
    IBody,
    IIndex,
)
from proxypypi.interfaces.users import (
    IReaders,
    IUser,
)

__all__ = [
    "IArrivingList",
    "IAttestations",
    "IBody",
    "IByteSource",
    "IClaims",
    "IDirectory",
    "IFactsStore",
    "IIndex",
    "IListStore",
    "IMadeList",
    "IMarks",
    "IPageStore",
    "IPartial",
    "IPartialStore",
    "IReaders",
    "IReleases",
    "ITurn",
    "ITurns",
    "IUpload",
    "IUploadStore",
    "IUser",
    "IWishes",
]
