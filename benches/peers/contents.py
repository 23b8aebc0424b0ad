"""What a client must find, what it gave, and whether the two agree.

Rows are compared as sets of texts. Of everybody: account and login name, list by list. Of records as `host-sim collect` writes
them also the last day of activity, and who holds a seat and by what.
"""

import json
import urllib.request
from collections import Counter
from pathlib import Path

# Of many differences, the first few tell enough.
SHOWN = 3

VIA = {
    "group_member": "direct",
    "group_invite": "group-invite",
    "project_member": "project-member",
    "project_invite": "project-invite",
}


class Wrong(Exception):
    """What a client gave is not what it must find."""


class Expected:
    """Both lists by the stand-ins' truth, and the rows of a group's members as the stand-in lists them."""

    def __init__(self, users, billable, members=None):
        self.users = {row["id"]: row for row in users}
        self.billable = {row["user_id"]: row for row in billable}
        self.members = members

    @classmethod
    def read(cls, users_truth, group_truth, group):
        users = json.loads(Path(users_truth).read_text(encoding="utf-8"))["users"]
        groups = json.loads(Path(group_truth).read_text(encoding="utf-8"))["groups"]
        billable = next(found for found in groups if found["id"] == group)["billable"]
        keep = lambda row, keys: {key: row[key] for key in keys}
        return cls(
            [keep(row, ("id", "username", "last_activity_on", "using_license_seat")) for row in users],
            [keep(row, ("user_id", "username", "last_activity_on", "membership_type")) for row in billable],
        )

    def pairs(self, name):
        return Counter((id, row["username"]) for id, row in getattr(self, name).items())


def compare(what, expected, found):
    """Raises Wrong unless two counters are equal; names the first differences."""
    missing, extra = expected - found, found - expected
    if missing or extra:
        first = lambda rows: ", ".join(str(row) for row in list(rows)[:SHOWN]) or "none"
        raise Wrong(
            f"{what}: {sum(found.values())} rows, {sum(expected.values())} expected; "
            f"missing {first(missing)}; too many {first(extra)}"
        )


def json_lines(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def rows_of(folder):
    """The rows that a driver gave, by list, in whichever form it writes."""
    folder, found = Path(folder), {"users": Counter(), "billable": Counter(), "members": Counter()}
    for name in ("users", "billable"):
        if (path := folder / f"{name}.ndjson").exists():
            found[name].update((row["id"], row["username"]) for row in json_lines(path))
    if (path := folder / "rows.txt").exists():
        with open(path, encoding="utf-8") as file:
            for line in file:
                row = json.loads(line[1:])
                found[{"u": "users", "b": "billable"}[line[0]]][row["id"], row["username"]] += 1
    if (path := folder / "airbyte.txt").exists():
        streams = {"users": "users", "billable_members": "billable", "group_members": "members"}
        for message in json_lines(path):
            if message["type"] == "RECORD":
                row = message["record"]["data"]
                found[streams[message["record"]["stream"]]][row["id"], row["username"]] += 1
    return found


def check_rows(folder, expected, lists):
    """How many rows of `lists` a driver gave. Raises Wrong if they are not the expected ones."""
    found = rows_of(folder)
    for name in lists:
        compare(name, expected.members if name == "members" else expected.pairs(name), found[name])
    return sum(found[name].total() for name in lists)


def check_records(paths, expected, others=False):
    """The same of records, from one file or several. `others`: people of the group without a seat may be there, too."""
    people, seats = Counter(), {"users": Counter(), "billable": Counter()}
    without = 0
    for record in (record for path in paths for record in json_lines(path)):
        if record["type"] == "user":
            people[int(record["user_id"]), record["username"], record["last_activity_on"]] += 1
        elif record["type"] == "assignment" and record["pool_id"].startswith("instance"):
            seats["users"][int(record["user_id"]), record["consumes_seat"]] += 1
        elif record["type"] == "assignment" and record["consumes_seat"]:
            seats["billable"][int(record["user_id"]), record["via"]] += 1
        elif record["type"] == "assignment":
            without += 1
        elif record["type"] == "summary" and record["completeness"] != "complete":
            raise Wrong("a run is partial")
    instance = Counter((id, row["using_license_seat"]) for id, row in expected.users.items())
    compare("seats of the instance", instance, seats["users"])
    billable = Counter((id, VIA[row["membership_type"]]) for id, row in expected.billable.items())
    compare("seats of the group", billable, seats["billable"])
    wanted = Counter()
    for rows in (expected.users, expected.billable):
        wanted.update((id, row["username"], row["last_activity_on"]) for id, row in rows.items())
    if without:
        if not others or (people - wanted).total() != without:
            raise Wrong(f"{without} people without a seat in the group, and not as many users")
        people &= wanted
    compare("people", wanted, people)
    return wanted.total()


def members(url, group, token):
    """The rows that `members` lists of a group and of the groups below it: walked here, the truth does not tell them so."""
    rows = Counter()
    for id in (group, group + 1, group + 2):
        page = "1"
        while page:
            address = f"{url}/api/v4/groups/{id}/members?per_page=100&page={page}"
            request = urllib.request.Request(address, headers={"PRIVATE-TOKEN": token})
            with urllib.request.urlopen(request) as answer:
                rows.update((row["id"], row["username"]) for row in json.load(answer))
                page = answer.headers["x-next-page"]
    return rows
