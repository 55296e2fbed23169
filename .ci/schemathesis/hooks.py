"""Who the calls are made as, and which generated calls are left out.

JSON Schema cannot say everything that the contract says: how long a text is in bytes,
that a cursor comes from an earlier page, that a peer is somebody else. A call that fits the
schema and breaks such a rule is refused rightly, so no such call is made.
"""

import os

import requests
import schemathesis
from schemathesis.generation import GenerationMode

URL = os.environ["GOCHAT_URL"]
PASSWORD = "correct horse battery"
# The maximum lengths of texts that the contract limits in bytes.
BYTES = {"password": 72, "content": 8192, "reaction": 64}


def sign_in(name):
    """Registers the user, or logs in when it is there, and returns the answer."""
    who = {"username": name, "password": PASSWORD}
    answer = requests.post(f"{URL}/api/auth/register", json=who, timeout=60)
    if answer.status_code == 409:
        answer = requests.post(f"{URL}/api/auth/login", json=who, timeout=60)
    answer.raise_for_status()
    return answer.json()


@schemathesis.auth(refresh_interval=None)
class Token:
    """One user makes the calls; the calls that log out have another one."""

    stays = None

    def get(self, case, ctx):
        if case.operation.path == "/api/auth/logout":
            return sign_in("leaver")["token"]
        return me()["token"]

    def set(self, case, data, ctx):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


def me():
    if Token.stays is None:
        Token.stays = sign_in("stayer")
    return Token.stays


@schemathesis.hook
def map_case(context, case):
    """Removes page cursors: they come from an earlier answer and cannot be generated."""
    if fits(case) and case.query:
        case.query.pop("cursor", None)
    return case


@schemathesis.hook
def filter_case(context, case):
    if not fits(case):
        return True
    if case.query and not searchable(case.query.get("q", "ok")):
        return False
    body = case.body
    if not isinstance(body, dict):
        return True
    for name, most in BYTES.items():
        if isinstance(body.get(name), str) and len(body[name].encode()) > most:
            return False
    if case.operation.path == "/api/auth/register" and len(str(body.get("password", "")).encode()) < 8:
        return False
    if me()["user"]["userId"] in (body.get("peerId"), body.get("receiverId")):
        return False
    return all(shown(body[name]) for name in ("nickname", "name", "reaction") if isinstance(body.get(name), str))


def fits(case):
    return case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE


def shown(text):
    """Whether people see what this text says: a narrower rule than the server's."""
    return text.isascii() and text.isprintable() and not text.isspace()


def searchable(text):
    """Whether the text is long enough to be searched for, by a narrower rule than the server's."""
    return len(text.strip()) > 1 and shown(text)
