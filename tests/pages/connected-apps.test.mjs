// Settings → Connected apps: what was granted to whom, and the end of it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { assertChallenge, callMcp, redeem, token } from '../clients/support/oauth.mjs';
import { ADMIN } from '../clients/support/portcullis.mjs';
import { house } from './support/house.mjs';

describe('Connected apps', () => {
  const home = house();

  for (const javaScriptEnabled of [true, false]) {
    it(`lists an app and ends it at once${javaScriptEnabled ? '' : ', without JavaScript'}`, async (t) => {
      const name = javaScriptEnabled ? 'Night Watch' : 'Day Watch';
      const client = await home.client(t, { name });
      const visitor = await home.visitor(t, { javaScriptEnabled });
      await visitor.open(client.url);
      await visitor.signIn(ADMIN);
      await visitor.press('Allow');
      const tokens = await redeem(home.server, client, await client.callback.answer());
      assert.equal((await callMcp(home.server, tokens.access_token)).status, 200, 'works before');

      await visitor.open('/settings/apps');
      const row = visitor.page.getByRole('listitem').filter({ has: visitor.page.getByRole('heading', { name, exact: true }) });
      assert.equal(await row.count(), 1, await visitor.text());
      assert.match(await row.innerText(), /mcp:read/, 'says what it may do');
      await row.getByRole('link', { name: 'Revoke', exact: true }).click();
      assert.match(await visitor.text(), new RegExp(`${name} stops working at once`), 'it says what stops');
      await visitor.press('Revoke');
      assert.equal(await row.count(), 0, 'gone from the list');

      const refused = await callMcp(home.server, tokens.access_token);
      assert.equal(refused.status, 401, 'the access token is dead at once');
      assertChallenge(refused.headers, { error: 'invalid_token' });
      const refresh = await token(home.server, {
        grant_type: 'refresh_token',
        refresh_token: tokens.refresh_token,
        client_id: client.clientId,
      });
      assert.equal(refresh.status, 400);
      assert.equal((await refresh.json()).error, 'invalid_grant', 'and so is the refresh token');
      visitor.assertContent();
    });
  }

  it("shows nobody another person's apps, and ends none of them (IDOR)", async (t) => {
    const carol = await home.server.addPerson('carol', 'chapel-thimble-meadow-63');
    const client = await home.client(t, { name: 'Private Diary' });
    const owner = await home.visitor(t);
    await owner.open(client.url);
    await owner.signIn(ADMIN);
    await owner.press('Allow');
    const tokens = await redeem(home.server, client, await client.callback.answer());
    await owner.open('/settings/apps');
    const row = owner.page.getByRole('listitem').filter({ has: owner.page.getByRole('heading', { name: 'Private Diary', exact: true }) });
    await row.getByRole('link', { name: 'Revoke', exact: true }).click();
    const form = await owner.page.locator('main form').evaluate((element) => Object.fromEntries(new FormData(element)));

    const other = await home.visitor(t);
    await other.open('/settings/apps');
    await other.signIn(carol);
    assert.ok(!(await other.text()).includes('Private Diary'));
    const theirs = await other.page.locator('input[name=csrf]').first().inputValue();
    const answer = await other.context.request.post('/settings/apps/revoke', {
      form: { ...form, csrf: theirs },
      headers: { origin: home.server.url },
      maxRedirects: 0,
    });
    assert.ok(answer.status() < 500, String(answer.status()));
    assert.equal((await callMcp(home.server, tokens.access_token)).status, 200, 'still connected');
  });
});
