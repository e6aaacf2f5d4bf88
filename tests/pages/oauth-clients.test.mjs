// Settings → MCP Setup → OAuth Clients: somebody registers a client, a library connects through it, and its end is its end.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import * as client from 'openid-client';

import { startCallback } from '../clients/support/callback.mjs';
import { assertTools } from '../clients/support/library.mjs';
import { callMcp } from '../clients/support/oauth.mjs';
import { ADMIN } from '../clients/support/portcullis.mjs';
import { assertGood } from './support/checks.mjs';
import { house } from './support/house.mjs';

const PERSON = { password: 'chapel-thimble-meadow-63' };
/** One pixel. */
const LOGO = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

describe('OAuth Clients', () => {
  const home = house();

  for (const javaScriptEnabled of [true, false]) {
    it(`are registered, connected, rotated and removed${javaScriptEnabled ? '' : ', without JavaScript'}`, async (t) => {
      const who = await home.server.addPerson(`carol-${javaScriptEnabled}`, PERSON.password);
      const callback = await startCallback();
      t.after(() => callback.close());
      const visitor = await home.visitor(t, { javaScriptEnabled });
      const { page } = visitor;
      const good = () => (javaScriptEnabled ? assertGood(visitor) : undefined);

      await visitor.open('/settings/clients');
      await visitor.signIn(who);
      assert.match(await visitor.text(), /No clients yet/);
      await good();
      await page.getByRole('link', { name: 'Register New OAuth Client' }).first().click();
      await good();

      // What is wrong is said beside its field, and nothing that was typed is lost.
      await page.getByLabel('Client Name').fill('Notes <b>of all</b>');
      await page.getByLabel('Redirect URIs').fill(`${callback.url}\njavascript:alert(1)`);
      await page.getByRole('radio', { name: 'Confidential', exact: false }).check();
      await visitor.press('Register client');
      assert.match(await visitor.text(), /Line 2: the scheme of this redirect URI is never allowed/);
      assert.equal(await page.getByLabel('Client Name').inputValue(), 'Notes <b>of all</b>');
      await good();

      await page.getByLabel('Redirect URIs').fill(callback.url);
      await visitor.press('Preview');
      assert.match(await visitor.text(), /Nothing is registered yet/);
      assert.match(await visitor.text(), new RegExp(`Registered by ${who.username}`));
      await good();
      await visitor.press('Register client');
      const id = await page.locator('#client-id').innerText();
      const secret = await page.locator('#client-secret').innerText();
      assert.match(secret, /^pclx_/);
      await good();
      await page.reload();
      assert.ok(!(await page.content()).includes(secret), 'a reload shows it no more');
      await visitor.open('/settings/clients');
      assert.equal(await page.getByRole('link', { name: 'Notes <b>of all</b>' }).count(), 1, 'and makes no other');
      await good();

      const tokens = await connect(home.server, visitor, callback, id, secret);
      await assertTools(await callMcp(home.server, tokens.access_token));

      await visitor.open(`/settings/clients/${id}`);
      assert.match(await visitor.text(), /1 person/);
      await good();
      await page.getByRole('link', { name: 'Logo' }).click();
      await good();
      const file = join(home.server.home, `logo-${javaScriptEnabled}.png`);
      await writeFile(file, LOGO);
      await page.getByLabel('Image file').setInputFiles(file);
      await visitor.press('Save logo');
      assert.match(await visitor.text(), /The logo is changed/);

      await page.getByRole('link', { name: 'Edit' }).click();
      await good();
      await page.getByLabel('Client Name').fill('Notes');
      await visitor.press('Save changes');
      assert.match(await visitor.text(), /People are asked again/);

      await page.getByRole('link', { name: 'Rotate secret' }).click();
      await good();
      await page.getByLabel('The old secret stays good for').selectOption({ label: '1 hour' });
      await visitor.press('Rotate secret');
      const next = await page.locator('#client-secret').innerText();
      await good();
      let refresh = tokens.refresh_token;
      for (const each of [secret, next]) {
        const config = await known(home.server, id, each);
        refresh = (await client.refreshTokenGrant(config, refresh)).refresh_token;
      }
      await page.getByRole('link', { name: 'Done' }).click();
      await visitor.press('Revoke');
      await assert.rejects(client.refreshTokenGrant(await known(home.server, id, secret), refresh));

      await visitor.open(`/settings/clients/${id}`);
      await page.getByRole('link', { name: 'Remove…' }).click();
      assert.match(await visitor.text(), /Notes stops at once for 1 person/);
      await good();
      await visitor.press('Remove client');
      assert.match(await visitor.text(), /The client is removed/);
      assert.equal((await callMcp(home.server, tokens.access_token)).status, 401, 'dead at once');
      visitor.assertContent();
    });
  }

  it('that registered themselves are cleaned up by an administrator', async (t) => {
    await home.client(t, { name: 'Forgotten' });
    await home.client(t, { name: 'Disliked', scope: 'mcp:read', registration: { client_uri: 'https://disliked.example' } });
    const visitor = await home.visitor(t);
    const { page } = visitor;
    await visitor.open('/settings/clients/self-registered');
    await visitor.signIn(ADMIN);
    await assertGood(visitor);
    const row = page.getByRole('row').filter({ hasText: 'Disliked' });
    await row.getByRole('button', { name: 'Disable' }).click();
    await page.waitForLoadState('load');
    assert.match(await row.innerText(), /Disabled/);
    await page.getByRole('checkbox', { name: 'Forgotten' }).check();
    await visitor.press('Remove the ticked clients…');
    assert.match(await visitor.text(), /Forgotten: nobody is connected, so nothing stops/);
    await assertGood(visitor);
    await visitor.press('Remove clients');
    assert.match(await visitor.text(), /1 client is removed/);
    assert.equal(await page.getByRole('row').filter({ hasText: 'Forgotten' }).count(), 0);
    await visitor.press('Remove unused clients…');
    assert.match(await visitor.text(), /There was nothing to remove/);
    visitor.assertContent();
  });
});

function known(server, id, secret) {
  const options = { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] };
  return client.discovery(new URL(server.url), id, undefined, client.ClientSecretPost(secret), options);
}

/** The whole code flow, as the library does it (RFC 6749 §4.1, RFC 7636). */
async function connect(server, visitor, callback, id, secret) {
  const config = await known(server, id, secret);
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: callback.url,
    scope: 'openid mcp:read',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
  });
  await visitor.open(url.href);
  await visitor.press('Allow');
  const checks = { pkceCodeVerifier: verifier, expectedState: state, idTokenExpected: true };
  return client.authorizationCodeGrant(config, await callback.answer(), checks);
}
