"""Sends requests with httpx and prints each answer as a line of JSON.

Arguments: URL, token, number of requests, HTTP version (1.1 or 2), file of the trusted
certificate; then one more request goes without the token.
"""

import json
import ssl
import sys

import httpx

url, token, count, version, ca_file = sys.argv[1:]


def show(response: httpx.Response) -> None:
    answer = {
        "status": response.status_code,
        "version": response.http_version,
        "headers": dict(response.headers),
        "body": response.text,
    }
    print(json.dumps(answer))


with httpx.Client(
    http1=version == "1.1",
    http2=version == "2",
    verify=ssl.create_default_context(cafile=ca_file),
    timeout=60,
    trust_env=False,
) as client:
    for _ in range(int(count)):
        show(client.get(url, headers={"authorization": f"Bearer {token}"}))
    show(client.get(url))
