"""Peers from their registries at pinned versions, into a folder outside of the checkout that stays warm between runs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class NotInstalled(Exception):
    """A peer cannot be had here."""


def call(command, cwd=None):
    """What a command prints; raises NotInstalled with the end of what it complains about."""
    print("  " + " ".join(str(word) for word in command), file=sys.stderr)
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NotInstalled(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        told = [line for line in done.stderr.strip().splitlines() if line.strip()]
        raise NotInstalled(f"{command[0]} ended with {done.returncode}: " + " / ".join(told[-2:]))
    return done.stdout


def installed(folder, lock):
    """Whether `folder` was filled from this very lock file."""
    stamp = folder / lock.name
    return stamp.exists() and stamp.read_bytes() == lock.read_bytes()


def node(work):
    """The packages of node/package-lock.json. Scripts of packages are not run: none is needed."""
    folder, lock, stamp = work / "node", HERE / "node" / "package-lock.json", work / "node-installed"
    if not installed(stamp, lock):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "node" / name, folder)
        call(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder)
        stamp.mkdir(exist_ok=True)
        shutil.copy(lock, stamp)
    return folder / "node_modules"


def python(work, name):
    """A virtual environment of exactly the packages in python/NAME.txt."""
    folder, lock = work / name, HERE / "python" / f"{name}.txt"
    if not installed(folder, lock):
        shutil.rmtree(folder, ignore_errors=True)
        call([sys.executable, "-m", "venv", folder])
        call([folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", lock])
        shutil.copy(lock, folder)
    return folder / "bin"


def rust(work, name):
    """A program of the workspace rust/."""
    manifest, target = HERE / "rust" / "Cargo.toml", work / "rust"
    call(["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", manifest, "--target-dir", target, "-p", name])
    return target / "release" / name


def ours(work):
    """The host, and the component."""
    told = call(["cargo", "build", "--locked", "--quiet", "-p", "host-sim", "--message-format", "json"], ROOT)
    messages = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    host = next(m["executable"] for m in reversed(messages) if m.get("executable") and m["target"]["name"] == "host-sim")
    component = work / "gitlab_seats.wasm"
    call([host, "build", "--out", component], ROOT)
    return host, component
