"""
Klein with our table of errors.
"""

from typing import Any

from klein import Klein
from twisted.python.failure import Failure

from proxypypi.web.problems import answer_failure


class Router(Klein):
    """
    Every face routes with one of these: an outer Klein's error handlers do not see
    what goes wrong in another's routes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.url_map.merge_slashes = False
        self.handle_errors(Exception)(_answer)


def _answer(self: object, request: Any, failure: Failure) -> bytes:
    return answer_failure(request, failure)
