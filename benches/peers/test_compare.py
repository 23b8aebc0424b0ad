"""What can be wrong without being noticed: statistics, bounds, and whether contents are really looked at. Installs and runs no
peer.

python3 -m unittest discover benches/peers
"""

import contextlib
import io
import json
import sys
import tempfile
import unittest
import xml.dom.minidom
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import compare
import contents
import figures
import measure
import report

USERS = [
    {"id": 1, "username": "ada", "last_activity_on": "2026-01-02", "using_license_seat": True},
    {"id": 2, "username": "bo", "last_activity_on": None, "using_license_seat": False},
]
BILLABLE = [{"user_id": 1, "username": "uwe", "last_activity_on": "2026-01-03", "membership_type": "project_invite"}]


def user(id, username, day):
    return {"type": "user", "user_id": id, "username": username, "last_activity_on": day}


def seat(pool, id, consumes, via="unknown"):
    return {"type": "assignment", "pool_id": pool, "user_id": id, "consumes_seat": consumes, "via": via}


RECORDS = [
    user("1", "ada", "2026-01-02"),
    user("2", "bo", None),
    seat("instance:premium", "1", True),
    seat("instance:premium", "2", False),
    user("1", "uwe", "2026-01-03"),
    seat("group:7:ultimate", "1", True, "project-invite"),
    {"type": "summary", "completeness": "complete"},
]


def result(name, **figures_):
    return figures.Result(name, name, True, rows=10, most_in_flight=[1, 1], **figures_)


class Contents(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.expected = contents.Expected(USERS, BILLABLE)

    def lines(self, name, rows):
        (self.folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))

    def check_records(self, records, others=False):
        self.lines("records.ndjson", records)
        return contents.check_records([self.folder / "records.ndjson"], self.expected, others)

    def test_every_form_of_rows_is_read(self):
        users = [{"id": 1, "username": "ada"}, {"id": 2, "username": "bo"}]
        billable = [{"id": 1, "username": "uwe"}]
        message = lambda stream, row: {"type": "RECORD", "record": {"stream": stream, "data": row}}
        files = {
            "users.ndjson": lambda: (self.lines("users.ndjson", users), self.lines("billable.ndjson", billable)),
            "rows.txt": lambda: (self.folder / "rows.txt").write_text(
                "".join(mark + json.dumps(row) + "\n" for mark, rows in (("u", users), ("b", billable)) for row in rows)
            ),
            "airbyte.txt": lambda: self.lines(
                "airbyte.txt",
                [
                    {"type": "LOG"},
                    *(message("users", row) for row in users),
                    *(message("billable_members", row) for row in billable),
                ],
            ),
        }
        for name, write in files.items():
            with self.subTest(name):
                write()
                self.assertEqual(contents.check_rows(self.folder, self.expected, ("users", "billable")), 3)
                for path in self.folder.iterdir():
                    path.unlink()
        with self.assertRaisesRegex(contents.Wrong, "users: 0 rows, 2 expected"):
            contents.check_rows(self.folder, self.expected, ("users",))

    def test_a_row_missing_twice_or_of_another_is_wrong(self):
        right = [{"id": 1, "username": "ada"}, {"id": 2, "username": "bo"}]
        others = {"id": 2, "username": "bob"}, {"id": 3, "username": "bo"}
        for wrong in (right[:1], [*right, right[0]], *([right[0], other] for other in others)):
            self.lines("users.ndjson", wrong)
            with self.subTest(wrong), self.assertRaises(contents.Wrong):
                contents.check_rows(self.folder, self.expected, ("users",))

    def test_records_are_people_with_their_last_day_and_their_seats(self):
        self.assertEqual(self.check_records(RECORDS), 3)
        for place, record in (
            (0, user("1", "ada", "2026-01-03")),
            (1, user("2", "bo", "2026-01-02")),
            (2, seat("instance:premium", "1", False)),
            (4, user("1", "ada", "2026-01-03")),
            (5, seat("group:7:ultimate", "1", True, "direct")),
            (6, {"type": "summary", "completeness": "partial"}),
        ):
            with self.subTest(record), self.assertRaises(contents.Wrong):
                self.check_records([*RECORDS[:place], record, *RECORDS[place + 1 :]])
        for place in range(len(RECORDS) - 1):
            with self.subTest(without=RECORDS[place]), self.assertRaises(contents.Wrong):
                self.check_records([*RECORDS[:place], *RECORDS[place + 1 :]])

    def test_people_of_the_group_without_a_seat_come_as_user_and_assignment_if_at_all(self):
        person, none = user("9", "kim", None), seat("group:7:ultimate", "9", False)
        self.assertEqual(self.check_records([*RECORDS, person, none], others=True), 3)
        for records, others in (([*RECORDS, person, none], False), ([*RECORDS, person], True), ([*RECORDS, none], True)):
            with self.assertRaises(contents.Wrong):
                self.check_records(records, others)

    def test_what_a_driver_wrote_halfway_is_left_out_and_named(self):
        (self.folder / "users.ndjson").write_text('{"id": 1, "user')
        with self.assertRaises(ValueError):
            contents.check_rows(self.folder, self.expected, ("users",))


class Figures(unittest.TestCase):
    def test_a_ratio_is_the_median_of_the_rounds_and_not_of_the_medians(self):
        one, other = result("one", seconds=[1.0, 9.0, 10.0]), result("other", seconds=[10.0, 3.0, 5.0])
        self.assertEqual(figures.ratio("seconds", one, other), 2.0)
        self.assertIsNone(figures.ratio("seconds", one, result("none")))
        self.assertIsNone(figures.ratio("sum_kib", result("a", sum_kib=[None]), result("b", sum_kib=[1])))

    def test_bounds_are_those_of_the_run_and_need_both_figures(self):
        timed = lambda name, seconds, kib=100: result(name, seconds=[seconds], largest_kib=[kib])
        results = [
            timed("ours", 0.7, 20), timed("ours-default", 1.4), timed("worker", 1.0), timed("native", 0.5),
            timed("worker-both", 0.5),
            timed("gitbeaker", 5.0), timed("python-gitlab", 6.0), timed("airbyte-cdk", 4.0),
        ]
        holds = lambda latency, in_flight: [(b.holds, round(b.figure, 3)) for b in figures.bounds(results, latency, in_flight)]
        self.assertEqual(holds(40, 6), [(True, 0.7), (False, 1.4), (False, 0.35)])
        self.assertEqual(holds(40, 4), [(False, 0.35)])
        self.assertEqual(holds(0, 6), [(True, 0.14), (True, 0.2), (True, 1.4)])
        results[3].left_out = "not installed"
        self.assertEqual([b.holds for b in figures.bounds(results, 0, 6)], [True, True, None])
        self.assertEqual([b.holds for b in figures.bounds(results[:1], 40, 6)], [None, None, None])
        self.assertIn("not judged       - of at most 1.500", report.verdicts(figures.bounds(results, 0, 6)))

    def test_a_report_has_who_ran_and_who_is_left_out(self):
        ran = result("ours", seconds=[1.0, 2.0, 9.0], largest_kib=[2048] * 3, sum_kib=[None] * 3, requests=[5], connections=[2])
        left = figures.Result("a<b", "other", True, left_out="not installed: no")
        ratios = {"ours": 1.0, "a<b": None}
        text = report.table([ran, left], ratios)
        self.assertRegex(text, r"ours +10 +2\.000 +1\.00 +200\.000 +2\.0 +- +5 +2 +1\+1")
        self.assertIn("a<b is left out: not installed: no", text)
        document = report.document({"rows": 10}, [ran, left], ratios, [])
        self.assertEqual((document["peers"][0]["median_seconds"], document["peers"][1]["left_out"]), (2.0, "not installed: no"))
        xml.dom.minidom.parseString(report.svg("a < b", [ran, left]))


class Runs(unittest.TestCase):
    def run_python(self, program, timeout_s=60):
        with tempfile.TemporaryDirectory() as folder:
            return measure.run([sys.executable, "-c", program], {"WORD": "here"}, Path(folder) / "out", timeout_s)

    def test_memory_is_of_the_largest_process_and_of_all(self):
        if not Path("/proc/self/status").exists():
            self.skipTest("no /proc")
        # Each holds 64 MiB until both have been seen: the inner one answers, and the outer one waits for it.
        inner = "import time; x = bytearray(64 << 20); time.sleep(0.5)"
        done = self.run_python(f"import subprocess, sys; x = bytearray(64 << 20); subprocess.run([sys.executable, '-c', {inner!r}])")
        self.assertEqual(done.code, 0, done.stderr)
        self.assertGreater(done.largest_kib, 64 << 10)
        self.assertLess(done.largest_kib, 110 << 10)
        self.assertGreater(done.sum_kib, 128 << 10)

    def test_who_takes_too_long_is_ended_and_who_fails_is_heard(self):
        done = self.run_python("import time; time.sleep(100)", timeout_s=0.2)
        self.assertTrue(done.timed_out)
        done = self.run_python("import os, sys; sys.exit(os.environ['WORD'])")
        self.assertEqual((done.code, done.timed_out, done.stderr.strip()), (1, False, "here"))


class Arguments(unittest.TestCase):
    def test_presets_can_be_overridden_and_nonsense_is_refused(self):
        self.assertEqual((compare.arguments([]).rows, compare.arguments([]).latency_ms), (10_000, 40))
        args = compare.arguments(["--preset", "rows", "--rows", "500", "--only", "native"])
        self.assertEqual((args.rows, args.latency_ms), (500, 0))
        self.assertEqual([peer.name for peer in args.peers], ["ours", "native"])
        for words in (["--rows", "100001"], ["--only", "nobody"], ["--rounds", "0"], ["--in-flight", "65"]):
            with self.subTest(words), contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit) as ended:
                compare.arguments(words)
            self.assertEqual(ended.exception.code, 2)


if __name__ == "__main__":
    unittest.main()
