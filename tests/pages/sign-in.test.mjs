// Sign-in, and the one-time link by which the first administrator gets in.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { ADMIN, startPortcullis } from '../clients/support/portcullis.mjs';
import { assertGood } from './support/checks.mjs';
import { Visitor } from './support/chromium.mjs';
import { house } from './support/house.mjs';

describe('Sign-in', () => {
  const home = house();

  it('lets somebody in who knows the password, and where they were going', async (t) => {
    const visitor = await home.visitor(t);
    await visitor.open('/settings/apps');
    assert.match(visitor.page.url(), /\/login/, 'sent to sign in');
    await visitor.signIn(ADMIN);
    assert.equal(new URL(visitor.page.url()).pathname, '/settings/apps');
    assert.match(await visitor.text(), /Connected apps/);
    visitor.assertContent();
  });

  it('helps a password manager and hides what is typed', async (t) => {
    const visitor = await home.visitor(t);
    await visitor.open('/login');
    const username = visitor.page.getByLabel('Username', { exact: true });
    const password = visitor.page.getByLabel('Password', { exact: true });
    assert.equal(await username.getAttribute('autocomplete'), 'username');
    assert.equal(await password.getAttribute('autocomplete'), 'current-password');
    assert.equal(await password.getAttribute('type'), 'password');
    visitor.assertContent();
  });

  it('says the same to a wrong password and to an unknown name (user enumeration)', async (t) => {
    const said = [];
    for (const someone of [
      { username: ADMIN.username, password: 'not the password at all' },
      { username: 'nobody', password: 'not the password at all' },
    ]) {
      const visitor = await home.visitor(t);
      await visitor.open('/login');
      await visitor.signIn(someone);
      assert.ok(await visitor.sees('Sign in'), 'may try again');
      assert.equal(await visitor.page.getByLabel('Password', { exact: true }).inputValue(), '', 'nothing is sent back');
      said.push((await visitor.text()).replaceAll(someone.username, '…'));
      visitor.assertContent();
    }
    assert.equal(said[0], said[1]);
    assert.match(said[0], /password/i);
  });

  it('never sends anybody to another site afterwards (open redirect)', async (t) => {
    for (const target of ['https://attacker.example/', '//attacker.example/', '/\\attacker.example/']) {
      const visitor = await home.visitor(t);
      await visitor.open(`/login?return_to=${encodeURIComponent(target)}`);
      await visitor.page.evaluate((value) => {
        const form = document.querySelector('form');
        form.action = `${form.action.split('?')[0]}?return_to=${encodeURIComponent(value)}`;
      }, target);
      await visitor.signIn(ADMIN);
      assert.equal(new URL(visitor.page.url()).origin, home.server.url, target);
      visitor.assertContent();
    }
  });

  it('keeps the session in a cookie that no script can read', async (t) => {
    const visitor = await home.visitor(t);
    await visitor.open('/settings/apps');
    const before = await visitor.context.cookies();
    await visitor.signIn(ADMIN);
    const session = (await visitor.context.cookies()).find(({ name }) => name === 'portcullis_session');
    assert.ok(session, 'the cookie of http on loopback');
    assert.equal(session.httpOnly, true);
    assert.equal(session.sameSite, 'Lax');
    assert.ok(!before.some(({ value }) => value === session.value), 'a new session at sign-in (session fixation)');
  });

  it('ends with sign-out, on the server too', async (t) => {
    const visitor = await home.visitor(t);
    await visitor.open('/settings/apps');
    await visitor.signIn(ADMIN);
    const cookies = await visitor.context.cookies();
    await visitor.press('Sign out');
    await visitor.context.clearCookies();
    await visitor.context.addCookies(cookies);
    await visitor.open('/settings/apps');
    assert.match(visitor.page.url(), /\/login/, 'the old cookie opens nothing');
    visitor.assertContent();
  });
});

describe('The set-up link', () => {
  const home = house({ setupLink: true });
  const password = 'moat-lantern-orchard-91';

  it('lets the first administrator choose a password, once', async (t) => {
    const visitor = await home.visitor(t);
    const link = home.server.setupLink;
    await visitor.open(link);
    assert.ok((await visitor.text()).includes(ADMIN.username), 'says for whom');
    await visitor.choosePassword(password);
    await visitor.open('/settings/apps');
    assert.match(await visitor.text(), /Connected apps/, 'signed in');
    visitor.assertContent();

    const stranger = await home.visitor(t);
    const answer = await stranger.open(link);
    assert.ok(answer.status() >= 400, 'the link is used up');
    assert.equal(await stranger.page.locator('input[type=password]').count(), 0);
    await stranger.open('/login');
    await stranger.signIn({ username: ADMIN.username, password });
    await stranger.open('/settings/apps');
    assert.match(await stranger.text(), /Connected apps/, 'the password counts');
  });

  it('opens a page that is good to read and to use', async (t) => {
    const own = await startPortcullis({ setupLink: true });
    t.after(() => own.dispose());
    const visitor = await Visitor.arrive(home.browser, own);
    t.after(() => visitor.leave());
    await visitor.open(own.setupLink);
    await assertGood(visitor);
    await visitor.choosePassword('short');
    await assertGood(visitor);
  });

  it('cannot be guessed', async (t) => {
    const visitor = await home.visitor(t);
    const link = home.server.setupLink;
    const answer = await visitor.open(link.slice(0, -6) + (link.endsWith('aaaaaa') ? 'bbbbbb' : 'aaaaaa'));
    assert.ok(answer.status() >= 400 && answer.status() < 500);
    assert.equal(await visitor.page.locator('input[type=password]').count(), 0);
  });
});
