"""Which addresses a request may go to. A host is resolved here, and only what was checked here is connected to."""

import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence

from .classification import EAI_AGAIN, ENOTFOUND, ETIMEDOUT, INVALID_SETTINGS, Discarded, Undelivered, no_answer

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOOPBACK_AND_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7"),
    )
)
# Where clouds hand credentials to their machines. The link-local ones are refused anyway.
_METADATA = frozenset(
    map(ipaddress.ip_address, ("169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200"))
)


def system_resolve(host: str, port: int) -> list[str]:
    """The machine's resolver. Raises OSError or UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: Address) -> bool:
    """Whether it lies in the open internet, also by what an IPv6 address carries inside."""
    address = _carried(address)
    if address in _METADATA or address.is_multicast or not address.is_global:
        return False
    return address.version == 4 or address in _GLOBAL_UNICAST


def is_private(address: Address) -> bool:
    """Loopback and private networks: what an installation may open. Link-local and metadata never are."""
    address = _carried(address)
    return address not in _METADATA and any(
        address in network for network in _LOOPBACK_AND_PRIVATE if network.version == address.version
    )


def _carried(address: Address) -> Address:
    """The IPv4 address inside a mapped, translated (NAT64) or tunnelled (6to4) one."""
    if address.version == 4:
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


class AddressGuard:
    """`allow_private` is the installation's switch; a request must ask for it as well."""

    def __init__(self, allow_private: bool = False, resolve: Resolve = system_resolve) -> None:
        self._allow_private, self._resolve = allow_private, resolve

    def addresses(self, host: str, port: int, *, private: bool, timeout: float) -> list[str]:
        """Those of the host's addresses that may be connected to. Raises Undelivered when there are none."""
        found = self._resolved(host, port, timeout)
        allowed = [text for text in found if self._permits(text, private)]
        if not allowed:
            raise Discarded(INVALID_SETTINGS, "the address is private, and private addresses are not allowed")
        return allowed

    def _permits(self, text: str, private: bool) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return is_public(address) or (private and self._allow_private and is_private(address))

    def _resolved(self, host: str, port: int, timeout: float) -> Sequence[str]:
        """The resolver knows no timeout of its own, so it is waited for from outside."""
        answers: list[Sequence[str] | Undelivered] = []

        def ask() -> None:
            answers.append(_asked(self._resolve, host, port))

        thread = threading.Thread(target=ask, daemon=True, name="resolve")
        thread.start()
        thread.join(timeout)
        answer = next(iter(answers), no_answer(ETIMEDOUT, "the name was not resolved in time"))
        if isinstance(answer, Undelivered):
            raise answer
        return answer


def _asked(resolve: Resolve, host: str, port: int) -> Sequence[str] | Undelivered:
    try:
        return resolve(host, port) or no_answer(ENOTFOUND)
    except socket.gaierror as error:
        return no_answer(EAI_AGAIN if error.errno == socket.EAI_AGAIN else ENOTFOUND)
    except (OSError, UnicodeError):
        return no_answer(ENOTFOUND)
