"""A worker process that does as a real one until it serves, and then as its environment says.

It writes its process id and number to the file ``TOLD``. ``LIVES``: seconds until it ends by itself.
"""

import os
import socket
import sys
import time
from pathlib import Path

from orchestrator.kit.started import Started
from orchestrator.serving.messages import GO, begin_of, said

supervisor = socket.socket(fileno=0)
lines = supervisor.makefile("rb")
member = begin_of(lines.readline()).member
with Path(os.environ["TOLD"]).open("a") as file:
    file.write(f"{member.number} {os.getpid()}\n")
if lines.readline() == GO:
    supervisor.sendall(said(Started("http://here", None, (), ("one",), "router-1", 0.0)))
    time.sleep(float(os.environ["LIVES"]))
    sys.exit(3)
