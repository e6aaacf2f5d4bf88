// One's own account: profile, password, sessions, two-step sign-in, passkeys.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { ADMIN } from '../clients/support/portcullis.mjs';
import { authenticator, code } from './support/authenticator.mjs';
import { assertGood } from './support/checks.mjs';
import { house } from './support/house.mjs';

const at = (visitor) => new URL(visitor.page.url()).pathname;

async function signedIn(home, t, person, settings) {
  const visitor = await home.visitor(t, settings);
  await visitor.open('/settings/security');
  await visitor.signIn(person);
  assert.equal(at(visitor), '/settings/security', await visitor.text());
  return visitor;
}

const follow = async (visitor, name) => {
  await visitor.page.getByRole('link', { name, exact: true }).click();
  await visitor.page.waitForLoadState('load');
};

/** Turns two-step sign-in on, and says with which secret and which recovery codes. */
async function turnOn(visitor) {
  await follow(visitor, 'Set up two-step sign-in');
  assert.equal(await visitor.page.getByRole('img', { name: 'QR code for your authenticator app' }).count(), 1);
  await visitor.page.getByText('Type it instead').click();
  const secret = await visitor.page.locator('#secret').innerText();
  await visitor.page.getByLabel('Code that the app shows', { exact: true }).fill(code(secret));
  await visitor.press('Turn on');
  const codes = (await visitor.page.locator('#codes').innerText()).split(/\s+/).filter(Boolean);
  assert.equal(codes.length, 10, await visitor.text());
  return { secret, codes };
}

describe('My account', () => {
  const home = house();

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? '' : ', without JavaScript';

    it(`changes name and email${how}`, async (t) => {
      const person = await home.server.addPerson(javaScriptEnabled ? 'ada' : 'adb', 'chapel-thimble-meadow-63');
      const visitor = await signedIn(home, t, person, { javaScriptEnabled });
      await visitor.open('/settings/profile');
      await visitor.page.getByLabel('Display name', { exact: true }).fill('Ada <b>Lovelace</b>');
      await visitor.page.getByLabel('Email', { exact: true }).fill('nobody');
      await visitor.press('Save');
      assert.match(await visitor.text(), /is not an email address/);
      if (javaScriptEnabled) await assertGood(visitor);
      await visitor.page.getByLabel('Email', { exact: true }).fill('ada@example.com');
      await visitor.press('Save');
      assert.match(await visitor.text(), /Your profile is saved/);
      assert.match(await visitor.text(), /Signed in as Ada <b>Lovelace<\/b>/);
      if (javaScriptEnabled) await assertGood(visitor);
      visitor.assertContent();
    });

    it(`changes the password and signs out everywhere else${how}`, async (t) => {
      const person = await home.server.addPerson(javaScriptEnabled ? 'bea' : 'beb', 'chapel-thimble-meadow-63');
      const visitor = await signedIn(home, t, person, { javaScriptEnabled });
      const other = await signedIn(home, t, person);
      await follow(visitor, 'Change password');
      const fill = async (current, chosen) => {
        await visitor.page.getByLabel('Current password', { exact: true }).fill(current);
        await visitor.page.getByLabel('New password', { exact: true }).fill(chosen);
        await visitor.page.getByLabel('New password again', { exact: true }).fill(chosen);
        await visitor.press('Change password');
      };
      await fill('not the password', 'harbour-lantern-violin-71');
      assert.match(await visitor.text(), /The current password is not right/);
      if (javaScriptEnabled) await assertGood(visitor);
      assert.ok(await visitor.page.getByLabel('Sign out everywhere else').isChecked(), 'unless one says otherwise');
      await fill(person.password, 'harbour-lantern-violin-71');
      assert.match(await visitor.text(), /Your password is changed/);
      await other.open('/settings/apps');
      assert.match(other.page.url(), /\/login/);
      visitor.assertContent();
    });

    it(`ends a session from another${how}`, async (t) => {
      const person = await home.server.addPerson(javaScriptEnabled ? 'cara' : 'carb', 'chapel-thimble-meadow-63');
      const visitor = await signedIn(home, t, person, { javaScriptEnabled });
      const other = await signedIn(home, t, person);
      await visitor.open('/settings/sessions');
      const rows = visitor.page.getByRole('main').getByRole('listitem');
      assert.equal(await rows.count(), 2);
      assert.match(await visitor.text(), /Chrome on Linux this browser/);
      if (javaScriptEnabled) await assertGood(visitor);
      await rows.filter({ hasNotText: 'this browser' }).getByRole('button', { name: 'Sign out', exact: true }).click();
      await visitor.page.waitForLoadState('load');
      assert.match(await visitor.text(), /That session is over/);
      assert.equal(await rows.count(), 1);
      await other.open('/settings/apps');
      assert.match(other.page.url(), /\/login/);
      await visitor.press('Sign out everywhere');
      assert.match(await visitor.text(), /signed out/i);
      visitor.assertContent();
    });

    it(`signs in by two steps, or by a recovery code${how}`, async (t) => {
      const person = await home.server.addPerson(javaScriptEnabled ? 'dana' : 'danb', 'chapel-thimble-meadow-63');
      const visitor = await signedIn(home, t, person, { javaScriptEnabled });
      const { secret, codes } = await turnOn(visitor);
      await follow(visitor, 'I have kept them');
      assert.match(await visitor.text(), /10 left/);
      const other = await home.visitor(t, { javaScriptEnabled });
      await other.open('/settings/sessions');
      await other.signIn(person);
      assert.match(await other.text(), /Enter your code/);
      if (javaScriptEnabled) await assertGood(other);
      await other.page.getByLabel('Code', { exact: true }).fill('000000');
      await other.press('Sign in');
      assert.match(await other.text(), /That code is not right/);
      if (javaScriptEnabled) await assertGood(other);
      await other.page.getByLabel('Code', { exact: true }).fill(code(secret, 1));
      await other.press('Sign in');
      assert.equal(at(other), '/settings/sessions', await other.text());
      const third = await home.visitor(t, { javaScriptEnabled });
      await third.open('/settings/apps');
      await third.signIn(person);
      await third.page.getByLabel('Code', { exact: true }).fill(codes[3]);
      await third.press('Sign in');
      assert.equal(at(third), '/settings/apps', await third.text());
      await visitor.open('/settings/security');
      assert.match(await visitor.text(), /9 left/);
      await visitor.press('Turn off');
      assert.match(await visitor.text(), /Two-step sign-in is off/);
      [visitor, other, third].forEach((one) => one.assertContent());
    });
  }

  it('shows its pages in a form that is good to read and to use', async (t) => {
    const person = await home.server.addPerson('erin', 'chapel-thimble-meadow-63');
    const visitor = await signedIn(home, t, person);
    await assertGood(visitor);
    for (const page of ['/settings/two-step', '/settings/password', '/settings/passkeys', '/confirm']) {
      await visitor.open(page);
      await assertGood(visitor);
    }
    await visitor.open('/settings/security');
    await turnOn(visitor);
    await assertGood(visitor);
    await visitor.open('/settings/security');
    await assertGood(visitor);
  });

  it('adds a passkey, signs in and confirms with it, and removes it', async (t) => {
    const person = await home.server.addPerson('fay', 'chapel-thimble-meadow-63');
    const visitor = await signedIn(home, t, person);
    const device = await authenticator(visitor);
    await follow(visitor, 'Add a passkey');
    await visitor.page.getByLabel('Name', { exact: true }).fill('My laptop');
    await visitor.press('Add passkey');
    await visitor.page.waitForURL(/\/settings\/security/);
    assert.match(await visitor.text(), /Your passkey is added.*My laptop.*Not used yet/);
    assert.equal((await device.passkeys()).length, 1);
    await assertGood(visitor);

    await visitor.open('/confirm');
    await visitor.press('Confirm with a passkey');
    await visitor.page.waitForURL(/\/settings\/apps/);

    await visitor.open('/logout');
    await visitor.press('Sign out');
    await visitor.open('/settings/security');
    await visitor.press('Sign in with a passkey');
    await visitor.page.waitForURL(/\/settings\/security/);
    assert.match(await visitor.text(), /My laptop.*Last used just now/);

    await visitor.press('Remove');
    assert.match(await visitor.text(), /That passkey is removed/);
    await visitor.open('/logout');
    await visitor.press('Sign out');
    await visitor.open('/login');
    await visitor.press('Sign in with a passkey');
    await visitor.page.getByText('That passkey does not open anything here').waitFor();
    await assertGood(visitor);
  });

  it('says so when no passkey was used, and lets one try again', async (t) => {
    const person = await home.server.addPerson('gina', 'chapel-thimble-meadow-63');
    const visitor = await signedIn(home, t, person);
    const device = await authenticator(visitor);
    await device.recognise(false);
    await follow(visitor, 'Add a passkey');
    await visitor.press('Add passkey');
    await visitor.page.getByText('No passkey was made').waitFor();
    await assertGood(visitor);
    await device.recognise(true);
    await visitor.press('Add passkey');
    await visitor.page.waitForURL(/\/settings\/security/);
    await follow(visitor, 'Add a passkey');
    await visitor.press('Add passkey');
    await visitor.page.getByText('This device has a passkey for you already').waitFor();
  });

  it('offers no passkey where no script runs', async (t) => {
    const visitor = await home.visitor(t, { javaScriptEnabled: false });
    await visitor.open('/login');
    assert.equal(await visitor.sees('Sign in with a passkey'), false);
    await visitor.signIn(ADMIN);
    await visitor.open('/settings/passkeys');
    assert.match(await visitor.text(), /This needs a browser that runs scripts/);
    visitor.assertContent();
  });
});

describe('An installation that demands a second factor', () => {
  const home = house({ env: { PORTCULLIS_REQUIRE_SECOND_FACTOR: 'everyone' } });

  it('leads to one before anything else', async (t) => {
    const visitor = await home.visitor(t);
    await visitor.open('/settings/sessions');
    await visitor.signIn(ADMIN);
    assert.equal(at(visitor), '/settings/two-step');
    await assertGood(visitor);
    await authenticator(visitor);
    await follow(visitor, 'Use a passkey instead');
    await assertGood(visitor);
    await visitor.press('Add passkey');
    await visitor.page.getByRole('heading', { name: 'Your passkey is added' }).waitFor();
    await follow(visitor, 'I have kept them');
    assert.equal(at(visitor), '/settings/sessions');
  });
});
