// Settings → MCP Setup → Access Tokens: made, used by the documented command, rotated and revoked.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';

import { callMcp } from '../clients/support/oauth.mjs';
import { ADMIN } from '../clients/support/portcullis.mjs';
import { assertGood } from './support/checks.mjs';
import { house } from './support/house.mjs';

const run = promisify(execFile);

describe('Access Tokens', () => {
  const home = house();

  async function list(t, settings) {
    const visitor = await home.visitor(t, settings);
    await visitor.open('/settings/tokens');
    await visitor.signIn(ADMIN);
    return visitor;
  }

  async function make(visitor, name) {
    await visitor.open('/settings/tokens/new');
    await visitor.page.getByLabel('Name', { exact: true }).fill(name);
    await visitor.page.getByRole('checkbox', { name: /See how this gate is set up/ }).check();
    await visitor.page.getByLabel('Expiration', { exact: true }).selectOption({ label: 'Never' });
    await visitor.press('Create Token');
    return visitor.page.getByRole('textbox', { name: 'Access token', exact: true }).textContent();
  }

  const row = (visitor, name) => visitor.page.getByRole('row').filter({ has: visitor.page.getByRole('link', { name, exact: true }) });

  it('says what it is for when there is none', async (t) => {
    const visitor = await list(t);
    await visitor.page.getByRole('link', { name: 'New Token', exact: true }).waitFor();
    assert.match(await visitor.text(), /No tokens yet/);
    await assertGood(visitor);
  });

  for (const javaScriptEnabled of [true, false]) {
    it(`is made, used, rotated and revoked${javaScriptEnabled ? '' : ', without JavaScript'}`, async (t) => {
      const name = javaScriptEnabled ? 'Nightly report' : 'Morning report';
      const visitor = await list(t, { javaScriptEnabled });
      const token = await make(visitor, name);
      assert.equal((await callMcp(home.server, token)).status, 200);

      // The command of the documentation, with only the host changed.
      const example = await visitor.page.locator('#access-token-example').textContent();
      assert.ok(example.startsWith('curl -H "Authorization: Bearer '), example);
      const { stdout } = await run('sh', ['-c', example.replace('curl', 'curl -sS')]);
      assert.ok(Array.isArray(JSON.parse(stdout).items), stdout);

      await visitor.page.getByRole('link', { name: 'Done', exact: true }).click();
      await visitor.page.waitForLoadState('load');
      assert.ok(!(await visitor.page.content()).includes(token));
      await row(visitor, name).getByRole('button', { name: 'Rotate', exact: true }).click();
      await visitor.page.getByLabel('The old token stops working', { exact: true }).selectOption({ label: 'At once' });
      await visitor.press('Rotate token');
      const successor = await visitor.page.getByRole('textbox', { name: 'Access token', exact: true }).textContent();
      assert.equal((await callMcp(home.server, token)).status, 401);
      assert.equal((await callMcp(home.server, successor)).status, 200);

      await visitor.open('/settings/tokens');
      await row(visitor, name).first().getByRole('button', { name: 'Revoke', exact: true }).click();
      await visitor.page.waitForLoadState('load');
      assert.match(await visitor.text(), /gets 401 from now on/);
      await visitor.press('Revoke token');
      assert.equal((await callMcp(home.server, successor)).status, 401);
      assert.match(await visitor.text(), /Revoked and expired/);
      visitor.assertContent();
    });
  }

  it('is good to read and to use in every state', async (t) => {
    const visitor = await list(t);
    await make(visitor, 'A token');
    await assertGood(visitor);
    await visitor.open('/settings/tokens/new');
    await assertGood(visitor);
    const ticked = visitor.page.getByRole('checkbox', { checked: true });
    while ((await ticked.count()) > 0) await ticked.first().uncheck();
    await visitor.page.getByLabel('Name', { exact: true }).fill('Nothing');
    await visitor.press('Create Token');
    await assertGood(visitor);
    await visitor.open('/settings/tokens');
    await assertGood(visitor);
    await visitor.page.getByRole('link', { name: 'A token', exact: true }).first().click();
    await visitor.page.waitForLoadState('load');
    await assertGood(visitor);
    await visitor.press('Rotate');
    await assertGood(visitor);
  });

  it('keeps a name that is markup as words', async (t) => {
    const visitor = await list(t);
    await make(visitor, '<img src=x onerror=alert(1)>');
    await visitor.open('/settings/tokens');
    assert.equal(await visitor.page.locator('main img').count(), 0);
    visitor.assertContent();
  });
});
