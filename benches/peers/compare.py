#!/usr/bin/env python3
"""The plugin beside what else reads GitLab's users and seats: the same rows of the same stand-in, in turns. See README.md.

Exit code: 0 all ran and all bounds hold, 1 a bound is broken or ours failed, 2 wrong usage, 3 a peer is left out.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import contents
import figures
import install
import measure
import peers
import report
from standin import StandIn

PRESETS = {"latency": {"rows": 10_000, "latency_ms": 40}, "rows": {"rows": 100_000, "latency_ms": 0}}
GROUP = 9_970_100
GROUP_PATH = "example-engineering"
# GitLab answers no page of /users beyond this, and most peers page by number.
MOST_ROWS = 100_000


def arguments(words):
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    names = [peer.name for peer in peers.ALL]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="Peers: " + ", ".join(names))
    parser.add_argument("--preset", choices=PRESETS, help="latency: 10,000 rows at 40 ms; rows: 100,000 rows without latency")
    parser.add_argument("--rows", type=int, help="of both lists together (10000)")
    parser.add_argument("--latency-ms", type=int, help="before every answer (40)")
    parser.add_argument("--in-flight", type=int, default=6, help="requests at once (6)")
    parser.add_argument("--rounds", type=int, default=5, help="after one that warms up and is not measured (5)")
    parser.add_argument("--only", metavar="NAME,…", help="ours and these")
    parser.add_argument("--timeout-s", type=int, default=300, help="for one run (300)")
    work = {"default": cache / "gitlab-seats-peers", "help": "for installations and results (%(default)s)"}
    parser.add_argument("--work", type=Path, metavar="FOLDER", **work)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, and a plot beside them")
    args = parser.parse_args(words)
    preset = PRESETS[args.preset or "latency"]
    args.rows = preset["rows"] if args.rows is None else args.rows
    args.latency_ms = preset["latency_ms"] if args.latency_ms is None else args.latency_ms
    if not 100 <= args.rows <= MOST_ROWS:
        parser.error(f"--rows is from 100 to {MOST_ROWS}: GitLab answers no page by number beyond 50,000 accounts")
    if args.latency_ms < 0 or args.rounds < 1 or not 1 <= args.in_flight <= 64:
        parser.error("--latency-ms is from 0, --rounds from 1, --in-flight from 1 to 64")
    asked = set(args.only.split(",")) if args.only else set(names)
    if unknown := asked - set(names):
        parser.error(f"no peer is called {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    args.peers = [peer for peer in peers.ALL if peer.name == "ours" or peer.name in asked]
    args.work = args.work.resolve()
    return args


def abilities(host, component):
    """What this host and plugin can do that others cannot yet."""
    fields = json.loads(install.call([host, "inspect", component, "--json"]))["fields"]
    told = subprocess.run([host, "bench", "collect", "--help"], capture_output=True, text=True, check=False).stdout
    can = {field["key"] for field in fields if field["key"] == "members"}
    can |= {"bench collect"} if "--users-server" in told else set()
    return can | ({"bench collect --set"} if "--set" in told else set())


def group_users(args, host, truth):
    """So many accounts that half of the rows are billable members of the group, or nearly."""
    half = args.rows // 2
    with StandIn(host, "gitlab-com-group-token", 2 * half, 0, truth):
        pass
    groups = json.loads(truth.read_text(encoding="utf-8"))["groups"]
    billable = len(next(group for group in groups if group["id"] == GROUP)["billable"])
    return round(2 * half * half / billable)


def run_once(peer, prepared, place, standins, expected, args):
    """One run, checked. Raises Wrong with the reason if it is none to measure."""
    out = place.work / "out" / peer.name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    command = [str(word) for word in peer.command(prepared, place, out)]
    for standin in standins:
        standin.counts()
    done = measure.run(command, place.env, out / peer.stdout, args.timeout_s)
    counts = [standin.counts() for standin in standins]
    if done.timed_out:
        raise contents.Wrong(f"took longer than {args.timeout_s} s")
    if done.code != 0:
        raise contents.Wrong(f"ended with {done.code}: {' / '.join(done.stderr.strip().splitlines()[-2:])[:300]}")
    try:
        rows = peer.check(out, expected)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise contents.Wrong(f"its rows cannot be read: {error!r}") from error
    return done, counts, rows


def note(result, done, counts, rows):
    result.rows = rows
    result.seconds.append(done.seconds)
    result.largest_kib.append(done.largest_kib)
    result.sum_kib.append(done.sum_kib)
    result.requests.append(sum(count["requests"] for count in counts))
    result.connections.append(sum(count["connections"] for count in counts))
    result.most_in_flight = [max(most, count["most_in_flight"]) for most, count in zip(result.most_in_flight, counts)]


def rounds(args, place, standins, expected, prepared):
    """Each peer once and unmeasured, then all in turns. Each round begins with another."""
    results = {peer.name: figures.Result(peer.name, peer.about, peer.whole) for peer in args.peers}
    for round in range(args.rounds + 1):
        turn = round % len(args.peers)
        for peer in args.peers[turn:] + args.peers[:turn]:
            result = results[peer.name]
            if isinstance(prepared[peer.name], install.NotInstalled):
                result.left_out = f"not installed: {prepared[peer.name]}"
            if result.left_out:
                continue
            try:
                done, counts, rows = run_once(peer, prepared[peer.name], place, standins, expected, args)
            except contents.Wrong as wrong:
                result.left_out = str(wrong)
                print(f"  {peer.name} is left out: {wrong}", file=sys.stderr)
                continue
            print(f"  round {round or 'to warm up'}: {peer.name} {done.seconds:.3f} s", file=sys.stderr)
            if round:
                note(result, done, counts, rows)
    return list(results.values())


def prepare(args):
    """Everything installed, or the reason why not."""
    prepared = {}
    for peer in args.peers:
        try:
            prepared[peer.name] = peer.install(args.work)
        except install.NotInstalled as error:
            prepared[peer.name] = error
            print(f"  {peer.name} is left out: {error}", file=sys.stderr)
    return prepared


def tell(args, place, results):
    ours = next(result for result in results if result.name == "ours")
    ratios = {result.name: figures.ratio("seconds", result, ours) for result in results}
    bounds = figures.bounds(results, args.latency_ms, args.in_flight)
    title = f"{args.rows:,} rows, {args.latency_ms} ms, {args.in_flight} in flight, {args.rounds} rounds"
    how = "at once" if "bench collect" in place.can else "one after the other"
    print(f"{title}; ours reads the two lists {how}\n\n{report.table(results, ratios)}\n\n{report.verdicts(bounds)}")
    if args.json:
        settings = {key: getattr(args, key) for key in ("rows", "latency_ms", "in_flight", "rounds")}
        settings |= {"machine": platform.machine(), "processors": os.cpu_count(), "ours_reads_lists": how}
        document = report.document(settings, results, ratios, bounds)
        args.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        args.json.with_suffix(".svg").write_text(report.svg(title, results), encoding="utf-8")
    if ours.left_out or any(bound.holds is False for bound in bounds):
        return 1
    return 3 if any(result.left_out for result in results) else 0


def main(words):
    args = arguments(words)
    args.work.mkdir(parents=True, exist_ok=True)
    try:
        host, component = install.ours(args.work)
        can = abilities(host, component)
    except install.NotInstalled as error:
        print(f"error: ours cannot be built: {error}", file=sys.stderr)
        return 1
    prepared = prepare(args)
    truths = [args.work / name for name in ("users-truth.json", "group-truth.json")]
    with ExitStack() as running:
        users = group_users(args, host, truths[1])
        standins = [
            running.enter_context(StandIn(host, "self-managed", args.rows // 2, args.latency_ms, truths[0])),
            running.enter_context(StandIn(host, "gitlab-com-group-token", users, args.latency_ms, truths[1])),
        ]
        tokens = {"USERS_TOKEN": standins[0].token, "GROUP_TOKEN": standins[1].token}
        env = {**tokens, "NODE_MODULES": str(args.work / "node" / "node_modules"), "NO_PROXY": "*", "no_proxy": "*"}
        expected = contents.Expected.read(*truths, GROUP)
        if any(peer.name == "airbyte-source" for peer in args.peers):
            expected.members = contents.members(standins[1].url, GROUP, tokens["GROUP_TOKEN"])
        place = peers.Place(
            args.work, standins[0].url, standins[1].url, GROUP, GROUP_PATH, args.in_flight, env, host, component, can
        )
        results = rounds(args, place, standins, expected, prepared)
    return tell(args, place, results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
