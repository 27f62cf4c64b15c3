"""Datagrams to a container and back."""

from __future__ import annotations

from .host import Host


def echo_udp(host: Host, container: str) -> None:
    """Serve on port 53 of a container: the image has nothing that does so by UDP."""
    script = (
        "import socket\n"
        "s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 53))\n"
        "while True: s.sendto(*s.recvfrom(99))\n"
    )
    pid = host.docker("inspect", "-f", "{{.State.Pid}}", container)
    host.popen("nsenter", "-t", pid, "-n", host.program, "-c", script)


def ask_by_udp(host: Host, address: str, port: int) -> str:
    """What comes back of a datagram that is sent until something does."""
    script = (
        "import socket, sys\n"
        "s = socket.socket(type=socket.SOCK_DGRAM); s.settimeout(0.5)\n"
        "s.connect((sys.argv[1], int(sys.argv[2])))\n"
        "for _ in range(20):\n"
        "    s.send(b'hello')\n"
        "    try: print(s.recv(99).decode()); break\n"
        "    except OSError: pass\n"
    )
    return host.run(host.program, "-c", script, address, str(port)).stdout.strip()
