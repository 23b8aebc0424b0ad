"""Who takes part: how each is installed, started and checked."""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import contents
import install

BOTH = ("users", "billable")
DRIVERS = install.HERE / "drivers"


@dataclass
class Place:
    """What every run is told."""

    work: Path
    users_url: str
    group_url: str
    group: int
    group_path: str
    in_flight: int
    env: dict
    host: Path
    component: Path
    can: set


@dataclass
class Peer:
    """One line of the table."""

    name: str
    about: str
    # From the folder for installations to whatever `command` needs.
    install: Callable
    # From that, the place and the folder for results to a command.
    command: Callable
    # From the folder for results and what is expected to the number of rows.
    check: Callable
    # Whether it reads both lists, so that its time can be compared as it stands.
    whole: bool = True
    # Where its standard output goes, in the folder for results.
    stdout: str = "stdout.txt"


def collect(place, out, url, token, settings, name):
    command = [place.host, "collect", "--url", url, "--token-env", token, "--allow-loopback", "--plugin", place.component]
    return [*command, *(word for setting in settings for word in ("--set", setting)), "--out", out / name]


def ours(members, default_concurrency=False):
    """Both sources in one process, at once, under one limit. A host that cannot do that yet reads one after the other."""

    def command(_, place, out):
        in_flight = None if default_concurrency else place.in_flight
        settings = [] if members or "members" not in place.can else ["members=false"]
        if "bench collect" in place.can and (not settings or "bench collect --set" in place.can):
            words = [place.host, "bench", "collect", "--plugin", place.component, "--records", out / "records.ndjson", "--json"]
            words += ["--users-server", place.users_url, "--users-token-env", "USERS_TOKEN"]
            words += ["--group-server", place.group_url, "--group-token-env", "GROUP_TOKEN", "--group", place.group_path]
            words += [] if in_flight is None else ["--concurrency", in_flight]
            words += [word for setting in settings for word in ("--set", setting)]
            return words
        both = [] if in_flight is None else [f"max_concurrency={in_flight}"]
        group = [*both, *settings, "deployment=gitlab-com", f"group={place.group_path}"]
        users = collect(place, out, place.users_url, "USERS_TOKEN", both, "users-records.ndjson")
        group = collect(place, out, place.group_url, "GROUP_TOKEN", group, "group-records.ndjson")
        return ["sh", "-c", " && ".join(shlex.join(str(word) for word in words) for words in (users, group))]

    return command


def records(others):
    def check(out, expected):
        return contents.check_records(sorted(out.glob("*records.ndjson")), expected, others)

    return check


def rows(*lists):
    return lambda out, expected: contents.check_rows(out, expected, lists)


def lists(place):
    return [place.users_url, place.group_url, place.group]


def airbyte(streams, config):
    """Config and catalog of a run, written beside its results."""

    def files(place, out):
        (out / "config.json").write_text(json.dumps(config(place)))
        full = {"sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
        stream = lambda name: {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
        (out / "catalog.json").write_text(json.dumps({"streams": [{"stream": stream(name), **full} for name in streams]}))
        return ["read", "--config", out / "config.json", "--catalog", out / "catalog.json"]

    return files


CDK = airbyte(
    ("users", "billable_members"),
    lambda place: {
        "users_url": place.users_url,
        "users_token": place.env["USERS_TOKEN"],
        "group_url": place.group_url,
        "group_token": place.env["GROUP_TOKEN"],
        "group": str(place.group),
        "in_flight": place.in_flight,
    },
)

SOURCE = airbyte(
    ("group_members",),
    lambda place: {
        "credentials": {"auth_type": "access_token", "access_token": place.env["GROUP_TOKEN"]},
        "api_url": place.group_url,
        "start_date": "2021-01-01T00:00:00Z",
    },
)

NOTHING = lambda _: None


def worker(name, order, words):
    return Peer(
        name,
        f"Worker in workerd, through miniflare 4.20260730.0, {words}",
        install.node,
        lambda _, place, out: ["node", DRIVERS / "worker.mjs", order, *lists(place), place.in_flight, out],
        rows(*BOTH),
    )


ALL = [
    Peer("ours", "this project", NOTHING, ours(False), records(True)),
    Peer("ours-default", "this project, at its own default of requests in flight", NOTHING, ours(False, True), records(True)),
    Peer("ours-members", "this project, with members and roles of the group", NOTHING, ours(True), records(True)),
    Peer(
        "native",
        "the same work in native Rust, without a sandbox (reqwest, serde)",
        lambda work: install.rust(work, "native"),
        lambda program, place, out: [program, *lists(place), place.in_flight, out],
        lambda out, expected: contents.check_records([out / "users.ndjson", out / "billable.ndjson"], expected),
    ),
    worker("worker", "in-turn", "one list after the other"),
    worker("worker-both", "both", "both lists at once"),
    Peer(
        "gitbeaker",
        "@gitbeaker/rest 43.8.0",
        install.node,
        lambda _, place, out: ["node", DRIVERS / "gitbeaker.mjs", *lists(place), out],
        rows(*BOTH),
    ),
    Peer(
        "python-gitlab",
        "python-gitlab 8.6.0, streaming",
        lambda work: install.python(work, "python-gitlab"),
        lambda bin, place, out: [bin / "python", DRIVERS / "python_gitlab.py", *lists(place), out],
        rows(*BOTH),
    ),
    Peer(
        "airbyte-cdk",
        "Airbyte CDK 7.39.1, a manifest of two streams",
        lambda work: install.python(work, "airbyte-cdk"),
        lambda bin, place, out: [
            bin / "source-declarative-manifest", *CDK(place, out), "--manifest-path", DRIVERS / "airbyte.yaml"
        ],
        rows(*BOTH),
        stdout="airbyte.txt",
    ),
    Peer(
        "airbyte-source",
        "airbyte-source-gitlab 4.3.7, its members of groups",
        lambda work: install.python(work, "airbyte-source-gitlab"),
        lambda bin, place, out: [bin / "source-gitlab", *SOURCE(place, out)],
        rows("members"),
        whole=False,
        stdout="airbyte.txt",
    ),
    Peer(
        "gitlab-crate",
        "the crate gitlab 0.1905.0, users alone",
        lambda work: install.rust(work, "gitlab-users"),
        lambda program, place, out: [program, place.users_url.removeprefix("http://"), out],
        rows("users"),
        whole=False,
    ),
]

# Those of the issue that read both lists one page after the other, or one page of each at a time.
SEQUENTIAL = ("gitbeaker", "python-gitlab", "airbyte-cdk")

# Those that read pages of a list in parallel.
WORKERS = ("worker", "worker-both")
