"""psycoxide.local: servers that come and go, and what is said when they cannot."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import psycoxide
from psycoxide import local


def value(dsn: str, query: str) -> Any:
    with psycoxide.connect(dsn) as conn:
        row = conn.execute(query).fetchone()
        assert row is not None
        return row[0]


def wait_until(condition: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be in time"
        time.sleep(0.05)


def test_defaults_are_those_of_yugabytedb(server: local.Server) -> None:
    assert (server.user, server.password, server.dbname) == ("yugabyte",) * 3
    assert value(server.dsn, "SELECT current_user || ' ' || current_database()") == (
        "yugabyte yugabyte"
    )


def test_conninfo_and_dsn_say_the_same(start_server: Any) -> None:
    with start_server(user="some one", password="a 'b\\c'd", dbname='x"y') as server:
        assert value(server.dsn, "SELECT current_user::text") == "some one"
        with psycoxide.connect(**server.conninfo) as conn:
            assert conn.info.dbname == 'x"y'


def test_password_is_asked_for(server: local.Server) -> None:
    with pytest.raises(psycoxide.OperationalError, match="password authentication failed"):
        psycoxide.connect(server.dsn, password="wrong")


def test_unix_socket_lies_in_the_directory(server: local.Server) -> None:
    parameters = server.conninfo | {"host": str(server.directory)}
    with psycoxide.connect(**parameters) as conn:
        assert conn.execute("SELECT inet_client_addr()").fetchone() == (None,)


def test_config_overrides(start_server: Any) -> None:
    with start_server(config={"work_mem": "8MB", "timezone": "Asia/Tokyo", "jit": False}) as server:
        settings = ("work_mem", "TimeZone", "jit", "fsync")
        assert [value(server.dsn, f"SHOW {name}") for name in settings] == [
            "8MB",
            "Asia/Tokyo",
            "off",
            "off",
        ]


def test_hba_lines_come_first(start_server: Any) -> None:
    with start_server(hba=["host all all 127.0.0.1/32 trust"]) as server:
        parameters = server.conninfo | {"password": "wrong"}
        with psycoxide.connect(**parameters) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)


def test_stop_removes_everything(start_server: Any) -> None:
    server = start_server()
    directory = server.directory
    assert directory.is_dir()
    assert "running" in repr(server)
    server.stop()
    server.stop()
    assert not directory.exists()
    assert "stopped" in repr(server)
    with socket.socket() as probe:
        probe.bind((server.host, server.port))


def test_restart_keeps_the_data(start_server: Any) -> None:
    with start_server() as server:
        with psycoxide.connect(server.dsn, autocommit=True) as conn:
            conn.execute("CREATE TABLE kept (id int)")
        port = server.port
        server.restart()
        assert server.port == port
        assert value(server.dsn, "SELECT count(*) FROM kept") == 0


def test_port_in_use_is_named(start_server: Any) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(local.PortInUse, match=f"port {port} on 127.0.0.1 is in use"):
            start_server(port=port)


def test_bad_setting_shows_what_the_server_said(start_server: Any) -> None:
    with pytest.raises(local.LocalServerError, match="no_such_setting"):
        start_server(config={"no_such_setting": "1"})


def test_folder_without_binaries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PSYCOXIDE_PG_BIN", str(tmp_path))
    with pytest.raises(local.BinariesNotFound, match="PSYCOXIDE_PG_BIN"):
        local.find_binaries()


def test_nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PSYCOXIDE_PG_BIN", raising=False)
    monkeypatch.setattr("psycoxide.local._binaries._embedded", lambda: iter(()))
    monkeypatch.setattr("psycoxide.local._binaries._installed", lambda: iter(()))
    with pytest.raises(local.BinariesNotFound, match=r"pip install \"psycoxide\[local\]\""):
        local.find_binaries()


@pytest.mark.parametrize(
    ("prefer", "expected"), [("embedded", ["pip", "debian"]), ("full", ["debian", "pip"])]
)
def test_preference(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, prefer: Any, expected: list[str]
) -> None:
    found = {
        name: local.Binaries(tmp_path / name, name, embedded=name == "pip")
        for name in ("pip", "debian")
    }
    monkeypatch.delenv("PSYCOXIDE_PG_BIN", raising=False)
    monkeypatch.setattr("psycoxide.local._binaries._embedded", lambda: iter([found["pip"]]))
    monkeypatch.setattr("psycoxide.local._binaries._installed", lambda: iter([found["debian"]]))
    for name in reversed(expected):
        found[name].bin.mkdir()
        for program in ("initdb", "postgres"):
            (found[name].bin / program).touch(mode=0o755)
        assert local.find_binaries(prefer) == found[name]


def test_server_ends_with_a_killed_process(start_server: Any, tmp_path: Path) -> None:
    """Not even SIGKILL of the process that started it leaves a server or its files behind."""
    program = (
        "from psycoxide import local; server = local.server();"
        " print(server.directory, server.port, flush=True); input()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    directory, port = child.stdout.readline().split()
    assert Path(directory).is_dir()
    child.send_signal(signal.SIGKILL)
    child.communicate()

    def is_free() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(port))) != 0

    wait_until(is_free)
    wait_until(lambda: not Path(directory).exists())


def test_fork_leaves_the_server_alone(start_server: Any) -> None:
    with start_server() as server:
        child = os.fork()
        if child == 0:
            server.stop()
            os._exit(0)
        os.waitpid(child, 0)
        assert value(server.dsn, "SELECT 1") == 1


@pytest.mark.full_server
def test_tls_server_has_certificates(tls_server: local.Server) -> None:
    assert tls_server.tls is not None
    with psycoxide.connect(
        tls_server.dsn,
        host="localhost",
        sslmode="verify-full",
        sslrootcert=str(tls_server.tls.authority),
    ) as conn:
        row = conn.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
        assert row == (True,)


@pytest.mark.full_server
def test_client_certificate_is_accepted(start_server: Any) -> None:
    rules = ["hostssl all all 127.0.0.1/32 cert", "host all all 127.0.0.1/32 reject"]
    with start_server(tls=True, hba=rules) as server:
        with psycoxide.connect(
            server.dsn,
            password="not asked for",
            sslmode="verify-ca",
            sslrootcert=str(server.tls.authority),
            sslcert=str(server.tls.client),
            sslkey=str(server.tls.client_key),
        ) as conn:
            assert conn.execute("SELECT current_user::text").fetchone() == ("yugabyte",)


def test_certificates_without_the_openssl_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from cryptography import x509

    monkeypatch.setattr("psycoxide.local._certificates.shutil.which", lambda program: None)
    from psycoxide.local._certificates import make_certificates

    made = make_certificates(tmp_path, "someone")
    authority = x509.load_pem_x509_certificate(made.authority.read_bytes())
    server = x509.load_pem_x509_certificate(made.server.read_bytes())
    client = x509.load_pem_x509_certificate(made.client.read_bytes())
    server.verify_directly_issued_by(authority)
    client.verify_directly_issued_by(authority)
    assert client.subject.rfc4514_string() == "CN=someone"
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert made.server_key.stat().st_mode & 0o777 == 0o600


def test_pytest_plugin(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["psycoxide.local.pytest_plugin"]\n')
    (tmp_path / "test_it.py").write_text(
        "import psycoxide\n"
        "def test_it(psycoxide_server):\n"
        "    with psycoxide.connect(psycoxide_server.dsn) as conn:\n"
        "        assert conn.execute('SELECT 1').fetchone() == (1,)\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "1 passed" in result.stdout, result.stdout + result.stderr
