// Long lists and forms with very many places, as a person meets them in a browser.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';

import { ADMIN } from '../clients/support/portcullis.mjs';
import { assertGood } from './support/checks.mjs';
import { Visitor } from './support/chromium.mjs';
import { house } from './support/house.mjs';

describe('Lists', () => {
  const home = house();
  const places = '/settings/workspaces/mcp-gateway/places';

  before(async () => {
    const visitor = await Visitor.arrive(home.browser, home.server);
    await visitor.open(places);
    await visitor.signIn(ADMIN);
    const page = visitor.page.locator('form', { has: visitor.page.getByRole('button', { name: 'Create', exact: true }) });
    const csrf = await page.locator('[name=csrf]').inputValue();
    const place = await page.getByLabel('In', { exact: true }).inputValue();
    for (let number = 1; number <= 60; number += 1) {
      const form = { csrf, place, act: 'make', name: `p${number}`, title: `Project ${number}` };
      const answer = await visitor.context.request.post(places, { form, maxRedirects: 0 });
      assert.equal(answer.status(), 303);
    }
    await visitor.leave();
  });

  for (const javaScriptEnabled of [true, false]) {
    it(`are searched, ordered, narrowed and paged${javaScriptEnabled ? '' : ', without JavaScript'}`, async (t) => {
      const visitor = await home.visitor(t, { javaScriptEnabled });
      const { page } = visitor;
      const good = () => (javaScriptEnabled ? assertGood(visitor) : undefined);
      await visitor.open(places);
      await visitor.signIn(ADMIN);
      assert.match(await visitor.text(), /1 to 50 of 60 places/);
      await good();
      await page.getByRole('link', { name: 'Next' }).click();
      assert.match(await visitor.text(), /51 to 60 of 60 places/);
      await page.getByRole('searchbox', { name: 'Search projects and folders' }).fill('project 5');
      await page.getByRole('combobox', { name: 'Order', exact: true }).selectOption('Newest first');
      await visitor.press('Search');
      assert.match(page.url(), /q=project\+5&show=&sort=newest$/, 'the address says it all');
      assert.match(await visitor.text(), /11 places/);
      await page.getByRole('combobox', { name: 'Show', exact: true }).selectOption('Folders');
      await visitor.press('Search');
      assert.match(await visitor.text(), /Nothing found/);
      await good();
      await page.getByRole('link', { name: 'Show all' }).click();
      assert.match(await visitor.text(), /1 to 50 of 60 places/);
      visitor.assertContent();
    });

    it(`of places are searched within a form${javaScriptEnabled ? '' : ', without JavaScript'}`, async (t) => {
      const visitor = await home.visitor(t, { javaScriptEnabled });
      const { page } = visitor;
      await visitor.open('/settings/keys/new');
      await visitor.signIn(ADMIN);
      await page.getByLabel('Name', { exact: true }).fill('Night job');
      await page.getByRole('searchbox', { name: 'Find a project, folder or server' }).fill('p57');
      // Enter looks, and never makes the key.
      await page.keyboard.press('Enter');
      await page.getByText('1 of 61 places is like that').waitFor();
      if (javaScriptEnabled) await assertGood(visitor);
      assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Night job');
      await page.getByRole('checkbox', { name: 'MCP Gateway' }).uncheck();
      await page.getByRole('checkbox', { name: 'Project 57' }).check();
      await visitor.press('Create Key');
      await visitor.open('/settings/keys');
      assert.match(await visitor.text(), /Night job[^]*Project 57/);
      visitor.assertContent();
    });
  }
});
