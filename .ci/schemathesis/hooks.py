"""Who the calls are made as. The run logs out again and again, so that call has a user of its own."""

import os

import requests
import schemathesis

URL = os.environ["GOCHAT_URL"]
PASSWORD = "correct horse battery"


def sign_in(name):
    """Registers the user, or logs in when it is there, and returns a token."""
    who = {"username": name, "password": PASSWORD}
    answer = requests.post(f"{URL}/api/auth/register", json=who, timeout=30)
    if answer.status_code == 409:
        answer = requests.post(f"{URL}/api/auth/login", json=who, timeout=30)
    answer.raise_for_status()
    return answer.json()["token"]


@schemathesis.auth(refresh_interval=None)
class Token:
    tokens = {}

    def get(self, case, ctx):
        if case.operation.path == "/api/auth/logout":
            return sign_in("leaver")
        if "stays" not in self.tokens:
            self.tokens["stays"] = sign_in("stayer")
        return self.tokens["stays"]

    def set(self, case, data, ctx):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}
