"""Walk a GitLab instance with python-gitlab and compare what it yields with what is known to be true.

An independent client: it shares no code with the plugin, the host or the stand-in. It follows `Link` headers as they
stand, so the instance must name itself in them.

Usage: walk.py URL TOKEN EXPECTED_JSON_FILE

TOKEN is that of the truth's `caller`; what is compared depends on what such a caller may read. EXPECTED_JSON_FILE is
what the stand-in's `Truth::to_json` gives.

Exit status: 0 all as expected, 1 a difference (each on a line of stderr), 2 wrong usage.
"""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Callable
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

BILLABLE = (
    "username",
    "name",
    "state",
    "email",
    "last_activity_on",
    "membership_type",
    "removable",
    "is_last_owner",
)

# People whose memberships are read, one call each.
DRILLED = 10

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


def refused(call: Callable[[], Any]) -> int:
    """The status of a call that should be refused; 200 if it is not."""
    try:
        call()
    except gitlab.exceptions.GitlabError as error:
        return error.response_code or 0
    return 200


def check_instance(gl: gitlab.Gitlab, expected: dict[str, Any], differences: Differences) -> None:
    metadata = gl.http_get("/metadata")
    differences.compare("metadata version", expected["version"], metadata.get("version"))
    # Versions before 15.6 do not tell.
    differences.compare("metadata enterprise", expected["enterprise"], metadata.get("enterprise", expected["enterprise"]))
    differences.compare("version", expected["version"], gl.version()[0])


def check_caller(gl: gitlab.Gitlab, expected: dict[str, Any], differences: Differences) -> None:
    gl.auth()
    differences.compare("own account", expected["caller"]["user_id"], gl.user.id)
    known = {user["id"]: user for user in expected["users"]}.get(gl.user.id)
    if known is not None:
        differences.compare("own username", known["username"], gl.user.username)
        differences.compare("own is_admin", known["is_admin"], getattr(gl.user, "is_admin", False))
    if expected["caller"]["oauth"]:
        differences.compare("status of the token", 400, refused(lambda: gl.personal_access_tokens.get("self")))
        return
    try:
        token = gl.personal_access_tokens.get("self")
    except gitlab.exceptions.GitlabGetError as error:
        # Before 15.5, `self` is the id of no token.
        differences.compare("status of the token", 404, error.response_code)
        return
    differences.compare("token owner", gl.user.id, token.user_id)
    differences.compare("token active, revoked", (True, False), (token.active, token.revoked))
    differences.compare("scopes missing from the token", set(), {"read_api"} - set(token.scopes))


def check_license(gl: gitlab.Gitlab, expected: dict[str, Any], differences: Differences) -> None:
    facts = expected["license"]
    if not expected["enterprise"] or expected["caller"]["rank"] != "administrator":
        # Community Edition has no such route; everywhere else it is an administrator's.
        status = 403 if expected["enterprise"] else 404
        differences.compare("status of /license", status, refused(gl.get_license))
        return
    found = gl.get_license()
    if facts is None:
        differences.compare("license", {}, found)
        return
    for key in LICENSE:
        differences.compare(f"license {key}", facts[key], found.get(key))
    differences.compare("license created_at", moment(facts["created_at"]), moment(found.get("created_at")))
    differences.compare("licensee", facts["company"], found["licensee"].get("Company"))


def check_groups(gl: gitlab.Gitlab, expected: dict[str, Any], differences: Differences) -> int:
    mine = [group for group in expected["groups"] if group["caller_access_level"] is not None]
    found = gl.groups.list(get_all=True, top_level_only=True, all_available=False, order_by="id")
    differences.compare("groups", [group["id"] for group in mine], [group.id for group in found])
    owned = gl.groups.list(get_all=True, top_level_only=True, owned=True, order_by="id")
    levels = {group["id"]: group["caller_access_level"] for group in mine}
    differences.compare("owned groups", [id for id in levels if levels[id] == 50], [group.id for group in owned])
    enterprise = expected["enterprise"]
    rank = expected["caller"]["rank"]
    walked = 0
    for facts in mine:
        owner = facts["caller_access_level"] == 50 or rank == "administrator"
        group = gl.groups.get(facts["full_path"])
        name = f"group {facts['id']}"
        for key in ("id", "name", "path", "full_path"):
            differences.compare(f"{name} {key}", facts[key], getattr(group, key))
        walked += check_members(group, facts, differences)
        if not (enterprise and (owner or rank == "auditor")):
            status = refused(lambda group=group: group.billable_members.list(get_all=True))
            differences.compare(f"{name}: status of billable members", 400 if enterprise else 404, status)
        else:
            walked += check_billable(group, facts, owner, differences)
        if enterprise:
            check_namespace(gl, facts, owner, differences)
    return walked


def check_members(group: Any, facts: dict[str, Any], differences: Differences) -> int:
    name = f"group {facts['id']} members"
    rows = [row.attributes for row in group.members_all.list(iterator=True, per_page=100, show_seat_info=True)]
    differences.compare(f"{name}: ids", [one["user_id"] for one in facts["members"]], [row["id"] for row in rows])
    known = {one["user_id"]: one for one in facts["members"]}
    for row in rows:
        one = known.get(row["id"])
        if one is None:
            continue
        who = f"{name}: account {row['id']}"
        for key in ("username", "name", "state", "access_level", "expires_at"):
            differences.compare(f"{who} {key}", one[key], row[key])
        differences.compare(f"{who} created_at", moment(one["created_at"]), moment(row["created_at"]))
        differences.compare(f"{who} is_using_seat", one["is_using_seat"], row.get("is_using_seat"))
    return len(rows)


def check_billable(group: Any, facts: dict[str, Any], owner: bool, differences: Differences) -> int:
    name = f"group {facts['id']} billable members"
    rows = list(group.billable_members.list(iterator=True, per_page=100))
    differences.compare(f"{name}: ids", [one["user_id"] for one in facts["billable"]], [row.id for row in rows])
    known = {one["user_id"]: one for one in facts["billable"]}
    for number, row in enumerate(rows):
        one = known.get(row.id)
        if one is None:
            continue
        who = f"{name}: account {row.id}"
        found = row.attributes
        for key in BILLABLE:
            differences.compare(f"{who} {key}", one[key], found[key])
        differences.compare(f"{who} created_at", moment(one["created_at"]), moment(found["created_at"]))
        # Since 15.5.
        login = found.get("last_login_at", one["last_login_at"])
        differences.compare(f"{who} last_login_at", moment(one["last_login_at"]), moment(login))
        if number < DRILLED:
            check_memberships(row, one, who, facts["ldap_synced"] or not owner, differences)
    return len(rows)


def check_memberships(row: Any, one: dict[str, Any], who: str, closed: bool, differences: Differences) -> None:
    if closed:
        status = refused(lambda: row.memberships.list(get_all=True))
        differences.compare(f"{who}: status of memberships", 400, status)
        return
    found = [
        (
            membership.id,
            membership.source_id,
            membership.source_full_name,
            moment(membership.created_at),
            membership.expires_at,
            membership.access_level["integer_value"],
            (membership.access_level["custom_role"] or {}).get("name"),
        )
        for membership in row.memberships.list(get_all=True)
    ]
    expected = [
        (
            facts["id"],
            facts["source_id"],
            facts["source_full_name"],
            moment(facts["created_at"]),
            facts["expires_at"],
            facts["access_level"],
            facts["custom_role"],
        )
        for facts in one["memberships"]
    ]
    differences.compare(f"{who}: memberships", expected, found)


def check_namespace(gl: gitlab.Gitlab, facts: dict[str, Any], owner: bool, differences: Differences) -> None:
    name = f"namespace {facts['id']}"
    found = gl.namespaces.get(facts["id"]).attributes
    differences.compare(f"{name} plan", facts["plan"] if owner else None, found.get("plan"))
    if not owner:
        return
    differences.compare(f"{name} billable", facts["billable_members_count"], found["billable_members_count"])
    bought = facts["subscription"] or {}
    for key in ("seats_in_use", "max_seats_used", "end_date"):
        # `end_date` since 16.7.
        differences.compare(f"{name} {key}", bought.get(key), found.get(key, bought.get(key)))
    subscription = gl.http_get(f"/namespaces/{facts['id']}/gitlab_subscription")
    for key in ("seats_in_subscription", "seats_in_use", "max_seats_used", "seats_owed"):
        differences.compare(f"{name} {key}", bought.get(key), subscription["usage"][key])
    code = facts["plan"] if facts["subscription"] else None
    differences.compare(f"{name} plan of the subscription", code, subscription["plan"]["code"])


def sees_all_accounts(expected: dict[str, Any]) -> bool:
    return expected["caller"]["rank"] in ("administrator", "custom_admin")


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
    secret = {"oauth_token" if expected["caller"]["oauth"] else "private_token": token}
    gl = gitlab.Gitlab(url, user_agent="gitlab-seats-walk", timeout=60, **secret)
    differences = Differences()
    try:
        check_instance(gl, expected, differences)
        check_caller(gl, expected, differences)
        check_license(gl, expected, differences)
        walked = check_users(gl, expected, differences) if sees_all_accounts(expected) else 0
        rows = check_groups(gl, expected, differences)
    except gitlab.exceptions.GitlabError as error:
        print(f"walk.py: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    for line in differences.lines[:SHOWN]:
        print(f"walk.py: {line}", file=sys.stderr)
    if len(differences.lines) > SHOWN:
        print(f"walk.py: {len(differences.lines) - SHOWN} differences more", file=sys.stderr)
    if differences.lines:
        return 1
    print(
        f"{walked} accounts, {rows} rows of groups, license, caller and token are as expected "
        f"(python-gitlab {gitlab.__version__})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
