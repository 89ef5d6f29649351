"""An authority that signs certificates for the servers of a test. Needs the openssl program."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from psycoxide.local._certificates import _openssl

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


class Authority:
    """Whoever trusts `certificate` trusts what this signs."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.certificate = folder / f"{name}.crt"
        self._key = folder / f"{name}.key"
        _openssl(
            ["req", "-x509", *NEW_KEY, "-days", "1", "-subj", f"/CN={name}"],
            ["-keyout", self._key, "-out", self.certificate],
        )

    def issue(self, server: str, *names: str) -> tuple[Path, Path]:
        """Make a certificate for these names (`IP:127.0.0.1`, `DNS:db.test`); return it and its
        key.
        """
        certificate = self.folder / f"{self.name}-{server}.crt"
        key, request = certificate.with_suffix(".key"), certificate.with_suffix(".csr")
        extensions = certificate.with_suffix(".ext")
        lines = ["basicConstraints=CA:FALSE", f"subjectAltName={','.join(names)}", ""]
        extensions.write_text("\n".join(lines), "utf-8")
        _openssl(
            ["req", "-new", *NEW_KEY, "-subj", f"/CN={server}"],
            ["-keyout", key, "-out", request],
        )
        _openssl(
            ["x509", "-req", "-in", request, "-days", "1", "-CA", self.certificate],
            ["-CAkey", self._key, "-CAcreateserial"],
            ["-extfile", extensions, "-out", certificate],
        )
        return certificate, key


def install(certificate: Path, key: Path, data: Path) -> None:
    """Give a server, by its data directory, its certificate and key."""
    owner = data.stat()
    for source, name in ((certificate, "server.crt"), (key, "server.key")):
        target = data / name
        shutil.copyfile(source, target)
        target.chmod(0o600)
        os.chown(target, owner.st_uid, owner.st_gid)
