"""
Users with passwords, quickly made, and what they send.
"""

from base64 import b64encode
from pathlib import Path

import bcrypt


def htpasswd_line(name: str, password: str) -> str:
    """
    As ``htpasswd -nbB -C 4`` makes it.
    """
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    return f"{name}:{hashed}\n"


def write_users(path: Path, **passwords: str) -> Path:
    """
    Make a file of users, or replace it by another one.
    """
    beside = path.with_name(f"{path.name}.new")
    beside.write_text("".join(htpasswd_line(*pair) for pair in passwords.items()))
    beside.replace(path)
    return path


def basic(name: str, password: str) -> str:
    """
    The value of an ``Authorization`` header.
    """
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()
