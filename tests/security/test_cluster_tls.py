"""TLS in a cluster: whose name a node's certificate must be for, and nodes of an attacker.

See `yb_tls_host` in docs/guide/cluster.md. The nodes are PostgreSQL servers, stand-ins.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import psycoxide
from psycoxide import cluster, local
from support.certificates import Authority, install
from support.cluster import GUARDED, Rig, wait_until
from support.hostile import SSL_REQUEST, Peer, authentication, report

pytestmark = [pytest.mark.full_server, pytest.mark.cluster]

#: The name that an application connects to.
CONTACT = "db.cluster.test"

#: Whom the certificates of the nodes are for, by the number of the node.
CERTIFIED: dict[str, Callable[[int], list[str]]] = {
    "node": lambda number: [f"IP:127.0.0.{number}"],
    "contact": lambda number: [f"DNS:{CONTACT}"],
    "both": lambda number: [f"IP:127.0.0.{number}", f"DNS:{CONTACT}"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder, "authority")


@pytest.fixture(scope="module")
def servers(start_cluster: Callable[..., local.Cluster]) -> Iterator[local.Cluster]:
    user = GUARDED["user"]
    rules = [
        f"hostssl all {user} 127.0.0.0/8 scram-sha-256",
        f"host all {user} 127.0.0.0/8 reject",
    ]
    with start_cluster(3, hba=rules) as running:
        for node in running.nodes:
            node.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{GUARDED['password']}'")
            node.execute("ALTER SYSTEM SET ssl = on")
        yield running


@pytest.fixture(scope="module", params=CERTIFIED)
def certified(request: pytest.FixtureRequest, servers: local.Cluster, authority: Authority) -> str:
    """Whom the certificates are for."""
    kind: str = request.param
    for node in servers.nodes:
        names = CERTIFIED[kind](node.number)
        issued = authority.issue(f"{kind}{node.number}", *names)
        install(*issued, node.directory / "data")
        node.restart()
    return kind


class SecureRig(Rig):
    """Connects to the first node by its name, as the user whose password is asked for."""

    authority: Authority

    def dsn(self, *contacts: int, **parameters: object) -> dict[str, Any]:
        return super().dsn(
            1,
            **{
                **GUARDED,
                "host": CONTACT,
                "hostaddr": self.node(1).host,
                "sslmode": "verify-full",
                "sslrootcert": str(self.authority.certificate),
                **parameters,
            },
        )

    def outcomes(self, count: int, **parameters: Any) -> list[str]:
        """Connect so many times; the errors."""
        errors = []
        for _ in range(count):
            try:
                self.one(**parameters)
            except psycoxide.OperationalError as ex:
                errors.append(str(ex))
        return errors


@pytest.fixture
def secure(servers: local.Cluster, certified: str, authority: Authority) -> Iterator[SecureRig]:
    rig = SecureRig(servers)
    rig.authority = authority
    rig.use(3)
    yield rig
    rig.close()
    cluster.forget()


def check(secure: SecureRig, errors: list[str], fails: set[int]) -> None:
    """`errors` of six connects, if the certificates of these nodes will not do."""
    if not fails:
        assert errors == []
        secure.expect(2, 2, 2)
        return
    # The first has its one connection, at the latest when another attempt happens to meet it.
    # Then it has more than the others, which are chosen again: they are not to blame.
    assert len(errors) >= 5 - len(secure.made)
    for error in errors:
        assert "certificate" in error
        assert any(f'"{secure.node(number).host}"' in error for number in fails), error
    counts = secure.cluster.wait_connections([len(secure.made), 0, 0])
    assert counts == [len(secure.made), 0, 0]
    assert all(status.breaker == "closed" for status in secure.known().nodes())
    assert all(status.failures == 0 for status in secure.known().nodes())


def test_the_name_of_the_node(secure: SecureRig, certified: str) -> None:
    """`node`, the default: a node's own address, and for the configured host the name it has."""
    if certified == "node":
        # Its own address is not the name that was asked for.
        with pytest.raises(psycoxide.OperationalError, match=CONTACT):
            secure.one()
        check(secure, secure.outcomes(6, host=secure.node(1).host), set())
    elif certified == "contact":
        check(secure, secure.outcomes(6), {2, 3})
    else:
        check(secure, secure.outcomes(6), set())
        secure.close()
        check(secure, secure.outcomes(6, yb_tls_host="node"), set())


def test_the_name_of_the_contact(secure: SecureRig, certified: str) -> None:
    if certified == "node":
        first = secure.node(1).host
        check(secure, secure.outcomes(6, host=first, yb_tls_host="contact"), {2, 3})
    else:
        check(secure, secure.outcomes(6, yb_tls_host="contact"), set())


def test_the_chain_alone(secure: SecureRig, certified: str) -> None:
    """`verify-ca` asks for no name."""
    for tls_host in ("node", "contact"):
        check(secure, secure.outcomes(6, sslmode="verify-ca", yb_tls_host=tls_host), set())
        secure.close()


@pytest.mark.parametrize("as_function", [False, True])
def test_addresses_that_are_replaced(secure: SecureRig, certified: str, as_function: bool) -> None:
    """The name of a node is the address that is connected to, not the one that was announced."""
    announced = {f"10.255.255.{number}": secure.node(number).host for number in (1, 2, 3)}
    rows = [secure.node(number)._row() for number in (1, 2, 3)]
    for row, host in zip(rows, announced, strict=True):
        row["host"] = host
    secure.cluster.publish(rows)
    port = secure.node(1).port
    mapping: Any = ",".join(f"{host}={mapped}" for host, mapped in announced.items())
    if as_function:
        mapping = lambda host, port: (announced[host], port)  # noqa: E731
    errors = secure.outcomes(6, host=secure.node(1).host, yb_address_map=mapping)
    if certified == "contact":
        assert len(errors) == 6
        assert all(f"port {port}" in error and "certificate" in error for error in errors)
    else:
        assert errors == []
        assert secure.cluster.wait_connections([2, 2, 2]) == [2, 2, 2]
    if certified != "node":
        secure.close()
        assert secure.outcomes(6, yb_address_map=mapping, yb_tls_host="contact") == []
        assert secure.cluster.wait_connections([2, 2, 2]) == [2, 2, 2]


def test_on_an_event_loop(secure: SecureRig, certified: str) -> None:
    async def connect(tls_host: str) -> list[Any]:
        parameters = secure.dsn(yb_tls_host=tls_host, sslcertmode="disable")
        connecting = (psycoxide.AsyncConnection.connect(**parameters) for _ in range(6))
        return await asyncio.gather(*connecting, return_exceptions=True)

    async def main() -> None:
        for tls_host in ("node", "contact"):
            made = [it for it in await connect(tls_host) if not isinstance(it, Exception)]
            nodes = {conn.info.host for conn in made}
            for conn in made:
                await conn.close()
            if certified == "node":
                assert not made, "the configured host has another name"
            elif certified == "both" or tls_host == "contact":
                assert len(made) == 6
            else:
                assert nodes <= {CONTACT}

    asyncio.run(main())


class Attacker:
    """Says it is a node, and keeps what it is told by who believes it."""

    def __init__(self, kind: str, context: ssl.SSLContext) -> None:
        self.kind, self.context = kind, context
        self.asked = self.ended = 0
        #: What came behind the request for TLS, or when that was agreed on.
        self.heard: list[bytes] = []

    def check_heard(self) -> None:
        """Nobody has said more to it than what opens TLS: no user, no password, no proof of one."""
        wait_until(lambda: self.ended == self.asked)
        for heard in self.heard:
            assert heard[:2] in (b"", b"\x16\x03"), "neither nothing nor a handshake of TLS"
            for secret in GUARDED.values():
                assert secret.encode() not in heard

    def __call__(self, peer: Peer) -> None:
        code, _ = peer.read_packet()
        assert code == SSL_REQUEST, "nothing is said before TLS is asked for"
        self.asked += 1
        try:
            self.heard.append(self.listen(peer))
        except OSError:  # TLS was not agreed on.
            pass
        finally:
            self.ended += 1

    def listen(self, peer: Peer) -> bytes:
        """Answer, and return what is said then."""
        answer = {
            "no TLS": b"N",
            "asks for the password at once": authentication(3),
            "asks for the password in the clear": b"S" + authentication(3),
            "an error": report(b"the database system is starting up", b"57P03", b"FATAL"),
        }
        peer.send(answer.get(self.kind, b"S"))
        if self.kind not in answer:
            peer.socket = self.context.wrap_socket(peer.socket, server_side=True)
        heard = b""
        # In TLS 1.3 a server is done before the client has looked at the certificate.
        with contextlib.suppress(OSError):
            while data := peer.socket.recv(10_000):
                heard += data
        return heard


#: What the attacker's certificate is for (signed by an authority that nobody trusts, or by the
#: cluster's for another name), or what it answers to who asks for TLS. Here the search ends.
ENDING = ["its address", "the contact", "another name", "no TLS"]
#: This is what a broken node might do: the next one is tried.
PASSED_OVER = ["asks for the password at once", "asks for the password in the clear", "an error"]


@pytest.fixture(scope="module")
def contexts(folder: Path, authority: Authority) -> dict[str, ssl.SSLContext]:
    """TLS of attackers, by whom their certificate is for."""
    other = Authority(folder, "other")
    issued = {
        "its address": other.issue("address", "IP:127.0.0.1"),
        "the contact": other.issue("contact", f"DNS:{CONTACT}", "IP:127.0.0.1"),
        "another name": authority.issue("another", "DNS:intranet.test", "IP:127.0.0.77"),
    }
    contexts = {}
    for name, (certificate, key) in issued.items():
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[name].load_cert_chain(certificate, key)
    return contexts


@pytest.fixture
def attacker(
    request: pytest.FixtureRequest,
    hostile: Callable[..., Any],
    contexts: dict[str, ssl.SSLContext],
) -> tuple[Attacker, int]:
    """An attacker, and the port at which it listens."""
    attacker = Attacker(request.param, contexts.get(request.param, contexts["its address"]))
    return attacker, hostile(attacker).port


def list_attacker(secure: SecureRig, port: int) -> None:
    """Have the nodes tell of the attacker, as the first of them."""
    rows = [secure.node(number)._row() for number in (1, 2, 3)]
    foreign = {**rows[0], "port": port, "uuid": "f" * 32, "zone": "d"}
    secure.cluster.publish([foreign, *rows])
    secure.known().refresh()


@pytest.mark.parametrize("certified", ["both"], indirect=True)
@pytest.mark.parametrize("attacker", ENDING + PASSED_OVER, indirect=True)
@pytest.mark.parametrize("tls_host", ["node", "contact"])
def test_a_node_of_an_attacker(
    secure: SecureRig, attacker: tuple[Attacker, int], tls_host: str
) -> None:
    """It is told nothing, and what works goes on working."""
    foreign, port = attacker
    before = secure.connect(3, yb_tls_host=tls_host)
    list_attacker(secure, port)

    # It has no connection, so it is chosen before all others.
    errors = secure.outcomes(3, yb_tls_host=tls_host)
    assert foreign.asked > 0
    foreign.check_heard()
    assert len(errors) == (3 if foreign.kind in ENDING else 0)
    assert all(f"port {port}" in error for error in errors)
    for conn in before:
        conn.execute("SELECT 1")

    # Set aside, it stands in nobody's way.
    secure.known().drain(("127.0.0.1", port))
    assert secure.outcomes(6 - len(secure.made) + 3, yb_tls_host=tls_host) == []
    secure.expect(3, 3, 3)
    foreign.check_heard()


@pytest.mark.parametrize("certified", ["both"], indirect=True)
@pytest.mark.parametrize("attacker", ENDING + PASSED_OVER, indirect=True)
def test_the_thread_behind_and_an_attacker(
    secure: SecureRig, attacker: tuple[Attacker, int]
) -> None:
    """When the node that it asks is gone it may ask any other, but not that one."""
    foreign, port = attacker
    (conn,) = secure.connect(1)
    list_attacker(secure, port)
    asked_of = secure.cluster.control_connections().index(1) + 1
    secure.node(asked_of).stop()
    secure.known().refresh()
    listed = {(status.host, status.port) for status in secure.known().nodes()}
    assert ("127.0.0.1", port) in listed
    secure.cluster.publish(secure.node(number)._row() for number in (1, 2, 3))
    secure.known().refresh()
    assert [status.is_listed for status in secure.known().nodes()].count(True) == 3
    foreign.check_heard()
    if conn.info.host not in (secure.node(asked_of).host, CONTACT):
        conn.execute("SELECT 1")


@pytest.mark.parametrize("certified", ["both"], indirect=True)
def test_an_attacker_alone(
    secure: SecureRig, hostile: Callable[..., Any], contexts: dict[str, ssl.SSLContext]
) -> None:
    """If all that a list names is an attacker's, connections go nowhere, not there."""
    foreign = Attacker("its address", contexts["its address"])
    port = hostile(foreign).port
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()[1]
    row = secure.node(1)._row()
    secure.cluster.publish(
        {**row, "port": place, "uuid": f"{place:032x}"} for place in (port, nobody)
    )
    for _ in range(4):
        with pytest.raises(psycoxide.OperationalError, match=f"port {port}"):
            secure.one()
    assert foreign.asked > 0
    foreign.check_heard()


@pytest.mark.parametrize("certified", ["both"], indirect=True)
@pytest.mark.parametrize("attacker", ["its address"], indirect=True)
def test_who_verifies_nothing_may_tell_an_attacker(
    secure: SecureRig, attacker: tuple[Attacker, int]
) -> None:
    """As documented: `require` encrypts, for whoever that is. And the tests above would see it."""
    foreign, port = attacker
    secure.connect(3)
    list_attacker(secure, port)
    secure.outcomes(1, sslmode="require", sslrootcert="/nowhere/root.crt", connect_timeout="2")
    wait_until(lambda: foreign.ended == foreign.asked > 0)
    assert any(GUARDED["user"].encode() in heard for heard in foreign.heard)
