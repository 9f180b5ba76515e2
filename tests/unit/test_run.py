"""The one door, tried on copies of it with empty locks, so that nothing is downloaded."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import run

ROOT = Path(__file__).resolve().parents[2]
LOCKS = (run.RUNTIME, run.DEVELOPMENT, run.SERVER)


def pins(lock: str) -> set[str]:
    """The lines of a lock that name a version: `aiogram==3.31.0 ; python_version…`."""
    return set(re.findall(r"^(\S+==.+?) \\$", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host_and_hashes_everything(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)


def test_tests_run_on_the_very_versions_that_the_bot_runs_on() -> None:
    assert pins(run.RUNTIME) <= pins(run.DEVELOPMENT)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_its_source_asks_for(lock: str) -> None:
    source = (ROOT / lock).with_suffix(".in").read_text(encoding="utf-8")
    asked = {name.lower().replace("_", "-") for name in re.findall(r"^([A-Za-z][\w.-]*)", source, re.MULTILINE)}
    locked = {pin.partition("==")[0].partition("[")[0] for pin in pins(lock)}
    assert asked <= locked


def make_copy(folder: Path) -> Path:
    """A checkout that needs no packages: a `bot` that says what it was given."""
    for name in ("run", "run.py"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "bot").mkdir()
    (folder / "bot" / "__main__.py").write_text(
        "import sys; print(sys.prefix, *sys.argv[1:]); sys.exit(len(sys.argv) - 1)", encoding="utf-8"
    )
    empty_locks(folder)
    return folder


def empty_locks(folder: Path) -> None:
    for lock in LOCKS:
        (folder / lock).write_text("", encoding="utf-8")


@pytest.fixture
def new_copy(tmp_path: Path) -> Path:
    """Nobody has started it yet."""
    return make_copy(tmp_path)


@pytest.fixture(scope="module")
def started_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_copy(tmp_path_factory.mktemp("started"))
    start(folder)
    return folder


@pytest.fixture
def copy(started_copy: Path) -> Path:
    """Started before, with its locks as they were then: making an environment takes seconds."""
    empty_locks(started_copy)
    return started_copy


def start(copy: Path, *arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([copy / "run", *arguments], capture_output=True, text=True, check=False, cwd=cwd, env=bare())


def bare() -> dict[str, str]:
    # Without uv: the slow road is the one that a bare machine takes.
    real = os.path.dirname(os.path.realpath(sys.executable))  # noqa: PTH120 - PATH is made of texts
    return {"PATH": f"{real}:/usr/bin:/bin", "HOME": "/nonexistent"}


def test_the_door_makes_the_environment_once_and_passes_words_and_exit_code(new_copy: Path, tmp_path: Path) -> None:
    first = start(new_copy, "migrate", "--check", cwd=Path("/"))
    assert first.stdout == f"{new_copy / '.venv'} migrate --check\n"
    assert first.returncode == 2
    assert "making .venv" in first.stderr
    again = start(new_copy, cwd=tmp_path)
    assert (again.returncode, again.stdout, again.stderr) == (0, f"{new_copy / '.venv'}\n", "")


def test_two_first_runs_at_once_take_turns(new_copy: Path) -> None:
    both = [
        subprocess.Popen([new_copy / "run"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=bare())
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("making .venv" in errors for _, errors in said) == 1


def test_a_changed_lock_is_installed_into_the_environment_that_is_there(copy: Path) -> None:
    (copy / run.RUNTIME).write_text("# changed\n", encoding="utf-8")
    changed = start(copy)
    assert f"installing {run.RUNTIME}" in changed.stderr
    assert "making .venv" not in changed.stderr
    assert start(copy).stderr == ""


def test_the_environment_of_the_tests_serves_the_bot_as_well(copy: Path) -> None:
    environment = run.Environment(copy, run.RUNTIME)
    stamp = json.loads(environment.stamp.read_text(encoding="utf-8"))
    stamp[run.DEVELOPMENT] = environment.digest(run.DEVELOPMENT)
    del stamp[run.RUNTIME]
    environment.stamp.write_text(json.dumps(stamp), encoding="utf-8")
    assert start(copy).stderr == ""


def test_an_environment_cut_short_is_finished_at_the_next_start(copy: Path) -> None:
    (copy / ".venv" / "polisdesk.json").unlink()
    assert "the environment is ready" in start(copy).stderr
    assert start(copy).stderr == ""


def test_a_package_that_does_not_match_its_hash_is_refused(copy: Path) -> None:
    wheel = copy / "innocent-1.0-py3-none-any.whl"
    wheel.write_bytes(b"not what was locked")
    (copy / run.RUNTIME).write_text(f"{wheel} --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    refused = start(copy)
    assert refused.returncode == 1
    assert f"installing {run.RUNTIME} failed: see above" in refused.stderr
    assert "do not match" in refused.stderr.lower()


def test_without_the_embedded_server_s_wheel_everything_else_starts(copy: Path) -> None:
    (copy / run.SERVER).write_text(f"./absent-1.0-py3-none-any.whl --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    started = start(copy)
    assert started.returncode == 0
    assert "no wheel of the embedded database here" in started.stderr


def test_a_python_that_cannot_make_environments_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "succeeds", lambda *_command, **_options: False)
    with pytest.raises(run.Trouble, match="install python3-venv"):
        run.require_venv()


def test_an_old_python_is_told_which_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "OLDEST", (99, 99))
    with pytest.raises(run.Trouble, match=r"Python 3\.11 or newer is needed"):
        run.require_python()


def test_the_pictures_are_taken_in_the_environment_of_the_tests(copy: Path) -> None:
    stub = copy / "tests" / "web" / "pictures.py"
    stub.parent.mkdir(parents=True, exist_ok=True)
    stub.write_text("import sys; print(sys.prefix, *sys.argv[1:])", encoding="utf-8")
    taken = start(copy, "pictures", "--help")
    assert taken.stdout == f"{copy / '.venv'} --help\n"
    stamp = json.loads((copy / ".venv" / "polisdesk.json").read_text(encoding="utf-8"))
    assert run.DEVELOPMENT in stamp


def test_commands_that_need_no_telegram_library_do_not_load_it() -> None:
    program = (
        "import sys, runpy; sys.argv = ['bot', 'migrate', '--check']\n"
        "try: runpy.run_module('bot', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(sorted({'aiogram', 'aiogram_dialog', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_moved_folder_gets_a_new_environment(copy: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    copy.rename(moved)
    try:
        assert "making .venv" in start(moved).stderr
    finally:
        moved.rename(copy)
