// mailgun-js 0.22, the archived client that old code still runs on: bare verbs over urlencoded
// bodies, and a verifier that remembers every token it has seen.
//
//   node mailgun-js.cjs api                  the management API
//   node mailgun-js.cjs verify signatures    a file of them, one JSON object a line
'use strict';

const assert = require('node:assert/strict');
const { WAYPOST_URL, WAYPOST_API_KEY, WAYPOST_SIGNING_KEY } = process.env;

const domain = 'boland.example.com';

async function api() {
  const { hostname: host, port } = new URL(WAYPOST_URL);
  const options = { apiKey: WAYPOST_API_KEY, domain, host, port, protocol: 'http:', endpoint: '/v3' };
  const mg = require('mailgun-js')(options);
  const one = 'https://one.example.com/';
  const two = 'https://two.example.com/';

  await mg.post('/domains', { name: domain });
  const collection = `/domains/${domain}/webhooks`;
  const created = await mg.post(collection, { id: 'opened', url: [one, two] });
  assert.deepEqual(created, { message: 'Webhook has been created', webhook: { urls: [one, two] } });
  assert.deepEqual(await mg.get(collection), { webhooks: { opened: { urls: [one, two] } } });
  const updated = await mg.put(`${collection}/opened`, { url: two });
  assert.deepEqual(updated, { message: 'Webhook has been updated', webhook: { urls: [two] } });
  assert.deepEqual(await mg.get(`${collection}/opened`), { webhook: { urls: [two] } });
  const deleted = await mg.delete(`${collection}/opened`);
  assert.deepEqual(deleted, { message: 'Webhook has been deleted', webhook: { urls: [two] } });
  await assert.rejects(() => mg.get(`${collection}/opened`), { statusCode: 404 });
}

async function verify(file) {
  const verifier = require('mailgun-js')({ apiKey: WAYPOST_SIGNING_KEY, domain, mute: true });
  const lines = require('node:fs').readFileSync(file, 'utf8').trim().split('\n');
  for (const line of lines) {
    const { timestamp, token, signature } = JSON.parse(line);
    assert.ok(!verifier.validateWebhook(timestamp, `${token}0`, signature), 'another token');
    assert.ok(verifier.validateWebhook(timestamp, token, signature), line);
    assert.ok(!verifier.validateWebhook(timestamp, token, signature), 'a token used twice');
  }
}

({ api, verify })[process.argv[2]](process.argv[3]).catch((error) => {
  console.error(error);
  process.exit(1);
});
