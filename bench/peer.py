"""The peer that the bench alone needs: from its own lock, into a folder of its own beside the environment."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-bench.txt"
FOLDER = ROOT / "var" / "bench-peer"


def installed() -> Path | None:
    """The folder with what the lock names, every file checked against its hash; None where it cannot be had."""
    stamp, digest = FOLDER / "lock.sha256", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return FOLDER
    shutil.rmtree(FOLDER, ignore_errors=True)
    wanted = ("--no-deps", "--require-hashes", "--target", str(FOLDER), "-r", str(LOCK))
    commands = [[sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *wanted]]
    if uv := shutil.which("uv"):
        commands.insert(0, [uv, "pip", "install", "--quiet", "--python", sys.executable, *wanted])
    for command in commands:
        if subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0:
            stamp.write_text(digest)
            return FOLDER
    return None
