"""A TCP proxy that passes on, hangs, or refuses: for a database and a store that go away."""

import contextlib
import select
import socket
import threading
import time


class Proxy:
    """To a port of this machine, from a port of its own, `port`."""

    def __init__(self, target: int):
        self.target, self.port, self.hangs = target, 0, False
        self.listener, self.open = None, set()
        self.restore()

    def restore(self):
        """Passes on, on the same port as before."""
        self.hangs = False
        if self.listener:
            return
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def hang(self):
        """Nothing comes through, and no connection ends."""
        self.hangs = True

    def refuse(self):
        """Ends all connections and takes no others."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.listener = None
        for end in [end for pair in list(self.open) for end in pair]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.pass_on, args=(connection,), daemon=True).start()

    def pass_on(self, connection):
        try:
            pair = (connection, socket.create_connection(("127.0.0.1", self.target)))
        except OSError:
            return connection.close()
        self.open.add(pair)
        with contextlib.suppress(OSError, ValueError):
            while self.step(pair):
                pass
        self.open.discard(pair)
        for end in pair:
            end.close()

    def step(self, pair) -> bool:
        """Passes on what has come; false once an end has ended."""
        ready = [] if self.hangs else select.select(pair, [], [], 0.1)[0]
        if self.hangs:
            time.sleep(0.05)
            return True
        for end in ready:
            data = end.recv(65536)
            if not data:
                return False
            pair[end is pair[0]].sendall(data)
        return True
