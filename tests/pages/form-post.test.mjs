// The answer to a client as a form: it sends itself, and by its button where there are no scripts.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { describe, it } from 'node:test';

import { redeem } from '../clients/support/oauth.mjs';
import { ADMIN } from '../clients/support/portcullis.mjs';
import { assertGood } from './support/checks.mjs';
import { house } from './support/house.mjs';

/** A client that takes its answer as a form; it goes on to a page of its own, as clients do. */
async function startClient(t) {
  const answers = [];
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') {
      response.setHeader('content-type', 'text/html; charset=utf-8');
      return response.end('<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Done</title><h1>Done</h1>');
    }
    let body = '';
    for await (const chunk of request) body += chunk;
    answers.push(new URLSearchParams(body));
    return response.writeHead(303, { location: '/done' }).end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${server.address().port}/callback;v=1`;
  return { url, answers, done: `http://127.0.0.1:${server.address().port}/done` };
}

describe('An answer as a form', () => {
  const home = house();

  /** A visitor before the consent page of a client that wants a form. */
  async function asked(t, settings) {
    const receiver = await startClient(t);
    const client = await home.client(t, { redirectUri: receiver.url });
    client.url.searchParams.set('response_mode', 'form_post');
    const visitor = await home.visitor(t, settings);
    await visitor.open(client.url);
    await visitor.signIn(ADMIN);
    return { receiver, client, visitor };
  }

  const callback = (answer) => `http://127.0.0.1/?${answer}`;

  it('is sent by the browser itself, and the client can go on from there', async (t) => {
    const { receiver, client, visitor } = await asked(t);
    await visitor.page.getByRole('button', { name: 'Allow', exact: true }).click();
    await visitor.page.waitForURL(receiver.done);
    assert.equal(receiver.answers.length, 1);
    const [answer] = receiver.answers;
    assert.deepEqual([...answer.keys()], ['code', 'state', 'iss']);
    assert.equal(answer.get('state'), client.state);
    assert.equal(answer.get('iss'), home.server.url, 'RFC 9207 §2');
    assert.ok(await redeem(home.server, client, callback(answer)));
    visitor.assertContent();
  });

  it('has a button for browsers without scripts', async (t) => {
    const { receiver, client, visitor } = await asked(t, { javaScriptEnabled: false });
    await visitor.press('Allow');
    assert.equal(receiver.answers.length, 0, 'nobody has sent it yet');
    assert.ok(await visitor.sees('Continue'), await visitor.text());
    assert.match(await visitor.text(), /Back to 127\.0\.0\.1/);
    await visitor.press('Continue');
    await visitor.page.waitForURL(receiver.done);
    assert.ok(await redeem(home.server, client, callback(receiver.answers[0])));
    visitor.assertContent();
  });

  it('carries a refusal as well', async (t) => {
    const { receiver, client, visitor } = await asked(t);
    await visitor.page.getByRole('button', { name: 'Deny', exact: true }).click();
    await visitor.page.waitForURL(receiver.done);
    assert.equal(receiver.answers[0].get('error'), 'access_denied');
    assert.equal(receiver.answers[0].get('state'), client.state);
    visitor.assertContent();
  });

  it('is a page like every other, should it stay', async (t) => {
    const { receiver, visitor } = await asked(t);
    await visitor.page.route('**/portcullis.*.js', (route) => route.fulfill({ body: '', contentType: 'text/javascript' }));
    await visitor.press('Allow');
    await assertGood(visitor);
    assert.equal(receiver.answers.length, 0);
  });

  it('leads to no other place, whatever came into the page', async (t) => {
    const { receiver, visitor } = await asked(t, { javaScriptEnabled: true });
    await visitor.page.route('**/portcullis.*.js', (route) => route.fulfill({ body: '', contentType: 'text/javascript' }));
    await visitor.press('Allow');
    await visitor.page.evaluate(() => {
      document.querySelector('form').action = 'http://127.0.0.1:9/elsewhere';
    });
    await visitor.page.getByRole('button', { name: 'Continue', exact: true }).click({ noWaitAfter: true });
    await visitor.page.waitForTimeout(500);
    assert.ok(visitor.problems.some((problem) => /form-action|Content Security Policy/i.test(problem)), String(visitor.problems));
    assert.equal(receiver.answers.length, 0);
  });
});
