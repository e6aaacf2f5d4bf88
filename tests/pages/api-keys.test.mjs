// Settings → MCP Setup → API Keys: a key is made in the page, used by a real MCP client, and ended in another window.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { callMcp } from '../clients/support/oauth.mjs';
import { ADMIN } from '../clients/support/portcullis.mjs';
import { assertGood } from './support/checks.mjs';
import { house } from './support/house.mjs';

const KEY = /pcl_[0-9A-Za-z]{49}/;

/** Fills in and sends the form as a person would; the key that the page shows. */
async function createKey(visitor, { name, expiration = '30 days' }) {
  await visitor.open('/settings/keys/new');
  if (await visitor.sees('Sign in')) await visitor.signIn(ADMIN);
  const { page } = visitor;
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByRole('group', { name: 'Scope' }).getByRole('checkbox').first().check();
  await page.getByRole('radio', { name: /^Read\b/ }).first().check();
  await page.getByLabel('Expiration', { exact: true }).selectOption(expiration);
  await visitor.press('Create Key');
  const shown = await page.getByRole('textbox', { name: 'Your API key' }).innerText();
  assert.match(shown, KEY);
  return shown.match(KEY)[0];
}

/** A client of the SDK that has nothing but the key. */
async function connect(server, key) {
  const client = new Client({ name: 'test', version: '1' });
  const requestInit = { headers: { Authorization: `Bearer ${key}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), { requestInit }));
  return client;
}

describe('API Keys', () => {
  const home = house();

  for (const javaScriptEnabled of [true, false]) {
    it(`a key is made, used and ended${javaScriptEnabled ? '' : ', without JavaScript'}`, async (t) => {
      const name = javaScriptEnabled ? 'Claude Desktop – MacBook' : 'CI/CD Pipeline';
      const visitor = await home.visitor(t, { javaScriptEnabled });
      const key = await createKey(visitor, { name });
      assert.equal(await visitor.sees('Copy'), javaScriptEnabled, 'copying takes a script');

      const client = await connect(home.server, key);
      const { tools } = await client.listTools();
      assert.ok(tools.length > 0);

      await visitor.page.getByRole('link', { name: 'Done', exact: true }).click();
      await visitor.page.waitForLoadState('load');
      assert.ok((await visitor.text()).includes(key.slice(0, 8)), 'what stays visible');
      assert.ok(!(await visitor.page.content()).includes(key), 'and no more');

      const window = await visitor.context.newPage();
      await window.goto('/settings/keys');
      const row = window.getByRole('row').filter({ hasText: name });
      await row.getByRole('button', { name: 'Revoke', exact: true }).click();
      await window.waitForLoadState('load');
      assert.match(await window.locator('body').innerText(), /gets 401 from now on/);
      await window.getByRole('button', { name: 'Revoke key', exact: true }).click();
      await window.waitForLoadState('load');
      assert.match(await window.locator('body').innerText(), /opens nothing any more/);

      await assert.rejects(client.listTools(), 'refused on the next call');
      assert.equal((await callMcp(home.server, key)).status, 401);
      visitor.assertContent();
    });
  }

  it('the page of a new key, loaded again, makes no other and shows nothing', async (t) => {
    const visitor = await home.visitor(t);
    const key = await createKey(visitor, { name: 'Only once' });
    await visitor.page.reload();
    assert.ok(!(await visitor.page.content()).includes(key));
    await visitor.open('/settings/keys?q=only');
    assert.equal(await visitor.page.getByRole('link', { name: 'Only once' }).count(), 1);
  });

  it('a rotated key and its successor both work', async (t) => {
    const visitor = await home.visitor(t);
    const old = await createKey(visitor, { name: 'Nightly report' });
    await visitor.open('/settings/keys?q=nightly');
    await visitor.press('Rotate');
    await visitor.page.getByLabel('The old key stops working').selectOption('After 3 days');
    await visitor.press('Rotate key');
    const next = (await visitor.page.getByRole('textbox', { name: 'Your API key' }).innerText()).match(KEY)[0];
    for (const key of [old, next]) assert.equal((await callMcp(home.server, key)).status, 200);
  });

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? '' : ', without JavaScript';
    it(`every state is good to read and to use${how}`, async (t) => {
      const visitor = await home.visitor(t, { javaScriptEnabled });
      const good = () => (javaScriptEnabled ? assertGood(visitor) : visitor.assertContent());
      const erin = await home.server.addPerson(javaScriptEnabled ? 'erin' : 'evan', 'walnut-harbour-candle-19');
      await visitor.open('/settings/keys');
      await visitor.signIn(erin);
      assert.match(await visitor.text(), /No keys yet/);
      await good();
      await visitor.open('/settings/keys/new?preset=ci');
      await good();
      await visitor.page.getByLabel('Name', { exact: true }).fill('<img src=x onerror=alert(1)>');
      await visitor.page.getByLabel(/^Allowed addresses/).fill('not an address');
      await visitor.press('Create Key');
      assert.match(await visitor.text(), /neither an address/);
      await good();
      await visitor.page.getByLabel(/^Allowed addresses/).fill('192.0.2.0/24');
      await visitor.press('Create Key');
      assert.match(await visitor.text(), KEY);
      await good();
      await visitor.open('/settings/keys');
      await good();
      await visitor.page.getByRole('link', { name: '<img src=x onerror=alert(1)>' }).click();
      await visitor.page.waitForLoadState('load');
      await good();
      await visitor.press('Rotate');
      await good();
      await visitor.open('/settings/keys');
      await visitor.press('Revoke');
      await good();
      await visitor.press('Revoke key');
      await visitor.page.getByText('Revoked and expired (1)').click();
      await good();
    });
  }
});
