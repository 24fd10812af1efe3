"""What is served when nothing is configured: vendor keys, servers on this machine, packages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from experts.catalogue.expert import Expert
from experts.discovery.environment import key_of, vendor_experts
from experts.discovery.localhost import (
    LOCAL_SERVERS,
    LocalServer,
    Probe,
    http_probe,
    local_experts,
)
from experts.discovery.vendors import VENDORS
from experts.packaged import INTERPRETER, PACKAGED


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the start-up message.

    Args:
        found: Whether it is there.
        what: What was looked for, and what it offers.
    """

    found: bool
    what: str

    def __str__(self) -> str:
        return f"{'found' if self.found else 'not found'}: {self.what}"


@dataclass(frozen=True, slots=True)
class Discovery:
    """The experts to serve, and what was looked for."""

    experts: tuple[Expert, ...]
    findings: tuple[Finding, ...]


async def discover(
    environ: Mapping[str, str],
    *,
    probe: Probe = http_probe,
    servers: Sequence[LocalServer] = LOCAL_SERVERS,
    own_ports: Collection[int] = (),
) -> Discovery:
    """Look for experts.

    The interpreter is always among them; the packaged models are when there is no other.

    Args:
        environ: Environment variables, of which only the presence of keys is read.
        probe: Fetches a URL on this machine.
        servers: Programs to look for.
        own_ports: Ports of this service, which are not asked.
    """
    by_key = vendor_experts(environ)
    others = [server for server in servers if server.port not in own_ports]
    by_server = await local_experts(others, probe)
    found = [expert for group in (*by_key.values(), *by_server.values()) for expert in group]
    findings = [
        *_key_findings(environ, by_key),
        *(_server_finding(server, by_server.get(server)) for server in others),
    ]
    served = [*found, INTERPRETER] if found else list(PACKAGED)
    if not found:
        findings.append(Finding(found=True, what=f"packaged with the service: {_ids(PACKAGED)}"))
    unique = {expert.id: expert for expert in reversed(served)}
    return Discovery(tuple(reversed(unique.values())), tuple(findings))


def _key_findings(
    environ: Mapping[str, str], by_key: Mapping[str, Sequence[Expert]]
) -> list[Finding]:
    findings = [Finding(found=True, what=f"{key}: {_ids(by_key[key])}") for key in by_key]
    missing = [vendor.keys[0] for vendor in VENDORS if key_of(vendor, environ) is None]
    if missing:
        findings.append(Finding(found=False, what=", ".join(missing)))
    return findings


def _server_finding(server: LocalServer, experts: Sequence[Expert] | None) -> Finding:
    where = f"{server.name} on port {server.port}"
    return Finding(found=bool(experts), what=f"{where}: {_ids(experts)}" if experts else where)


def _ids(experts: Sequence[Expert]) -> str:
    return ", ".join(expert.id for expert in experts)
