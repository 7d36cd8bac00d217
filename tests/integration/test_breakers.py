# SPDX-License-Identifier: ISC
"""What failed is left alone for a while, and nothing else is."""

import subprocess

import pytest

from servers.host import Host
from servers.place import Place

BOB, EVE = "bob@example.net", "eve@example.net"
NOBODY_LISTENS = 1  # a port

WITHOUT_NETWORK = ("unshare", "--net")
has_networks = subprocess.run([*WITHOUT_NETWORK, "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def host():
    with Host() as made:
        yield made


def breakers(place):
    """The files in which failures are kept."""
    return sorted(path.name for path in (place.queue / "run" / "breakers").glob("breaker-*"))


def takers(host):
    """Who has got a message."""
    return [to for arrival in host.arrivals for to in arrival.recipients]


def failed(place, *args, **options):
    """Sends a message that has to wait; the words of its failure."""
    result = place.send("-odi", *args, **options)
    assert result.status == 0, str(result)
    return place.log()[-1]


@pytest.mark.skipif(not has_networks, reason="there can be no network of our own")
@pytest.mark.parametrize("server", ["{server}", "server smtps://mail.example.org"], ids=["address", "name"])
def test_caller_without_a_network(host, tmp_path, server):
    """It finds no way to any server, and that is nobody else's trouble."""
    with Place(tmp_path, server.format(server=host.config) + "\nretry 1h\n") as place:
        line = failed(place, BOB, wrapper=WITHOUT_NETWORK)
        assert line["result"] == "queued", line
        assert breakers(place) == []
        place.end()
        if server == "{server}":
            assert place.send("-odi", EVE).status == 0
            assert EVE in takers(host)


WAYS = {
    "proxy": f"proxy socks5://127.0.0.1:{NOBODY_LISTENS}",
    "command": "tunnel_command exit 0",
    "address": "source_ip 127.0.0.9",
}


@pytest.mark.parametrize("way", WAYS)
def test_dead_way_of_another_account(host, tmp_path, way):
    """The server is the same one: who goes straight to it is not held up."""
    config = f"account other\n{host.config}{WAYS[way]}\nretry 1h\naccount default\n{host.config}retry 1h\n"
    with Place(tmp_path, config) as place:
        # An address that the server does not like.
        host.replies["GREETING"] = "421 4.3.2 not you" if way == "address" else None
        failed(place, "-a", "other", BOB)
        host.replies.clear()
        assert len(breakers(place)) == 1
        place.end()
        assert place.send("-odi", EVE).status == 0
        assert takers(host) == [EVE]
        # It is left alone by itself.
        before = len(breakers(place))
        failed(place, "-a", "other", BOB)
        assert takers(host) == [EVE] and len(breakers(place)) == before == 1


def test_address_that_is_not_ours(host, tmp_path):
    """No server is to blame for it."""
    with Place(tmp_path, f"{host.config}source_ip 192.0.2.1\nretry 1h\n") as place:
        failed(place, BOB)
        assert breakers(place) == []
