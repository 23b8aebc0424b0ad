"""The GitLab stand-in as a process: an address, a token, a truth, and counts between two moments."""

import json
import re
import subprocess


class StandIn:
    """Runs until it is closed, or until this program ends."""

    def __init__(self, host, scenario, users, latency_ms, truth):
        command = [host, "fake-gitlab", "--scenario", scenario, "--users", str(users), "--port", "0"]
        command += ["--latency-ms", str(latency_ms), "--own-links", "--counts", "--truth", truth]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, start_new_session=True
        )
        self.url = self.line()
        self.token = re.search(r"token (\S+);", self.line())[1]
        while self.line() != "Ctrl-C ends it":
            pass
        self.last = self.told()

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the stand-in ended with {self.process.wait()}")
        return line.rstrip("\n")

    def told(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.line())

    def counts(self):
        """Requests, connections and the most requests at once since this was last asked."""
        last, self.last = self.last, self.told()
        since = {key: self.last[key] - last[key] for key in ("requests", "connections")}
        return {**since, "most_in_flight": self.last["most_in_flight"]}

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
