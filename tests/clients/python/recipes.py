"""How receivers check what Waypost delivers: each provider's recipe, written from its description
with Python's own hmac, and the Standard Webhooks library beside them.

    python recipes.py requests    a file of them, one JSON object a line:
                                  {"scheme", "secret", "headers", "body"}

Every request must pass every recipe of its scheme, and none with one byte changed.
"""

import hashlib
import hmac
import json
import re
import sys
import time

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

TOLERANCE_S = 300


def digest(secret, signed):
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def fresh(timestamp):
    return abs(time.time() - int(timestamp)) <= TOLERANCE_S


def posthawk(headers, body, secret):
    expected = "sha256=" + digest(secret, body)
    return hmac.compare_digest(headers["x-posthawk-signature"], expected)


def timed(header):
    def accepts(headers, body, secret):
        parts = [part.split("=", 1) for part in headers[header].split(",")]
        timestamp = next(value for name, value in parts if name == "t")
        expected = digest(secret, timestamp.encode() + b"." + body)
        given = [value for name, value in parts if name == "v1"]
        return fresh(timestamp) and any(hmac.compare_digest(one, expected) for one in given)

    return accepts


def posthawk_timestamped(headers, body, secret):
    named = headers["x-posthawk-signature"].startswith(f"t={headers['x-posthawk-timestamp']},")
    return named and timed("x-posthawk-signature")(headers, body, secret)


def mailstack_raw(headers, body, secret):
    return hmac.compare_digest(headers["x-mailstack-signature"], digest(secret, body))


def standard_webhooks(headers, body, secret):
    try:
        Webhook(secret).verify(body, headers)
        return True
    except WebhookVerificationError:
        return False


def wistfare(headers, body, secret):
    return hmac.compare_digest(headers["wistmail-signature"], digest(secret, body))


def wistfare_prefixed(headers, body, secret):
    expected = "sha256=" + digest(secret, body)
    return hmac.compare_digest(headers["x-webhook-signature"], expected)


def mailgun(headers, body, secret):
    parts = json.loads(body)["signature"]
    expected = digest(secret, (parts["timestamp"] + parts["token"]).encode())
    return fresh(parts["timestamp"]) and hmac.compare_digest(parts["signature"], expected)


RECIPES = {
    "mailgun": [mailgun],
    "posthawk": [posthawk],
    "posthawk-timestamped": [posthawk_timestamped],
    "mailstack": [timed("x-mailstack-signature"), standard_webhooks],
    "mailstack-raw": [mailstack_raw],
    "wistfare": [wistfare, wistfare_prefixed],
    "mailingapi": [timed("x-mailingapi-signature")],
}


def changed(body):
    """One byte changed that leaves JSON JSON; in Mailgun's body it is the token's."""
    flip = lambda found: b"1" if found.group() == b"0" else b"0"  # noqa: E731
    other = re.sub(rb'[a-z0-9](?="[,}\]])', flip, body, count=1)
    assert len(other) == len(body) and other != body
    return other


with open(sys.argv[1], encoding="utf-8") as requests:
    for line in requests:
        request = json.loads(line)
        headers, secret = request["headers"], request["secret"]
        body = request["body"].encode()
        other = secret[:-1] + ("E" if secret.endswith("A") else "A")
        for accepts in RECIPES[request["scheme"]]:
            assert accepts(headers, body, secret), ("refuses", accepts.__name__, line)
            assert not accepts(headers, changed(body), secret), ("takes", accepts.__name__, line)
            assert not accepts(headers, body, other), ("takes", accepts.__name__, line)
