// mailgun.js with one base URL: sends a message with an attachment and manages webhooks.
//
//   node sending.cjs form-data|native|fetch
//
// The message goes to whatever stands behind Waypost; its answer must come back as the client's own.
'use strict';

const assert = require('node:assert/strict');
const Mailgun = require('mailgun.js');
const { WAYPOST_URL: url, WAYPOST_API_KEY: key } = process.env;

const transports = {
  'form-data': () => new Mailgun(require('form-data')).client({ username: 'api', key, url }),
  native: () => new Mailgun(FormData).client({ username: 'api', key, url }),
  fetch: () => new Mailgun(FormData).client({ username: 'api', key, url, useFetch: true }),
};

async function main(transport) {
  const mg = transports[transport]();
  const domain = 'example.com';
  await mg.domains.create({ name: domain });
  await mg.webhooks.create(domain, 'delivered', 'https://one.example.com/hooks');

  const sent = await mg.messages.create(domain, {
    from: 'me@example.com',
    to: ['ada@example.net', 'bob@example.net'],
    subject: 'Hi',
    text: 'Look',
    attachment: [{ filename: 'report.txt', data: Buffer.from('what is attached') }],
  });
  assert.deepEqual(
    { status: sent.status, id: sent.id, message: sent.message },
    { status: 200, id: '<1@example.com>', message: 'Queued. Thank you.' },
  );

  assert.deepEqual((await mg.webhooks.get(domain, 'delivered')).urls, ['https://one.example.com/hooks']);
  await mg.webhooks.destroy(domain, 'delivered');
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exit(1);
});
