"""Other programs that bring files from one host to another, each as its operators would run it, durable at the end.

None of them syncs what it writes. So that all sides promise the same, the files and their folder are synced after the
end, inside the time that is measured.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from posthouse.lib import processes

NEAR_PORT, FAR_PORT, SSH_PORT, GRIDFTP_PORT = 28443, 28444, 28022, 28811
OPEN = "GridFTP -p 4, not encrypted"
"""Shown beside, and not among those that are to be reached: it protects nothing of what it carries."""


@dataclass(frozen=True)
class Host:
    """Where a side is: its address, what runs a command there, and the certificate and key that stand for it."""

    address: str
    within: Sequence[str]
    certificate: Path
    key: Path


class Peers:
    """nginx at both hosts, GridFTP at the near and ssh at the far one. `near` is where this process is."""

    def __init__(self, folder: Path, near: Host, far: Host) -> None:
        self.root = folder / "peers"
        self.taken = self.root / "taken"
        self.near, self.far = near, far
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.taken.mkdir(parents=True)
        try:
            self._nginx("near", self.near, NEAR_PORT)
            self._nginx("far", self.far, FAR_PORT)
            self._sshd()
            self._gridftp()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.terminate()
            process.wait()

    def one_file(self) -> dict[str, list[str]]:
        """Return how each brings one file that lies in the near root, with `{}` for its name; the first word is run."""
        url = f"https://{self.near.address}:{NEAR_PORT}"
        ssh = ["-F", str(self.root / "ssh_config")]
        there = f"far:{self.taken}/"
        return {
            "rclone https": [
                *self.far.within,
                *("rclone", "copyto", "--ca-cert", str(self.near.certificate), "--http-url", url),
                *(":http:{}", f"{self.taken}/{{}}"),
            ],
            "curl to nginx WebDAV": [
                *("curl", "-sSf", "--cacert", str(self.far.certificate), "-T", f"{self.root}/{{}}"),
                f"https://{self.far.address}:{FAR_PORT}/taken/",
            ],
            "scp": ["scp", "-q", *ssh, f"{self.root}/{{}}", there],
            "rsync over ssh": ["rsync", "--whole-file", "-e", " ".join(["ssh", *ssh]), f"{self.root}/{{}}", there],
            OPEN: [
                *self.far.within,
                *(*self._globus(self.far), "globus-url-copy", "-p", "4"),
                f"ftp://{self.near.address}:{GRIDFTP_PORT}{self.root}/{{}}",
                f"file://{self.taken}/{{}}",
            ],
        }

    def bring(self, command: Sequence[str], source: Path) -> float:
        """Have a file brought, and return the seconds until it is safely there."""
        self._place(source)
        begin = time.perf_counter()
        subprocess.run([word.replace("{}", source.name) for word in command], check=True)
        sync(self.taken / source.name)
        sync(self.taken)
        seconds = time.perf_counter() - begin
        if (self.taken / source.name).stat().st_size != source.stat().st_size:
            raise RuntimeError(f"{command[0]} did not bring all of it")
        (self.taken / source.name).unlink()
        return seconds

    def rsync_folder(self, source: Path) -> float:
        """Have rsync bring a folder over ssh, and return the seconds until all of it is safely there."""
        ssh = f"ssh -F {self.root}/ssh_config"
        target = self.taken / f"many{len(list(self.taken.iterdir()))}"
        begin = time.perf_counter()
        subprocess.run(["rsync", "-r", "--whole-file", "-e", ssh, f"{source}/", f"far:{target}/"], check=True)
        subprocess.run(["sync", "-f", str(self.taken)], check=True)
        seconds = time.perf_counter() - begin
        if len(list(target.iterdir())) != len(list(source.iterdir())):
            raise RuntimeError("rsync did not bring all of it")
        return seconds

    def _place(self, source: Path) -> None:
        """Let a file lie where the near nginx and all others find it."""
        name = self.root / source.name
        if not name.exists():
            name.hardlink_to(source)

    def _nginx(self, name: str, host: Host, port: int) -> None:
        own = self.root / name
        own.mkdir()
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        (own / "nginx.conf").write_text(f"""
            daemon off; pid {own}/pid; error_log {own}/error.log; worker_processes 2;
            {"user root;" if os.geteuid() == 0 else ""}
            events {{ worker_connections 512; }}
            http {{
                access_log off; sendfile on; tcp_nopush on; client_max_body_size 0; client_body_buffer_size 1m;
                {" ".join(f"{kind}_temp_path {own}/{kind};" for kind in kinds)}
                server {{
                    listen {host.address}:{port} ssl;
                    ssl_certificate {host.certificate}; ssl_certificate_key {host.key};
                    ssl_protocols TLSv1.2 TLSv1.3;
                    root {self.root};
                    location / {{ dav_methods PUT DELETE; }}
                }}
            }}
        """)
        words = ["nginx", "-p", str(own), "-c", str(own / "nginx.conf"), "-e", str(own / "error.log")]
        self._start([*host.within, *words], host.address, port)

    def _sshd(self) -> None:
        for key in ("host_key", "user_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.root / key)], check=True)
        Path("/run/sshd").mkdir(exist_ok=True)
        (self.root / "sshd_config").write_text(
            f"ListenAddress {self.far.address}:{SSH_PORT}\nHostKey {self.root}/host_key\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {self.root}/user_key.pub\nStrictModes no\nPermitRootLogin yes\n"
            "Subsystem sftp internal-sftp\nMaxStartups 100\n"
        )
        (self.root / "ssh_config").write_text(
            f"Host far\n HostName {self.far.address}\n Port {SSH_PORT}\n IdentityFile {self.root}/user_key\n"
            " IdentitiesOnly yes\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n"
        )
        words = [shutil.which("sshd", path="/usr/sbin") or "sshd", "-D", "-f", str(self.root / "sshd_config")]
        self._start([*self.far.within, *words], self.far.address, SSH_PORT)

    def _gridftp(self) -> None:
        own = self.root / "gridftp.conf"
        own.write_text(
            f"port {GRIDFTP_PORT}\nallow_anonymous 1\nanonymous_user root\nanonymous_group root\nallow_root 1\n"
            f"data_interface {self.near.address}\ncontrol_interface {self.near.address}\n"
        )
        words = [*self._globus(self.near), "globus-gridftp-server", "-c", str(own), "-no-detach"]
        self._start([*self.near.within, *words], self.near.address, GRIDFTP_PORT)

    def _globus(self, host: Host) -> list[str]:
        """Return what goes before a program of Globus, which asks for the names of addresses."""
        named = ["env", f"GLOBUS_HOSTNAME={host.address}"]
        if self.near.address == self.far.address:
            return named
        # From a namespace no name server can be reached.
        hosts = self.root / "hosts"
        hosts.write_text(f"{self.near.address} near\n{self.far.address} far\n")
        bind = 'mount --bind "$1" /etc/hosts; shift; exec "$@"'
        return ["unshare", "--mount", "sh", "-euc", bind, "sh", str(hosts), *named]

    def _start(self, command: Sequence[str], address: str, port: int) -> None:
        parent = os.getpid()
        environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
        self._processes.append(
            subprocess.Popen(command, env=environment, preexec_fn=lambda: processes.die_with_parent(parent))
        )
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection((address, port), timeout=1):
                return
            time.sleep(0.05)
        raise TimeoutError(f"{command[-1]}: nobody listens at {address}, port {port}")


def sync(path: Path) -> None:
    """Put a file or folder safely onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
