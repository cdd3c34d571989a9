"""A real DICOMweb server for the tests: Orthanc as installed, or as unpacked from Debian's packages."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

USER, PASSWORD = "ward", "grün and secret"
PACKAGES = ("orthanc", "orthanc-dicomweb")
SECONDS = 20.0


@dataclass(frozen=True)
class Orthanc:
    """One that runs: `site` is its own page, `url` where it speaks DICOMweb."""

    site: str

    @property
    def url(self) -> str:
        return f"{self.site}/dicom-web"


@contextmanager
def running(folder: Path) -> Iterator[Orthanc]:
    """An empty Orthanc on a free port of the loopback that asks for USER and PASSWORD; skips without one."""
    root = _installed() or _unpacked()
    port = free_port()
    settings = folder / "orthanc.json"
    settings.write_text(json.dumps(_settings(root, folder, port)))
    with (folder / "orthanc.log").open("wb") as log:
        command = [str(root / "usr/sbin/Orthanc"), str(settings)]
        process = subprocess.Popen(command, env=_environment(root), stdout=log, stderr=log)
    try:
        server = Orthanc(f"http://127.0.0.1:{port}")
        _wait(server, process)
        yield server
    finally:
        # Nothing in it is worth a tidy end, which takes seconds.
        process.kill()
        process.wait(SECONDS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _settings(root: Path, folder: Path, port: int) -> dict[str, object]:
    plugin = next((root / "usr/share/orthanc/plugins").glob("libOrthancDicomWeb.so*"))
    return {
        "Plugins": [str(plugin)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "DicomServerEnabled": False,
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
    }


def _environment(root: Path) -> dict[str, str]:
    libraries = [str(path) for path in (root / "usr/lib").glob("*-linux-gnu")] + [str(root / "usr/lib")]
    unpacked = (root / "usr/share").glob("libdcmtk*/dicom.dic")
    dictionary = next(unpacked, None) or _dictionary()
    return os.environ | {"LD_LIBRARY_PATH": ":".join(libraries), "DCMDICTPATH": str(dictionary)}


def _dictionary() -> Path:
    """That of dcmtk's library where it is installed: then it was not unpacked with the rest."""
    command = ["dpkg-query", "--search", "*/dicom.dic"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Path(found.splitlines()[0].partition(": ")[2])


def _wait(server: Orthanc, process: subprocess.Popen[bytes]) -> None:
    """Until it answers, if only that it wants a password."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(server.url, timeout=1).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("Orthanc is here and does not start: see orthanc.log in the test's folder.")


def _installed() -> Path | None:
    """The root of the file system where Debian has installed Orthanc and its DICOMweb plugin."""
    command = ["dpkg-query", "--listfiles", *PACKAGES]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    programs = (path for path in map(Path, listed.splitlines()) if path.parts[-2:] == ("sbin", "Orthanc"))
    return next((program.parents[2] for program in programs if program.is_file()), None)


def _unpacked() -> Path:
    """A folder with Debian's packages unpacked, kept for the next run; nothing is installed or started."""
    kept = Path(tempfile.gettempdir(), f"lightbox-orthanc-{os.getuid()}")
    if not kept.exists():
        fresh = Path(tempfile.mkdtemp(prefix="lightbox-orthanc-"))
        _fetch(fresh)
        # Another run may have been quicker.
        if not kept.exists():
            fresh.rename(kept)
        else:
            shutil.rmtree(fresh)
    if kept.lstat().st_uid != os.getuid():
        pytest.skip("the folder for Orthanc belongs to somebody else, so nothing in it is run")
    return kept / "root"


def _fetch(folder: Path) -> None:
    """Downloads and unpacks the packages and those they need that are not installed; skips when it cannot."""
    try:
        plan = _run(["apt-get", "install", "--simulate", "--no-install-recommends", *PACKAGES], folder)
        names = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
        _run(["apt-get", "download", *names], folder)
        for package in sorted(folder.glob("*.deb")):
            _run(["dpkg", "-x", str(package), str(folder / "root")], folder)
            package.unlink()
    except (OSError, subprocess.SubprocessError):
        shutil.rmtree(folder)
        pytest.skip("no Orthanc is installed, and Debian's packages of it cannot be had here")


def _run(command: list[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=300).stdout
