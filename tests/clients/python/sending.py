"""The vendor's Python client with one base URL: sends a message and manages webhooks.

    python sending.py sync|async

The message goes to whatever stands behind Waypost; its answer must come back as the client's own.
"""

import asyncio
import inspect
import os
import sys

from mailgun.client import AsyncClient, Client

URL = os.environ["WAYPOST_URL"]
KEY = os.environ["WAYPOST_API_KEY"]
DOMAIN = "example.com"
HOOK = "https://one.example.com/hooks"


async def answer(pending):
    response = await pending if inspect.isawaitable(pending) else pending
    assert response.status_code == 200, (response.url, response.status_code, response.text)
    return response.json()


async def story(client):
    await answer(client.domains.create(data={"name": DOMAIN}))
    hooks = client.domains_webhooks
    await answer(hooks.create(domain=DOMAIN, data={"id": "delivered", "url": [HOOK]}))

    data = {
        "from": "me@example.com",
        "to": ["ada@example.net", "bob@example.net"],
        "subject": "Hi",
        "text": "Look",
    }
    files = [("attachment", ("report.txt", b"what is attached"))]
    sent = await answer(client.messages.create(domain=DOMAIN, data=data, files=files))
    assert sent == {"id": "<1@example.com>", "message": "Queued. Thank you."}, sent

    listed = await answer(hooks.get(domain=DOMAIN))
    assert listed == {"webhooks": {"delivered": {"urls": [HOOK]}}}, listed
    await answer(hooks.delete(domain=DOMAIN, webhook_name="delivered"))


async def main(flavour):
    if flavour == "sync":
        with Client(auth=("api", KEY), api_url=URL) as client:
            await story(client)
    else:
        async with AsyncClient(auth=("api", KEY), api_url=URL) as client:
            await story(client)


asyncio.run(main(sys.argv[1]))
