"""Both lists with python-gitlab, page by page.

python_gitlab.py USERS_URL GROUP_URL GROUP_ID FOLDER, the tokens in USERS_TOKEN and GROUP_TOKEN. Writes FOLDER/users.ndjson and
FOLDER/billable.ndjson.
"""

import json
import os
import sys

import gitlab

users_url, group_url, group, folder = sys.argv[1:]


def write(name, rows):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row.attributes) + "\n")


users = gitlab.Gitlab(users_url, private_token=os.environ["USERS_TOKEN"])
filters = {"exclude_internal": True, "without_project_bots": True, "order_by": "id", "sort": "asc"}
write("users.ndjson", users.users.list(iterator=True, per_page=100, **filters))
groups = gitlab.Gitlab(group_url, private_token=os.environ["GROUP_TOKEN"])
write("billable.ndjson", groups.groups.get(group, lazy=True).billable_members.list(iterator=True, per_page=100))
