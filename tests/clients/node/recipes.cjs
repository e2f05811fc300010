// How receivers check what Waypost delivers: each provider's recipe, written from its description
// with Node's own crypto, and the Standard Webhooks library beside them.
//
//   node recipes.cjs requests    a file of them, one JSON object a line:
//                                {"scheme", "secret", "headers", "body"}
//
// Every request must pass every recipe of its scheme, and none with one byte changed.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { readFileSync } = require('node:fs');
const { Webhook, WebhookVerificationError } = require('standardwebhooks');

const TOLERANCE_S = 300;

const hmac = (secret, text) => crypto.createHmac('sha256', secret).update(text).digest('hex');

function equal(a, b) {
  return a.length === b.length && crypto.timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

// Posthawk: HMAC SHA-256 of the raw request body, `sha256={hex}`.
function posthawk({ headers, body, secret }) {
  return equal(headers['x-posthawk-signature'], `sha256=${hmac(secret, body)}`);
}

// The same as its page shows it for Express: after the JSON middleware has parsed the body.
function posthawkReserialised({ headers, body, secret }) {
  const req = { body: JSON.parse(body) };
  return equal(headers['x-posthawk-signature'], `sha256=${hmac(secret, JSON.stringify(req.body))}`);
}

// `t=…,v1=…` over `{t}.{body}`, no older than five minutes; any of several `v1` will do.
function timed(header) {
  return ({ headers, body, secret }) => {
    const parts = headers[header].split(',').map((part) => part.split('='));
    const [, time] = parts.find(([name]) => name === 't');
    if (Math.abs(Date.now() / 1000 - Number(time)) > TOLERANCE_S) return false;
    const expected = hmac(secret, `${time}.${body}`);
    return parts.some(([name, value]) => name === 'v1' && equal(value, expected));
  };
}

// The later Posthawk pages: the time stands in a header of its own too.
function posthawkTimestamped(request) {
  const time = request.headers['x-posthawk-timestamp'];
  const named = request.headers['x-posthawk-signature'].startsWith(`t=${time},`);
  return named && timed('x-posthawk-signature')(request);
}

// MailStack's older page: the bare digest of the raw body.
function mailstackRaw({ headers, body, secret }) {
  return equal(headers['x-mailstack-signature'], hmac(secret, body));
}

function standardWebhooks({ headers, body, secret }) {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    return false;
  }
}

// Wistfare's own snippet, as its page has it.
function verifyWebhook(body, signature, secret) {
  const expected = crypto.createHmac('sha256', secret).update(body).digest('hex');
  return crypto.timingSafeEqual(Buffer.from(signature), Buffer.from(expected));
}

function wistfare({ headers, body, secret }) {
  return verifyWebhook(body, headers['wistmail-signature'], secret);
}

// The header that its published server sends.
function wistfarePrefixed({ headers, body, secret }) {
  return equal(headers['x-webhook-signature'], `sha256=${hmac(secret, body)}`);
}

// Mailgun: the timestamp and the token in the body, joined; the rest of the body is not covered.
function mailgun({ body, secret }) {
  const { timestamp, token, signature } = JSON.parse(body).signature;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_S) return false;
  return equal(signature, hmac(secret, timestamp + token));
}

const recipes = {
  mailgun: [mailgun],
  posthawk: [posthawk, posthawkReserialised],
  'posthawk-timestamped': [posthawkTimestamped],
  mailstack: [timed('x-mailstack-signature'), standardWebhooks],
  'mailstack-raw': [mailstackRaw],
  wistfare: [wistfare, wistfarePrefixed],
  mailingapi: [timed('x-mailingapi-signature')],
};

// One byte changed that leaves JSON JSON: the last letter or digit of the first text that ends in
// one. In Mailgun's body that is the token's.
function changed(body) {
  const other = body.replace(/[a-z0-9](?="[,}\]])/, (byte) => (byte === '0' ? '1' : '0'));
  assert.equal(other.length, body.length);
  assert.notEqual(other, body);
  return other;
}

const lines = readFileSync(process.argv[2], 'utf8').trim().split('\n');
for (const line of lines) {
  const request = JSON.parse(line);
  for (const accepts of recipes[request.scheme]) {
    const where = `${accepts.name || 'timed'}: ${line}`;
    assert.ok(accepts(request), `refuses ${where}`);
    assert.ok(!accepts({ ...request, body: changed(request.body) }), `takes a changed ${where}`);
    const secret = request.secret.replace(/.$/, (byte) => (byte === 'A' ? 'E' : 'A'));
    assert.ok(!accepts({ ...request, secret }), `takes another secret's ${where}`);
  }
  if (request.scheme !== 'mailgun') {
    assert.equal(JSON.stringify(JSON.parse(request.body)), request.body);
  }
}
