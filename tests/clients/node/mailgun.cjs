// mailgun.js, the vendor's current client, unchanged but for the base URL.
//
//   node mailgun.cjs form-data|native|fetch
//
// The three ways it can talk differ on the wire: boundary, header case, who encodes the body.
'use strict';

const assert = require('node:assert/strict');
const Mailgun = require('mailgun.js');
const { WAYPOST_URL: url, WAYPOST_API_KEY: key } = process.env;

const transports = {
  'form-data': () => new Mailgun(require('form-data')).client({ username: 'api', key, url }),
  native: () => new Mailgun(FormData).client({ username: 'api', key, url }),
  fetch: () => new Mailgun(FormData).client({ username: 'api', key, url, useFetch: true }),
};

// What the client throws for an answer that is no success.
async function refused(call, status, message) {
  await assert.rejects(call, (error) => {
    assert.equal(error.status, status);
    assert.equal(error.details, message);
    return true;
  });
}

async function domains(mg, domain) {
  const created = await mg.domains.create({ name: domain, wildcard: true });
  assert.equal(created.name, domain);
  assert.equal(created.wildcard, true);
  assert.ok(!Number.isNaN(Date.parse(created.created_at)), created.created_at);
  assert.ok(Array.isArray(created.receiving_dns_records));

  const listed = await mg.domains.list();
  assert.ok(listed.some(({ name }) => name === domain));
  assert.equal((await mg.domains.get(domain)).name, domain);

  const updated = await mg.domains.update(domain, { web_scheme: 'https' });
  assert.equal(updated.web_scheme, 'https');
  assert.equal((await mg.domains.get(domain)).web_scheme, 'https');
  assert.equal((await mg.domains.verify(domain)).name, domain);

  const tracking = await mg.domains.domainTracking.getTracking(domain);
  assert.equal(typeof tracking.open.active, 'boolean');
}

async function webhooks(mg, domain) {
  const one = 'https://one.example.com/hooks?a=1&b=2';
  const two = 'https://user:p%40ss@two.example.com:8443/Hooks/';
  assert.deepEqual(await mg.webhooks.list(domain), {});

  const created = await mg.webhooks.create(domain, 'clicked', one);
  assert.deepEqual({ ...created }, { id: 'clicked', url: one, urls: [one] });
  await refused(() => mg.webhooks.create(domain, 'clicked', two), 400, 'Webhook already exists');

  const several = await mg.webhooks.create(domain, 'delivered', [two, one]);
  assert.deepEqual(several.urls, [two, one]);
  assert.deepEqual((await mg.webhooks.get(domain, 'delivered')).urls, [two, one]);

  // The client's own enumeration still spells this event the old way.
  const { WebhooksIds } = require('mailgun.js/definitions').Enums;
  assert.equal(WebhooksIds.UNSUBSCRIBED, 'unsubscribe');
  await mg.webhooks.create(domain, WebhooksIds.UNSUBSCRIBED, one);
  assert.deepEqual((await mg.webhooks.get(domain, WebhooksIds.UNSUBSCRIBED)).urls, [one]);

  const updated = await mg.webhooks.update(domain, 'clicked', [two, one]);
  assert.deepEqual(updated.urls, [two, one]);
  assert.deepEqual((await mg.webhooks.update(domain, 'clicked', two)).urls, [two]);

  assert.deepEqual(await mg.webhooks.list(domain, { limit: 10 }), {
    delivered: { urls: [two, one] },
    clicked: { urls: [two] },
    unsubscribed: { urls: [one] },
  });

  const destroyed = await mg.webhooks.destroy(domain, 'delivered');
  assert.deepEqual(destroyed.urls, [two, one]);
  await refused(() => mg.webhooks.get(domain, 'delivered'), 404, 'Webhook not found');
}

async function domainSettings(mg, domain) {
  const { message } = await mg.domains.updateConnection(domain, { require_tls: true });
  assert.match(message, /^Domain connection settings have been updated/);
  const settings = await mg.domains.getConnection(domain);
  assert.equal(settings.require_tls, true);
  assert.deepEqual(settings.connection, { require_tls: true, skip_verification: false });

  const authority = await mg.domains.domainKeys.updateDKIMAuthority(domain, { self: 'true' });
  assert.equal(authority.changed, true);
  const selector = await mg.domains.domainKeys.updateDKIMSelector(domain, { dkimSelector: 's2' });
  assert.equal(selector.message, 'DKIM selector changed');
  const prefix = await mg.domains.updateWebPrefix(domain, { webPrefix: 'links' });
  assert.equal(prefix.body.message, 'Domain web prefix updated');
}

async function credentials(mg, domain) {
  const logins = mg.domains.domainCredentials;
  const password = 'not kept anywhere';
  const first = await logins.list(domain);
  assert.deepEqual(first.items.map(({ login }) => login), [`postmaster@${domain}`]);
  assert.ok(!Number.isNaN(Date.parse(first.items[0].created_at)), first.items[0].created_at);

  assert.equal((await logins.update(domain, 'postmaster', { password })).message, 'Password changed');
  const undeletable = `Cannot delete system mailbox: postmaster@${domain}`;
  await refused(() => logins.destroy(domain, `postmaster@${domain}`), 400, undeletable);
  await logins.create(domain, { login: 'bob', password });
  assert.equal((await logins.list(domain, { limit: 1, skip: 1 })).items[0].login, `bob@${domain}`);
  assert.equal((await logins.destroyAll(domain)).count, 1);
  assert.equal((await logins.list(domain)).totalCount, 1);
}

// What belongs to sending mail: there is none of it, and none can be made.
async function sending(mg, domain) {
  const noSender = (error) => error.status === 400 && /neither signs nor sends/.test(error.details);
  const keys = mg.domains.domainKeys;
  assert.deepEqual((await keys.list(domain)).items, []);
  const all = await keys.listAll({ signingDomain: domain });
  assert.deepEqual(all.items, []);
  assert.deepEqual(Object.keys(all.pages).sort(), ['first', 'last', 'next', 'previous']);
  await assert.rejects(() => keys.create({ signingDomain: domain, selector: 's1' }), noSender);
  await refused(() => keys.activate(domain, 's1'), 404, 'domain key not found');
  await refused(() => keys.destroy(domain, 's1'), 404, 'domain key not found');

  for (const type of ['bounces', 'complaints', 'unsubscribes', 'whitelists']) {
    const page = await mg.suppressions.list(domain, type, { limit: 10 });
    assert.deepEqual(page.items, []);
    const next = await mg.suppressions.list(domain, type, { page: page.pages.next.page });
    assert.deepEqual(next.items, []);
    const data = type === 'whitelists' ? { address: 'a@b.example' } : [{ address: 'a@b.example' }];
    await assert.rejects(() => mg.suppressions.create(domain, type, data), noSender);
  }
  const absent = 'Address not found in bounces table';
  await refused(() => mg.suppressions.get(domain, 'bounces', 'a@b.example'), 404, absent);
  await refused(() => mg.suppressions.destroy(domain, 'bounces', 'a@b.example'), 404, absent);
}

async function main(transport) {
  const mg = transports[transport]();
  const domain = `${transport}.example.com`;
  const stranger = new Mailgun(require('form-data')).client({ username: 'api', key: 'no', url });
  await refused(() => stranger.domains.list(), 401, 'Forbidden');

  const { http_signing_key: signingKey } = await mg.accountManagement.getWebhookSigningKey();
  assert.ok(signingKey.length >= 32);

  await domains(mg, domain);
  await webhooks(mg, domain);
  await domainSettings(mg, domain);
  await credentials(mg, domain);
  await sending(mg, domain);
  assert.match((await mg.domains.destroy(domain)).message, /^Domain will be deleted/);
  await refused(() => mg.domains.get(domain), 404, 'Domain not found');
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exit(1);
});
