"""The nginx of the system before replicas, set up as docs/operations.md says."""

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.conftest import free_port

_SETTINGS = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    log_format answer $status;
    access_log {folder}/access.log answer;
    client_max_body_size 11m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream bots {{
        {servers}
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://bots;
            # An update that comes twice is known by its number, so it may be given to the next replica at any moment.
            proxy_next_upstream error timeout non_idempotent;
            proxy_connect_timeout 2s;
        }}
    }}
}}
"""


class Nginx:
    """Hands each request to the next replica; one that does not answer is passed over."""

    def __init__(self, replicas: list[int], folder: Path) -> None:
        self.port, self._replicas, self._folder = free_port(), replicas, folder

    @property
    def answers(self) -> Counter[int]:
        """How often each status was answered."""
        return Counter(int(line) for line in (self._folder / "access.log").read_text(encoding="ascii").split())

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Nginx"]:
        self._folder.mkdir()
        servers = "\n        ".join(f"server 127.0.0.1:{port} fail_timeout=1s;" for port in self._replicas)
        user = "user root;" if os.getuid() == 0 else ""  # the folder of a test is closed to everybody else
        settings = self._folder / "nginx.conf"
        settings.write_text(_SETTINGS.format(user=user, folder=self._folder, servers=servers, port=self.port))
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        process = await asyncio.create_subprocess_exec(program, "-p", self._folder, "-c", settings)
        try:
            await self._listening(process)
            yield self
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    async def _listening(self, process: asyncio.subprocess.Process) -> None:
        async with asyncio.timeout(30):
            while True:
                assert process.returncode is None
                try:
                    _reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.02)
                    continue
                writer.close()
                await writer.wait_closed()
                return
