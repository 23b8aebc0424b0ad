"""Walk a GitLab instance with python-gitlab and compare what it yields with what is known to be true.

An independent client: it shares no code with the plugin, the host or the stand-in. It follows `Link` headers as they
stand, so the instance must name itself in them.

Usage: walk.py URL TOKEN EXPECTED_JSON_FILE

TOKEN is an effective administrator's, with `read_api` and `read_user`. EXPECTED_JSON_FILE holds `version`,
`enterprise`, `license` (object or null), `counts` and `users`, as the stand-in's `Truth::to_json` gives them.

Exit status: 0 all as expected, 1 a difference (each on a line of stderr), 2 wrong usage.
"""

from __future__ import annotations

import datetime
import json
import sys
from typing import Any

import gitlab

# What is compared of an account as it stands. Instants are compared as moments, since an instance may write an offset.
PLAIN = ("username", "name", "email", "state", "bot", "external", "is_admin", "last_activity_on")
INSTANTS = ("created_at", "current_sign_in_at", "last_sign_in_at")
LICENSE = (
    "id",
    "plan",
    "starts_at",
    "expires_at",
    "historical_max",
    "maximum_user_count",
    "expired",
    "overage",
    "user_limit",
    "active_users",
)

# Of many equal differences, the first few tell enough.
SHOWN = 20


class Differences:
    """Collects what is not as expected."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def compare(self, what: str, expected: Any, found: Any) -> None:
        if expected != found:
            self.lines.append(f"{what}: expected {expected!r}, found {found!r}")


def moment(text: str | None) -> datetime.datetime | None:
    return None if text is None else datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def check_instance(gl: gitlab.Gitlab, expected: dict[str, Any], differences: Differences) -> None:
    metadata = gl.http_get("/metadata")
    for key in ("version", "enterprise"):
        differences.compare(f"metadata {key}", expected[key], metadata.get(key))
    differences.compare("version", expected["version"], gl.version()[0])


def check_caller(gl: gitlab.Gitlab, expected: dict[str, Any], differences: Differences) -> None:
    gl.auth()
    known = {user["id"]: user for user in expected["users"]}
    if gl.user.id not in known:
        differences.lines.append(f"the token's owner, account {gl.user.id}, is not among the expected users")
        return
    differences.compare("own username", known[gl.user.id]["username"], gl.user.username)
    differences.compare("own is_admin", True, getattr(gl.user, "is_admin", None))
    token = gl.personal_access_tokens.get("self")
    differences.compare("token owner", gl.user.id, token.user_id)
    differences.compare("token active, revoked", (True, False), (token.active, token.revoked))
    missing = {"read_api", "read_user"} - set(token.scopes)
    differences.compare("scopes missing from the token", set(), missing)


def check_license(gl: gitlab.Gitlab, expected: dict[str, Any], differences: Differences) -> None:
    facts = expected["license"]
    try:
        found = gl.get_license()
    except gitlab.exceptions.GitlabLicenseError as error:
        # Community Edition has no such route; everywhere else the administrator may read it.
        differences.compare("status of /license", 404, error.response_code)
        differences.compare("edition with /license", False, expected["enterprise"])
        return
    if facts is None:
        differences.compare("license", {}, found)
        return
    for key in LICENSE:
        differences.compare(f"license {key}", facts[key], found.get(key))
    differences.compare("license created_at", moment(facts["created_at"]), moment(found.get("created_at")))


def check_users(gl: gitlab.Gitlab, expected: dict[str, Any], differences: Differences) -> int:
    walk = gl.users.list(
        iterator=True,
        pagination="keyset",
        order_by="id",
        sort="asc",
        per_page=100,
        exclude_internal=True,
        without_project_bots=True,
    )
    found = [user.attributes for user in walk]
    ids = [user["id"] for user in found]
    differences.compare("number of accounts", expected["counts"]["users"], len(ids))
    differences.compare("accounts that came twice", 0, len(ids) - len(set(ids)))
    known = {user["id"]: user for user in expected["users"]}
    differences.compare("accounts that are missing", [], sorted(set(known) - set(ids))[:SHOWN])
    differences.compare("accounts that should not be there", [], sorted(set(ids) - set(known))[:SHOWN])
    differences.compare("order of ids", sorted(ids), ids)
    for user in found:
        facts = known.get(user["id"])
        if facts is None:
            continue
        name = f"account {user['id']}"
        for key in PLAIN:
            differences.compare(f"{name} {key}", facts[key], user.get(key))
        for key in INSTANTS:
            differences.compare(f"{name} {key}", moment(facts[key]), moment(user.get(key)))
        differences.compare(f"{name} using_license_seat", facts["using_license_seat"], user.get("using_license_seat"))
        identities = [{key: one[key] for key in ("provider", "extern_uid")} for one in user.get("identities", [])]
        differences.compare(f"{name} identities", facts["identities"], identities)
    if expected["counts"]["using_license_seat"] is not None:
        seats = sum(1 for user in found if user.get("using_license_seat") is True)
        differences.compare("accounts using a seat", expected["counts"]["using_license_seat"], seats)
    return len(found)


def main(arguments: list[str]) -> int:
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    url, token, path = arguments
    try:
        with open(path, encoding="utf-8") as file:
            expected = json.load(file)
    except (OSError, ValueError) as error:
        print(f"walk.py: {path}: {error}", file=sys.stderr)
        return 2
    gl = gitlab.Gitlab(url, private_token=token, user_agent="gitlab-seats-walk", timeout=60)
    differences = Differences()
    try:
        check_instance(gl, expected, differences)
        check_caller(gl, expected, differences)
        check_license(gl, expected, differences)
        walked = check_users(gl, expected, differences)
    except gitlab.exceptions.GitlabError as error:
        print(f"walk.py: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    for line in differences.lines[:SHOWN]:
        print(f"walk.py: {line}", file=sys.stderr)
    if len(differences.lines) > SHOWN:
        print(f"walk.py: {len(differences.lines) - SHOWN} differences more", file=sys.stderr)
    if differences.lines:
        return 1
    print(f"{walked} accounts, license, caller and token are as expected (python-gitlab {gitlab.__version__})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
