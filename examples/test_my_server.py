"""A test of a configuration: no network, no waiting. Run it with C{pytest examples/test_my_server.py}."""

from pathlib import Path

from mailframe.config_file import load
from mailframe.testing.world import World

LOGIN = ("ann@example.org", "secret")


def test_people_hear_of_mail_that_does_not_get_through() -> None:
    with World(seed=1) as world:
        world.start(load(Path(__file__).with_name("full_server.py")))  # data and certificates are the world's own
        world.add_account(*LOGIN)
        world.dns["example.net"] = {"MX": [(10, "mx.example.net")]}
        world.dns["mx.example.net"] = {"A": ["192.0.2.99"]}  # where nobody answers
        world.send("ann@example.org", ["bob@example.net"], "Subject: hello", to="mx.example.org", login=LOGIN)
        world.advance(hours=5)
        [notice] = world.mailbox("ann@example.org")
        assert notice.subject == "Your message is not delivered yet"
        world.advance(days=5)
        assert "no answer within 30 seconds" in " ".join(world.mailbox("ann@example.org")[1].text.split())
