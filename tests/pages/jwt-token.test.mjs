// Get JWT Token, in the top left of the sidebar: made, copied, downloaded, used and ended.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';

import { callMcp } from '../clients/support/oauth.mjs';
import { ADMIN } from '../clients/support/portcullis.mjs';
import { assertGood } from './support/checks.mjs';
import { house } from './support/house.mjs';

describe('Get JWT Token', () => {
  const home = house();

  async function page(t, settings) {
    const visitor = await home.visitor(t, settings);
    await visitor.open('/settings/apps');
    await visitor.signIn(ADMIN);
    await visitor.page.getByRole('link', { name: 'Get JWT Token', exact: true }).click();
    await visitor.page.waitForLoadState('load');
    return visitor;
  }

  for (const javaScriptEnabled of [true, false]) {
    it(`is shown once, works and ends${javaScriptEnabled ? '' : ', without JavaScript'}`, async (t) => {
      const visitor = await page(t, { javaScriptEnabled });
      await visitor.page.getByLabel('How long it works').selectOption({ label: '15 minutes' });
      await visitor.press('Get token');
      const token = await visitor.page.getByRole('textbox', { name: 'Access token', exact: true }).textContent();
      assert.equal(JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).client_id, 'portcullis-web');
      assert.match(await visitor.text(), javaScriptEnabled ? /in 1[45]:\d\d/ : /in 15 minutes/);
      assert.equal((await callMcp(home.server, token)).status, 200);
      const api = await fetch(`${home.server.url}/api/v1/mcp-servers`, { headers: { authorization: `Bearer ${token}` } });
      assert.equal(api.status, 200);

      const downloading = visitor.page.waitForEvent('download');
      await visitor.page.getByRole('button', { name: 'Download', exact: true }).click();
      const download = await downloading;
      assert.deepEqual(JSON.parse(await readFile(await download.path(), 'utf8')), { access_token: token });
      assert.ok(!visitor.page.url().includes('ey'), 'never in a URL');

      await visitor.page.getByRole('link', { name: 'Done', exact: true }).click();
      await visitor.page.waitForLoadState('load');
      assert.ok(!(await visitor.page.content()).includes(token), 'and never again');
      await visitor.page.getByRole('button', { name: 'Revoke', exact: true }).first().click();
      await visitor.page.waitForLoadState('load');
      assert.equal((await callMcp(home.server, token)).status, 401);
      visitor.assertContent();
    });
  }

  it('is good to read and to use, before and after', async (t) => {
    const visitor = await page(t);
    await assertGood(visitor);
    await visitor.press('Get token');
    await assertGood(visitor);
  });
});
