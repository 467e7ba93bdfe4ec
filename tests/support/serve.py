"""Serves moto on a free port of this machine until standard input closes.

The test process holds the other end of standard input and never writes to it. However that process ends, the
kernel closes the pipe, so no server outlives its tests. Prints the port, once the server answers.
"""

import logging
import os
import sys

from moto.moto_server.threaded_moto_server import ThreadedMotoServer

# One line for each request would bury the tests' own words.
logging.getLogger("werkzeug").setLevel(logging.ERROR)

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.buffer.read()
os._exit(0)
