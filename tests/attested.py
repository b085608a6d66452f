"""
Attestations as clients make them, whose signatures nobody could check.
"""

import json
from base64 import b64encode
from typing import Any

from tests.distributions import BuiltDistribution


def statement_of(filename: str, sha256: str) -> str:
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": filename, "digest": {"sha256": sha256}}],
        "predicateType": "https://docs.pypi.org/attestations/publish/v1",
        "predicate": None,
    }
    return b64encode(json.dumps(statement).encode()).decode()


def attestation_of(built: BuiltDistribution, **more: Any) -> dict[str, Any]:
    """
    :param more: in place of what it usually has.
    """
    return {
        "version": 1,
        "verification_material": {"certificate": "AA==", "transparency_entries": []},
        "envelope": {
            "statement": statement_of(built.filename, built.sha256),
            "signature": "AA==",
        },
        **more,
    }
