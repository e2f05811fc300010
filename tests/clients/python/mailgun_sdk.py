"""The vendor's Python client, unchanged but for the base URL.

    python mailgun_sdk.py sync|async

Both clients have the same calls; the story is told once and awaits what can be awaited.
"""

import asyncio
import inspect
import os
import sys

from mailgun.client import AsyncClient, Client

URL = os.environ["WAYPOST_URL"]
KEY = os.environ["WAYPOST_API_KEY"]
ONE = "https://one.example.com/hooks?a=1&b=2"
TWO = "https://user:p%40ss@two.example.com:8443/Hooks/"


async def answer(pending, status=200):
    """The JSON body of a response, once it is there and has the expected status."""
    response = await pending if inspect.isawaitable(pending) else pending
    assert response.status_code == status, (response.url, response.status_code, response.text)
    return response.json() if response.text else None


async def truth(pending):
    return await pending if inspect.isawaitable(pending) else pending


async def domains(client, domain):
    created = await answer(client.domains.create(data={"name": domain, "wildcard": True}))
    assert created["message"] == "Domain DNS records have been created", created
    assert created["domain"]["name"] == domain, created
    assert created["domain"]["wildcard"] is True, created

    for listing in (client.domains, client.domainlist):
        listed = await answer(listing.get())
        assert domain in [item["name"] for item in listed["items"]], listed
    assert (await answer(client.domains.get(domain=domain)))["domain"]["name"] == domain

    updated = await answer(client.domains.put(domain=domain, data={"web_scheme": "https"}))
    assert updated["message"] == "Domain has been updated", updated
    assert updated["domain"]["web_scheme"] == "https", updated
    verified = await answer(client.domains.put(domain=domain, verify=True))
    assert verified["message"] == "Domain DNS records have been updated", verified

    tracking = await answer(client.domains_tracking.get(domain=domain))
    assert set(tracking["tracking"]) >= {"open", "click", "unsubscribe"}, tracking


async def webhooks_by_event(client, domain):
    hooks = client.domains_webhooks
    assert await answer(hooks.get(domain=domain)) == {"webhooks": {}}

    created = await answer(hooks.create(domain=domain, data={"id": "clicked", "url": [ONE, TWO]}))
    webhook = {"urls": [ONE, TWO]}
    assert created == {"message": "Webhook has been created", "webhook": webhook}, created
    taken = await answer(hooks.create(domain=domain, data={"id": "clicked", "url": [ONE]}), 400)
    assert taken == {"message": "Webhook already exists"}, taken

    one = await answer(hooks.get(domain=domain, webhook_name="clicked"))
    assert one == {"webhook": webhook}, one
    every = await answer(hooks.get(domain=domain))
    assert every == {"webhooks": {"clicked": webhook}}, every

    data = {"url": [TWO]}
    updated = await answer(hooks.put(domain=domain, webhook_name="clicked", data=data))
    assert updated == {"message": "Webhook has been updated", "webhook": {"urls": [TWO]}}, updated
    deleted = await answer(hooks.delete(domain=domain, webhook_name="clicked"))
    assert deleted == {"message": "Webhook has been deleted", "webhook": {"urls": [TWO]}}, deleted
    await answer(hooks.get(domain=domain, webhook_name="clicked"), 404)


async def webhooks_by_url(client, domain):
    """Mailgun's v4, which this client calls as soon as it sees `event_types`."""
    hooks = client.domains_webhooks
    data = {"url": ONE, "event_types": ["clicked", "opened"]}
    created = await answer(hooks.create(domain=domain, data=data))
    assert created["webhooks"] == {"opened": {"urls": [ONE]}, "clicked": {"urls": [ONE]}}, created

    data = {"url": ONE, "event_types": ["delivered"]}
    updated = await answer(hooks.put(domain=domain, data=data))
    assert updated["webhooks"] == {"delivered": {"urls": [ONE]}}, updated

    deleted = await answer(hooks.delete(domain=domain, filters={"url": ONE}))
    assert deleted == {"webhooks": {}}, deleted


async def webhooks_of_the_account(client):
    hooks = client.account_webhooks
    data = {"url": TWO, "event_types": ["delivered", "opened"], "description": "everything"}
    created = await answer(hooks.create(data=data))
    webhook_id = created["webhook_id"]

    listed = await answer(hooks.get())
    assert webhook_id in [item["webhook_id"] for item in listed["webhooks"]], listed
    one = await answer(hooks.get(webhook_id=webhook_id))
    assert (one["url"], one["event_types"]) == (TWO, ["delivered", "opened"]), one

    await answer(hooks.put(webhook_id=webhook_id, data={"url": ONE, "event_types": "opened"}), 204)
    one = await answer(hooks.get(webhook_id=webhook_id))
    assert (one["url"], one["event_types"]) == (ONE, ["opened"]), one
    await answer(hooks.delete(webhook_id=webhook_id), 204)
    await answer(hooks.get(webhook_id=webhook_id), 404)


async def credentials(client, domain):
    logins = client.domains_credentials
    listed = await answer(logins.get(domain=domain))
    assert [item["login"] for item in listed["items"]] == [f"postmaster@{domain}"], listed

    data = {"password": "not kept anywhere"}
    changed = await answer(logins.put(domain=domain, login="postmaster", data=data))
    assert changed == {"message": "Password changed"}, changed
    refused = await answer(logins.delete(domain=domain, login="postmaster"), 400)
    assert refused == {"message": f"Cannot delete system mailbox: postmaster@{domain}"}, refused

    made = await answer(logins.create(domain=domain, data={"login": "bob"}))
    assert set(made["credentials"]) == {f"bob@{domain}"}, made
    await answer(logins.delete(domain=domain, login="bob"))


async def sending(client, domain):
    """What belongs to sending mail: there is none of it, and none can be made."""
    data = {"signing_domain": domain, "selector": "s1"}
    keys = await answer(client.dkim_keys.get(data={"page": "", "limit": "0"}))
    assert keys["items"] == [] and keys["paging"]["next"].startswith("http"), keys
    assert await answer(client.domains_keys.get(domain=domain)) == {"items": []}
    refused = await answer(client.dkim_keys.create(data=data), 400)
    assert "neither signs nor sends mail" in refused["message"], refused

    for suppressions in (client.bounces, client.complaints, client.unsubscribes, client.whitelists):
        page = await answer(suppressions.get(domain=domain))
        assert page["items"] == [] and "page=next" in page["paging"]["next"], page
        refused = await answer(suppressions.create(domain=domain, data={"address": "a@b.io"}), 400)
        assert "neither signs nor sends mail" in refused["message"], refused
    absent = await answer(client.bounces.get(domain=domain, bounce_address="a@b.io"), 404)
    assert absent == {"message": "Address not found in bounces table"}, absent
    absent = await answer(client.x509_status.get(domain=domain), 404)
    assert absent["message"].startswith("Please initiate x509 key pair generation"), absent


async def story(client, domain):
    assert await truth(client.ping())
    signing_key = await answer(client.accounts_http_signing_key.get())
    assert len(signing_key["http_signing_key"]) >= 32

    await domains(client, domain)
    await webhooks_by_event(client, domain)
    await webhooks_by_url(client, domain)
    await webhooks_of_the_account(client)
    await credentials(client, domain)
    await sending(client, domain)

    deleted = await answer(client.domains.delete(domain=domain))
    assert deleted["message"].startswith("Domain will be deleted"), deleted
    await answer(client.domains.get(domain=domain), 404)


async def main(flavour):
    if flavour == "sync":
        with Client(auth=("api", "no"), api_url=URL) as stranger:
            assert not stranger.ping()
        with Client(auth=("api", KEY), api_url=URL) as client:
            await story(client, "sync.example.com")
    else:
        async with AsyncClient(auth=("api", "no"), api_url=URL) as stranger:
            assert not await stranger.ping()
        async with AsyncClient(auth=("api", KEY), api_url=URL) as client:
            await story(client, "async.example.com")


asyncio.run(main(sys.argv[1]))
