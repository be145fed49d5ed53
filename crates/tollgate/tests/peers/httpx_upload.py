"""Uploads with httpx and prints each status, or what went wrong, as a line of JSON.

Arguments: URL, token, size of the body, number of uploads, HTTP version (1.1 or 2), file of the
trusted certificate.
"""

import json
import ssl
import sys

import httpx

url, token, size, count, version, ca_file = sys.argv[1:]

with httpx.Client(
    http1=version == "1.1",
    http2=version == "2",
    verify=ssl.create_default_context(cafile=ca_file),
    headers={"authorization": f"Bearer {token}"},
    timeout=60,
    trust_env=False,
) as client:
    for _ in range(int(count)):
        try:
            print(client.put(url, content=bytes(int(size))).status_code)
        except httpx.HTTPError as error:
            print(json.dumps(repr(error)))
