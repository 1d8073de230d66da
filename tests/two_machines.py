"""What two processes on loopback are told, so that they train together as two machines."""

import json
import socket


def tf_configs() -> list[str]:
    """Return TF_CONFIG of each, the chief's first; the ports are free."""
    sockets = [socket.socket() for _ in range(2)]
    for opened in sockets:
        opened.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{opened.getsockname()[1]}" for opened in sockets]
    for opened in sockets:
        opened.close()
    tasks = [{"type": "worker", "index": index} for index in range(2)]
    return [json.dumps({"cluster": {"worker": addresses}, "task": task}) for task in tasks]
