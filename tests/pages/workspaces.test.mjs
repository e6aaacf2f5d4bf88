// Settings → Workspaces: an administrator makes one, fills it, moves about in it and removes it; a member sees and cannot change.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { ADMIN } from '../clients/support/portcullis.mjs';
import { assertGood } from './support/checks.mjs';
import { house } from './support/house.mjs';

describe('Workspaces', () => {
  const home = house();

  for (const javaScriptEnabled of [true, false]) {
    it(`are made, filled and removed${javaScriptEnabled ? '' : ', without JavaScript'}`, async (t) => {
      const name = javaScriptEnabled ? 'acme' : 'acme-2';
      const person = await home.server.addPerson(`carol-${name}`, 'chapel-thimble-meadow-63');
      const visitor = await home.visitor(t, { javaScriptEnabled });
      const { page } = visitor;
      const good = () => (javaScriptEnabled ? assertGood(visitor) : undefined);
      await visitor.open('/settings/workspaces');
      await visitor.signIn(ADMIN);
      await good();
      await page.getByRole('link', { name: 'New workspace' }).click();
      await page.getByLabel('Title').fill('Acme <b>Research</b>');
      await page.getByLabel('Name', { exact: true }).fill(name);
      await good();
      await visitor.press('Create workspace');
      assert.match(await visitor.text(), /Acme <b>Research<\/b>/, 'markup is text');

      await page.getByLabel('Username').fill('nobody-of-that-name');
      await visitor.press('Add member');
      assert.match(await visitor.text(), /There is nobody with the user name/);
      await good();
      await page.getByLabel('Username').fill(person.username);
      await page.getByLabel('Role', { exact: true }).selectOption('Admin');
      await visitor.press('Add member');
      const row = page.getByRole('row').filter({ hasText: person.username });
      await row.getByLabel(`Role of ${person.username}`).selectOption('Member');
      await row.getByRole('button', { name: 'Change' }).click();
      await page.waitForLoadState('load');
      assert.equal(await row.getByLabel(`Role of ${person.username}`).inputValue(), 'member');
      await good();

      await page.getByRole('link', { name: 'Projects and folders' }).click();
      await good();
      await page.getByLabel('Name', { exact: true }).fill('apps');
      await visitor.press('Create');
      await page.getByLabel('In', { exact: true }).selectOption({ label: 'apps (a folder)' });
      await page.getByLabel('Name', { exact: true }).fill('web');
      await visitor.press('Create');
      assert.match(await visitor.text(), new RegExp(`${name}/apps/web`));
      await good();

      const line = page.getByRole('row').filter({ has: page.getByText(`${name}/apps/web`, { exact: true }) });
      await line.getByRole('link', { name: 'Rename' }).click();
      await good();
      await page.getByLabel('Title').fill('The <i>web</i>');
      await visitor.press('Save');
      assert.match(await visitor.text(), /The <i>web<\/i>/);

      const member = await home.visitor(t, { javaScriptEnabled });
      await member.open(`/settings/workspaces/${name}/places`);
      await member.signIn(person);
      assert.match(await member.text(), new RegExp(`${name}/apps/web`));
      assert.equal(await member.page.getByRole('button', { name: 'Create' }).count(), 0, 'a member looks and changes nothing');
      await member.open('/settings/workspaces');
      if (javaScriptEnabled) await assertGood(member);

      await page.getByRole('link', { name: 'Rename or remove' }).click();
      assert.match(await visitor.text(), /2 projects and folders must be moved or removed first/);
      assert.ok(await page.getByRole('button', { name: 'Remove workspace' }).isDisabled());
      await good();
      for (const place of ['web', 'apps']) {
        await page.getByRole('link', { name: 'Projects and folders' }).click();
        const path = place === 'web' ? `${name}/apps/web` : `${name}/apps`;
        const line = page.getByRole('row').filter({ has: page.getByText(path, { exact: true }) });
        await line.getByRole('link', { name: 'Remove' }).click();
        await good();
        await visitor.press(place === 'web' ? 'Remove folder' : 'Remove project');
      }
      await page.getByRole('link', { name: 'Servers' }).click();
      await good();
      await page.getByRole('link', { name: 'Rename or remove' }).click();
      await page.getByRole('link', { name: 'Remove workspace' }).click();
      assert.match(await visitor.text(), /What stops working/);
      await good();
      await visitor.press('Remove workspace');
      assert.ok(!(await visitor.text()).includes(`${name} `), 'gone from the list');
      visitor.assertContent();
      await member.open('/settings/workspaces');
      assert.ok(!(await member.text()).includes('Acme <b>Research</b>'));
    });
  }

  it('are switched between on every page of settings', async (t) => {
    const visitor = await home.visitor(t);
    await visitor.open('/settings/workspaces/new');
    await visitor.signIn(ADMIN);
    await visitor.page.getByLabel('Title').fill('The other one');
    await visitor.page.getByLabel('Name', { exact: true }).fill('other');
    await visitor.press('Create workspace');
    await visitor.open('/settings/apps');
    await visitor.page.locator('.switcher summary').click();
    await visitor.page.getByRole('button', { name: 'The other one' }).click();
    await visitor.page.waitForLoadState('load');
    assert.match(visitor.page.url(), /\/settings\/apps$/, 'the same page');
    assert.match(await visitor.page.locator('.switcher summary').innerText(), /The other one/);
    visitor.assertContent();
  });
});
