// Sign-out, by oneself and because an app asks for it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { register } from '../clients/support/oauth.mjs';
import { ADMIN } from '../clients/support/portcullis.mjs';
import { assertGood } from './support/checks.mjs';
import { house } from './support/house.mjs';

describe('Sign-out', () => {
  const home = house();

  /** Where an app sends a browser to sign out. */
  async function endSession(name) {
    const { client_id: clientId } = await register(home.server, { name, redirectUris: ['https://notes.example/callback'] });
    return `/oauth/end_session?${new URLSearchParams({ client_id: clientId, state: 's' })}`;
  }

  it('asks when an app asks for it, and takes no for an answer (forced logout)', async (t) => {
    const visitor = await home.visitor(t);
    await visitor.open('/settings/apps');
    await visitor.signIn(ADMIN);
    const url = await endSession('Example Notes');
    await visitor.open(url);
    assert.equal(new URL(visitor.page.url()).pathname, '/logout');
    const text = await visitor.text();
    assert.match(text, /Sign out of Portcullis\?/);
    assert.match(text, /Example Notes asks you to/);
    await assertGood(visitor);
    await visitor.page.getByRole('link', { name: 'Stay signed in', exact: true }).click();
    await visitor.page.waitForURL('**/settings/apps');
    assert.match(await visitor.text(), /Connected apps/);

    await visitor.open(url);
    await visitor.press('Sign out');
    assert.match(await visitor.text(), /You are signed out/);
    await assertGood(visitor);
    await visitor.open('/settings/apps');
    assert.match(visitor.page.url(), /\/login/, 'the session is over');
    visitor.assertContent();
  });

  it('shows an app that nobody knows a page, and leaves the session alone', async (t) => {
    const visitor = await home.visitor(t);
    await visitor.open('/settings/apps');
    await visitor.signIn(ADMIN);
    await visitor.page.goto(`${home.server.url}/oauth/end_session?client_id=unknown&post_logout_redirect_uri=https://attacker.example/`);
    assert.equal(new URL(visitor.page.url()).origin, home.server.url);
    assert.match(await visitor.text(), /You were not signed out/);
    await visitor.open('/settings/apps');
    assert.match(await visitor.text(), /Connected apps/);
  });
});
