// Consent in a real browser: the page that decides what a program may do in somebody's name.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { describe, it } from 'node:test';

import { redeem, scopes } from '../clients/support/oauth.mjs';
import { ADMIN } from '../clients/support/portcullis.mjs';
import { house } from './support/house.mjs';

const CURSOR = 'cursor://anysphere.cursor-mcp/oauth/callback';

describe('Consent', () => {
  const home = house();

  /** A visitor before the consent page of a client. */
  async function asked(t, client, settings) {
    const visitor = await home.visitor(t, settings);
    await visitor.open(client.url);
    if (await visitor.sees('Sign in')) await visitor.signIn(ADMIN);
    assert.ok(await visitor.sees('Allow'), await visitor.text());
    assert.ok(await visitor.sees('Deny'));
    return visitor;
  }

  for (const javaScriptEnabled of [true, false]) {
    it(`Allow sends code, state and issuer to a program on this computer${javaScriptEnabled ? '' : ', without JavaScript'}`, async (t) => {
      const client = await home.client(t);
      const visitor = await asked(t, client, { javaScriptEnabled });
      await visitor.press('Allow');
      const { searchParams } = await client.callback.answer();
      assert.equal(searchParams.get('state'), client.state);
      assert.equal(searchParams.get('iss'), home.server.url, 'RFC 9207 §2');
      assert.equal(searchParams.get('error'), null);
      const tokens = await redeem(home.server, client, await client.callback.answer());
      assert.deepEqual(scopes(tokens.scope), ['mcp:read', 'mcp:write']);
      assert.equal(client.callback.answers.length, 1);
      visitor.assertContent();
    });
  }

  it('Deny sends access_denied, state and issuer, and no code', async (t) => {
    const client = await home.client(t);
    const visitor = await asked(t, client);
    await visitor.press('Deny');
    const { searchParams } = await client.callback.answer();
    assert.equal(searchParams.get('error'), 'access_denied', 'RFC 6749 §4.1.2.1');
    assert.equal(searchParams.get('state'), client.state);
    assert.equal(searchParams.get('iss'), home.server.url, 'RFC 9207 §2: errors too');
    assert.equal(searchParams.get('code'), null);
    visitor.assertContent();
  });

  it('says who asks, for what, as whom, and where the answer goes', async (t) => {
    const client = await home.client(t, { name: 'Quarterly Reporter' });
    const visitor = await asked(t, client);
    const text = await visitor.text();
    for (const word of ['Quarterly Reporter', ADMIN.username, 'mcp:read', 'mcp:write']) assert.ok(text.includes(word), word);
    assert.match(text, /not verified/i);
    assert.match(text, /127\.0\.0\.1|this computer/i);
    visitor.assertContent();
  });

  it('shows a client name as text, whatever it contains (stored XSS)', async (t) => {
    const client = await home.client(t, { name: `<img src=x onerror=alert(1)>"'&` });
    const visitor = await asked(t, client);
    assert.ok((await visitor.text()).includes('<img src=x'), 'escaped');
    assert.equal(await visitor.page.locator('img[src=x]').count(), 0);
    visitor.assertContent();
  });

  it('gives only what stays ticked', async (t) => {
    const client = await home.client(t);
    const visitor = await asked(t, client);
    await visitor.page.getByRole('checkbox', { name: /mcp:write/ }).uncheck();
    await visitor.press('Allow');
    const tokens = await redeem(home.server, client, await client.callback.answer());
    assert.deepEqual(scopes(tokens.scope), ['mcp:read']);
  });

  it('an app with its own URL scheme gets its answer: nothing blocks the way out', async (t) => {
    const client = await home.client(t, { name: 'Cursor', redirectUri: CURSOR });
    const visitor = await asked(t, client);
    assert.match(await visitor.text(), /cursor/i);
    const outcome = await pressAndWatch(visitor, 'Allow');
    const answer = new URL(outcome.location);
    assert.ok(outcome.location.startsWith(`${CURSOR}?`), outcome.location);
    assert.equal(answer.searchParams.get('state'), client.state);
    assert.ok(answer.searchParams.get('code'));
    assert.deepEqual(outcome.attempted, [outcome.location], 'Chromium tried to open the app');
    visitor.assertContent();
  });

  it('control: with form-action in the policy, Chromium would block that way out', async (t) => {
    const blocker = createServer((request, response) => {
      if (request.method === 'POST') return response.writeHead(303, { location: `${CURSOR}?code=x` }).end();
      response.setHeader('content-security-policy', "default-src 'none'; form-action 'self'");
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><html lang="en"><title>x</title><form method="post"><button>Allow</button></form>');
    });
    await new Promise((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    t.after(() => blocker.close());
    const visitor = await home.visitor(t);
    await visitor.open(`http://127.0.0.1:${blocker.address().port}/`);
    const outcome = await pressAndWatch(visitor, 'Allow');
    assert.deepEqual(outcome.attempted, []);
    assert.ok(visitor.problems.some((problem) => /form-action|Content Security Policy/i.test(problem)), 'noticed');
  });

  it('Not you? Another person signs in, and consents as themselves', async (t) => {
    const bob = await home.server.addPerson('bob', 'portico-walnut-harbour-27');
    const client = await home.client(t);
    const visitor = await asked(t, client);
    assert.ok((await visitor.text()).includes(ADMIN.username));
    await visitor.page.getByRole('button', { name: /switch account/i }).or(visitor.page.getByRole('link', { name: /switch account/i })).click();
    await visitor.page.waitForLoadState('load');
    await visitor.signIn(bob);
    assert.ok((await visitor.text()).includes('bob'), 'back on the consent page, as bob');
    await visitor.press('Allow');
    const tokens = await redeem(home.server, client, await client.callback.answer());
    assert.ok(tokens.access_token);
    visitor.assertContent();
  });

  it('a page whose session has ended decides nothing', async (t) => {
    const client = await home.client(t);
    const visitor = await asked(t, client);
    const elsewhere = await visitor.context.newPage();
    await elsewhere.goto('/settings/apps');
    await elsewhere.getByRole('button', { name: 'Sign out', exact: true }).click();
    await elsewhere.waitForLoadState('load');
    await visitor.press('Allow');
    assert.equal(client.callback.answers.length, 0, 'nothing reached the client');
    assert.equal(new URL(visitor.page.url()).origin, home.server.url);
    assert.match(await visitor.text(), /sign in|expired|again/i, 'says what happened and what to do');
  });

  it('a double click sends one answer', async (t) => {
    const client = await home.client(t);
    const visitor = await asked(t, client);
    await visitor.page.getByRole('button', { name: 'Allow', exact: true }).dblclick({ noWaitAfter: true });
    const answer = await client.callback.answer();
    await visitor.page.waitForTimeout(500);
    assert.equal(new Set(client.callback.answers.map(String)).size, 1, 'one code, not two');
    assert.ok(await redeem(home.server, client, answer));
  });

  it('a decision that is sent twice counts once (replay)', async (t) => {
    const client = await home.client(t);
    const visitor = await asked(t, client);
    const form = await visitor.page.evaluate(() => {
      const button = [...document.querySelectorAll('button')].find((candidate) => candidate.textContent.trim() === 'Allow');
      return { action: button.form.action, body: new URLSearchParams(new FormData(button.form, button)).toString() };
    });
    const send = () =>
      visitor.context.request.post(form.action, {
        data: form.body,
        headers: { 'content-type': 'application/x-www-form-urlencoded', origin: home.server.url },
        maxRedirects: 0,
      });
    const answers = await Promise.all([send(), send(), send()]);
    const codes = answers.map((answer) => answer.headers().location ?? '').filter((location) => location.includes('code='));
    assert.equal(new Set(codes).size, 1, `one code: ${answers.map((answer) => answer.status())}`);
    assert.ok(answers.every((answer) => answer.status() < 500));
  });

  it('the back button brings no second answer', async (t) => {
    const client = await home.client(t);
    const visitor = await asked(t, client);
    await visitor.press('Allow');
    await client.callback.answer();
    await visitor.page.goBack({ waitUntil: 'load' }).catch(() => {});
    if (await visitor.sees('Allow')) await visitor.press('Allow');
    await visitor.page.waitForTimeout(300);
    const codes = client.callback.answers.map((url) => url.searchParams.get('code'));
    assert.equal(new Set(codes.filter(Boolean)).size, 1, 'one code, not two');
  });

  it('a decision from another site is refused (CSRF)', async (t) => {
    const client = await home.client(t);
    const visitor = await asked(t, client);
    const form = await visitor.page.evaluate(() => {
      const button = [...document.querySelectorAll('button')].find((candidate) => candidate.textContent.trim() === 'Allow');
      return { action: button.form.action, body: new URLSearchParams(new FormData(button.form, button)).toString() };
    });
    const answer = await visitor.context.request.post(form.action, {
      data: form.body,
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: 'https://attacker.example', 'sec-fetch-site': 'cross-site' },
      maxRedirects: 0,
    });
    assert.ok(answer.status() >= 400 && answer.status() < 500, String(answer.status()));
    assert.equal(client.callback.answers.length, 0);
  });

  it('an unknown client gets nobody sent anywhere (open redirect)', async (t) => {
    const visitor = await home.visitor(t);
    const client = await home.client(t);
    const url = new URL(client.url);
    url.searchParams.set('client_id', 'unknown');
    const answer = await visitor.open(url);
    assert.equal(answer.status(), 400);
    assert.equal(new URL(visitor.page.url()).origin, home.server.url);
    assert.equal(client.callback.answers.length, 0);
    visitor.assertContent();
  });
});

/** Presses a button that leads out of the browser; returns where to, and which navigations Chromium attempted. */
async function pressAndWatch(visitor, name) {
  const protocol = await visitor.context.newCDPSession(visitor.page);
  await protocol.send('Network.enable');
  const attempted = [];
  let location;
  protocol.on('Network.requestWillBeSent', ({ request }) => {
    if (!request.url.startsWith('http')) attempted.push(request.url);
  });
  visitor.page.on('response', (response) => {
    location = response.headers().location ?? location;
  });
  await visitor.page.getByRole('button', { name, exact: true }).click({ noWaitAfter: true });
  await visitor.page.waitForTimeout(1_500);
  return { location, attempted };
}
