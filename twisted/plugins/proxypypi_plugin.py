from twisted.application.service import ServiceMaker

proxypypi = ServiceMaker(
    "proxypypi",
    "proxypypi.tap",
    "A caching proxy and private index for Python packages.",
    "proxypypi",
)
