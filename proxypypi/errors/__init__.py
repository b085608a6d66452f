"""
What can go wrong, in the words of the field.

Each error carries its facts as fields and says them in one sentence that is fit for
a client's terminal. :mod:`proxypypi.web.problems` decides on statuses.
"""

from proxypypi.errors.asked import (
    BadName,
    BadRequest,
    NameDenied,
    NobodyIsAsked,
    NoDocument,
    NoSuchFile,
    NoSuchProject,
    NoSuchRelease,
    NotAcceptable,
    NotAllowed,
    NotAuthenticated,
    Quarantined,
    RangeNotSatisfiable,
    TooManyLogIns,
    Withheld,
)
from proxypypi.errors.base import (
    ProxypypiError,
)
from proxypypi.errors.bundles import (
    BadBundle,
    BundleExists,
    DoesNotFit,
)
from proxypypi.errors.keeping import (
    CannotFollow,
    CannotKeep,
    CannotMake,
    DamagedRecord,
    JustArrived,
    StillFetching,
    TooManyStreams,
)
from proxypypi.errors.serving import (
    AlreadyRunning,
    BadCertificate,
    BadConfiguration,
    BadPidFile,
    BadSettings,
    BadUsers,
    CannotListen,
    DirectoryInUse,
    NotOurs,
    Stopping,
    TokenExists,
)
from proxypypi.errors.uploads import (
    FileExists,
    NoRoom,
    NotDoneAnyMore,
    TooLarge,
    TooManyUploads,
    TooSlow,
)
from proxypypi.errors.upstream import (
    NoProjectList,
    UnreadablePage,
    UpstreamError,
    UpstreamNonsense,
    UpstreamRefusal,
    UpstreamTimeout,
    UpstreamUnreachable,
    WrongBytes,
)
from proxypypi.errors.wanted import (
    BadLockFile,
    NoFittingRelease,
)

__all__ = [
    "AlreadyRunning",
    "BadBundle",
    "BadCertificate",
    "BadConfiguration",
    "BadLockFile",
    "BadName",
    "BadPidFile",
    "BadRequest",
    "BadSettings",
    "BadUsers",
    "BundleExists",
    "CannotFollow",
    "CannotKeep",
    "CannotListen",
    "CannotMake",
    "DamagedRecord",
    "DirectoryInUse",
    "DoesNotFit",
    "FileExists",
    "JustArrived",
    "NameDenied",
    "NoDocument",
    "NoFittingRelease",
    "NoProjectList",
    "NoRoom",
    "NoSuchFile",
    "NoSuchProject",
    "NoSuchRelease",
    "NobodyIsAsked",
    "NotAcceptable",
    "NotAllowed",
    "NotAuthenticated",
    "NotDoneAnyMore",
    "NotOurs",
    "ProxypypiError",
    "Quarantined",
    "RangeNotSatisfiable",
    "StillFetching",
    "Stopping",
    "TokenExists",
    "TooLarge",
    "TooManyLogIns",
    "TooManyStreams",
    "TooManyUploads",
    "TooSlow",
    "UnreadablePage",
    "UpstreamError",
    "UpstreamNonsense",
    "UpstreamRefusal",
    "UpstreamTimeout",
    "UpstreamUnreachable",
    "Withheld",
    "WrongBytes",
]
