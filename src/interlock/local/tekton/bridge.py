"""Inside a sandbox: the addresses a step may reach, on its own loopback.

``python -I -S bridge.py HOST:PORT=SOCKET... -- COMMAND...`` listens on 127.0.0.1:PORT, becomes COMMAND, and leaves a
child that carries each connection to the engine's unix socket, which forwards to that one address. The child ends
with the sandbox. Standard library only, and little of it: this runs before every step that has a network.
"""

import os
import selectors
import socket
import sys

CHUNK = 64 * 1024


def listen(address: str) -> socket.socket:
    """A listening socket on the loopback port of ``host:port``."""
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", int(address.rpartition(":")[2])))
    server.listen(128)
    server.setblocking(False)
    return server


def carry(servers: dict[socket.socket, str]) -> None:
    """Move bytes between accepted connections and the sockets, for ever. ``servers``: listening socket -> path."""
    selector = selectors.DefaultSelector()
    for server in servers:
        selector.register(server, selectors.EVENT_READ, None)
    while True:
        for key, _ in selector.select():
            source = key.fileobj
            if not isinstance(source, socket.socket) or source.fileno() < 0:
                continue
            if key.data is None:
                accept(source, servers[source], selector)
            else:
                move(source, key.data, selector)


def accept(server: socket.socket, path: str, selector: selectors.BaseSelector) -> None:
    try:
        inner, _ = server.accept()
    except OSError:
        return
    outer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        outer.connect(path)
    except OSError:
        inner.close()
        outer.close()
        return
    selector.register(inner, selectors.EVENT_READ, outer)
    selector.register(outer, selectors.EVENT_READ, inner)


def move(source: socket.socket, target: socket.socket, selector: selectors.BaseSelector) -> None:
    """One chunk; at the end of one direction the other may go on."""
    data: bytes | None
    try:
        data = source.recv(CHUNK)
        if data:
            target.sendall(data)
            return
        target.shutdown(socket.SHUT_WR)
    except OSError:
        data = None
    selector.unregister(source)
    if data is None or target not in selector.get_map():
        if target in selector.get_map():
            selector.unregister(target)
        source.close()
        target.close()


def main() -> None:
    split = sys.argv.index("--")
    servers = {}
    for argument in sys.argv[1:split]:
        address, _, path = argument.partition("=")
        servers[listen(address)] = path
    if os.fork() == 0:
        # The log's pipe must end with the step, not with this child.
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        carry(servers)
    for server in servers:
        server.close()
    command = sys.argv[split + 1 :]
    try:
        os.execvp(command[0], command)  # noqa: S606 - becoming the step's command is the purpose
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
