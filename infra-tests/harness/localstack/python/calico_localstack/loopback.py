"""LocalStack listens on every interface whatever host GATEWAY_LISTEN names; here it listens where it should."""

import os


def bind_gateway_to_loopback() -> None:
    """Makes every IPv4 endpoint that is opened from now on listen on CALICO_BIND, when that is set."""
    host = os.environ.get("CALICO_BIND")
    if not host:
        return
    from twisted.internet import endpoints

    original = endpoints.TCP4ServerEndpoint

    def bound(reactor, port, backlog=50, interface=""):
        return original(reactor, port, backlog=backlog, interface=interface or host)

    endpoints.TCP4ServerEndpoint = bound
