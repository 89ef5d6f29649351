"""Certificates for a local server that speaks TLS: an authority, the server's, and a client's.

They are made anew for every server and are valid for a day, so no key is ever worth stealing.
"""

from __future__ import annotations

import datetime
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ._errors import LocalServerError

SERVER_NAMES = "DNS:localhost,IP:127.0.0.1,IP:::1"
VALID_DAYS = 1


@dataclass(frozen=True)
class Certificates:
    """The files (PEM) of a server's certificates; private keys are readable by their owner only."""

    authority: Path
    """For `sslrootcert`: what signed the others."""
    server: Path
    server_key: Path
    client: Path
    """For `sslcert`: a certificate whose common name is the server's user."""
    client_key: Path
    """For `sslkey`."""


def make_certificates(folder: Path, user: str) -> Certificates:
    """Make an authority, a certificate for localhost and one for `user`, in `folder`.

    Uses the `openssl` program or, where there is none, the package `cryptography`.

    Raises:
        LocalServerError: neither is there, or `openssl` failed.
    """
    certificates = Certificates(
        authority=folder / "authority.crt",
        server=folder / "server.crt",
        server_key=folder / "server.key",
        client=folder / "client.crt",
        client_key=folder / "client.key",
    )
    if shutil.which("openssl"):
        _with_openssl(certificates, folder, user)
    else:
        _with_cryptography(certificates, user)
    for key in (certificates.server_key, certificates.client_key):
        key.chmod(0o600)
    return certificates


def _with_openssl(certificates: Certificates, folder: Path, user: str) -> None:
    authority_key = folder / "authority.key"
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    valid = ["-days", str(VALID_DAYS)]
    _openssl(
        ["req", "-x509", *new_key, *valid, "-subj", "/CN=psycoxide local authority"],
        ["-keyout", authority_key, "-out", certificates.authority],
    )
    for name, extension, certificate, key in (
        ("localhost", SERVER_NAMES, certificates.server, certificates.server_key),
        (user, None, certificates.client, certificates.client_key),
    ):
        request = certificate.with_suffix(".csr")
        extensions = certificate.with_suffix(".ext")
        lines = ["basicConstraints=CA:FALSE"]
        if extension:
            lines.append(f"subjectAltName={extension}")
        extensions.write_text("\n".join(lines) + "\n", "utf-8")
        # In a subject "/" separates the parts, so that it has to be escaped in a name.
        subject = "/CN=" + name.replace("\\", "\\\\").replace("/", "\\/")
        _openssl(
            ["req", "-new", *new_key, "-utf8", "-subj", subject],
            ["-keyout", key, "-out", request],
        )
        _openssl(
            ["x509", "-req", "-in", request, *valid, "-CA", certificates.authority],
            ["-CAkey", authority_key, "-CAcreateserial"],
            ["-extfile", extensions, "-out", certificate],
        )
        request.unlink()
        extensions.unlink()
    authority_key.unlink()


def _openssl(*arguments: Sequence[object]) -> None:
    command = ["openssl", *(str(argument) for part in arguments for argument in part)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise LocalServerError(f"`{' '.join(command)}` failed: {result.stderr.strip()}")


def _with_cryptography(certificates: Certificates, user: str) -> None:
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise LocalServerError(
            "a local server with TLS needs the openssl program or `pip install cryptography`"
        ) from error
    import ipaddress

    now = datetime.datetime.now(datetime.timezone.utc)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name.from_rfc4514_string("CN=psycoxide local authority")
    alternatives = x509.SubjectAlternativeName(
        [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.IPAddress(ipaddress.ip_address("::1")),
        ]
    )

    for common_name, extension, certificate, key_file in (
        (None, x509.BasicConstraints(ca=True, path_length=None), certificates.authority, None),
        ("localhost", alternatives, certificates.server, certificates.server_key),
        (user, None, certificates.client, certificates.client_key),
    ):
        key = authority_key if key_file is None else ec.generate_private_key(ec.SECP256R1())
        subject = authority
        if common_name is not None:
            attribute = x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)
            subject = x509.Name([attribute])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        )
        if extension is not None:
            builder = builder.add_extension(extension, critical=key_file is None)
        signed = builder.sign(authority_key, hashes.SHA256())
        certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        if key_file is not None:
            key_file.write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
