"""Hashes with Python's hashlib: a second opinion that shares no line with saltlake.

Reads one JSON object a line, {"method": ..., "value": hex, "key": hex}, and prints one digest a line.
"""

import hashlib
import hmac
import json
import sys

for line in sys.stdin:
    request = json.loads(line)
    value, key = bytes.fromhex(request["value"]), bytes.fromhex(request["key"])
    if request["method"] == "salt":
        print(hashlib.sha256(value + key).hexdigest())
    elif request["method"] == "hmac":
        print(hmac.new(key, value, hashlib.sha256).hexdigest())
    else:
        sys.exit(f"no such method: {request['method']}")
