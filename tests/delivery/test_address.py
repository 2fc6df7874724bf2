import ipaddress
import socket
import threading

import pytest

from chalicelib.delivery.address import AddressGuard, is_public
from chalicelib.delivery.classification import Deferred, Discarded

PUBLIC = ["8.8.8.8", "93.184.215.14", "2606:2800:220:1::1", "64:ff9b::808:808", "::ffff:8.8.8.8", "2002:808:808::1"]
PRIVATE = ["127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1"]
CARRIED = ["::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "64:ff9b::a00:1", "2002:c0a8:101::1"]
NEVER = [
    "0.0.0.0",
    "169.254.169.254",
    "169.254.170.2",
    "168.63.129.16",
    "100.100.100.200",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "::",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
    "fd00:ec2::254",
    "2001:db8::1",
    "2001::1",
    "::7f00:1",
    "64:ff9b:1::7f00:1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
]


def guard(*answers, allow_private=False):
    return AddressGuard(allow_private, lambda host, port: list(answers))


def addresses(guard, private=False, timeout=5.0):
    return guard.addresses("host.example", 443, private=private, timeout=timeout)


@pytest.mark.parametrize("text", PUBLIC)
def test_the_open_internet_is_allowed(text):
    assert is_public(ipaddress.ip_address(text))
    assert addresses(guard(text)) == [text]


@pytest.mark.parametrize("text", [*PRIVATE, *CARRIED])
@pytest.mark.parametrize(("installation", "owner"), [(False, False), (False, True), (True, False)])
def test_private_addresses_need_both_the_installation_and_the_owner(text, installation, owner):
    with pytest.raises(Discarded) as caught:
        addresses(guard(text, allow_private=installation), private=owner)
    assert caught.value.code == "INVALID_SETTINGS"
    assert text not in str(caught.value) + caught.value.detail


@pytest.mark.parametrize("text", [*PRIVATE, *CARRIED])
def test_private_addresses_with_both(text):
    assert addresses(guard(text, allow_private=True), private=True) == [text]


@pytest.mark.parametrize("text", NEVER)
def test_some_addresses_are_refused_whatever_is_set(text):
    with pytest.raises(Discarded):
        addresses(guard(text, allow_private=True), private=True)


def test_only_the_allowed_ones_of_a_mixed_answer_are_left():
    assert addresses(guard("10.0.0.1", "8.8.8.8", "nonsense", "169.254.169.254", "1.1.1.1")) == ["8.8.8.8", "1.1.1.1"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (socket.gaierror(socket.EAI_NONAME, "no"), "ENOTFOUND"),
        (socket.gaierror(socket.EAI_AGAIN, "later"), "EAI_AGAIN"),
        (UnicodeError("label too long"), "ENOTFOUND"),
        (OSError("broken"), "ENOTFOUND"),
    ],
)
def test_a_name_that_does_not_resolve_may_do_so_later(error, code):
    def fail(host, port):
        raise error

    with pytest.raises(Deferred) as caught:
        addresses(AddressGuard(resolve=fail))
    assert caught.value.code == code


def test_an_empty_answer_is_no_answer():
    with pytest.raises(Deferred) as caught:
        addresses(guard())
    assert caught.value.code == "ENOTFOUND"


def test_a_resolver_that_hangs_is_not_waited_for():
    answer = threading.Event()

    def hang(host, port):
        answer.wait(20)
        return ["8.8.8.8"]

    with pytest.raises(Deferred) as caught:
        addresses(AddressGuard(resolve=hang), timeout=0.05)
    answer.set()
    assert caught.value.code == "ETIMEDOUT"


def test_odd_spellings_of_loopback_are_seen_through():
    for host in ("127.1", "2130706433", "0x7f.0.0.1", "localhost"):
        with pytest.raises(Discarded):
            AddressGuard().addresses(host, 80, private=False, timeout=5)
