// MCP Setup: from the question what to connect to a text that is ready to paste, and the test of the connection. (That the pages
// are good to read and to use in every size and colour is in every-page.test.mjs.)

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Person } from '../clients/support/browser.mjs';
import { redeem } from '../clients/support/oauth.mjs';
import { ADMIN } from '../clients/support/portcullis.mjs';
import { house } from './support/house.mjs';

const FOUND = ['Reach the server', 'Be told where to sign in', 'Read the resource metadata', 'Find the authorization server', 'Register, or be known'];

/** How the step of that name stands. */
async function stateOf(page, title) {
  const step = page.locator('li.step', { hasText: title });
  return (await step.getAttribute('class')).split(' ').at(-1);
}

describe('MCP Setup', () => {
  const home = house();

  for (const javaScriptEnabled of [true, false]) {
    it(`leads to a text for one client and tries it${javaScriptEnabled ? '' : ', without JavaScript'}`, async (t) => {
      const visitor = await home.visitor(t, { javaScriptEnabled });
      const { page } = visitor;
      await visitor.open('/settings/apps');
      await visitor.signIn(ADMIN);
      await page.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name: 'Set up a client' }).click();
      await page.getByRole('link', { name: /^My own MCP client/ }).click();
      await page.getByRole('link', { name: 'Cursor', exact: true }).click();
      assert.match(await visitor.text(), /MCP_API_KEY=YOUR_API_KEY/);
      assert.match(await page.getByRole('link', { name: 'Create Key' }).getAttribute('href'), /\/settings\/keys\/new\?preset=personal$/);
      await page.getByRole('link', { name: 'Sign in (OAuth)' }).click();
      assert.doesNotMatch(await visitor.text(), /YOUR_API_KEY/);
      const install = new URL(await page.getByRole('link', { name: 'Install in Cursor' }).getAttribute('href'));
      const entry = JSON.parse(Buffer.from(install.searchParams.get('config'), 'base64').toString());
      assert.deepEqual(entry, { url: `${home.server.url}/mcp` });

      await page.getByRole('button', { name: 'Test connection' }).click();
      await page.getByText('No key was given').last().waitFor();
      for (const title of FOUND) assert.equal(await stateOf(page, title), 'done', title);
      assert.equal(await stateOf(page, 'List the tools'), 'skipped');
      assert.equal(new URL(page.url()).pathname, javaScriptEnabled ? '/settings/setup' : '/settings/setup/test');
      visitor.assertContent();
    });
  }

  it('goes on to the tools with a key, which it keeps nowhere', async (t) => {
    const request = await home.client(t);
    const { access_token: key } = await redeem(home.server, request, await new Person(home.server, ADMIN).decide(request.url));
    const visitor = await home.visitor(t);
    await visitor.open('/settings/setup?connect=ci&client=script');
    await visitor.signIn(ADMIN);
    const field = visitor.page.getByLabel('API key');
    await field.fill(key);
    const posts = [];
    visitor.page.on('request', (sent) => sent.method() === 'POST' && posts.push(sent));
    await visitor.page.getByRole('button', { name: 'Test connection' }).click();
    await visitor.page.getByText(/tools are open to this key/).waitFor();
    assert.equal(posts.length, 3, 'one for each stage');
    assert.ok(posts.every((sent) => !sent.url().includes(key)), 'the key is in no URL');
    assert.ok(!home.server.logs.includes(key), 'and in no log');
    await field.fill('pcl_of_somebody_else');
    await visitor.page.getByRole('button', { name: 'Test connection' }).click();
    const tools = visitor.page.locator('li.step.failed', { hasText: 'List the tools' });
    await tools.waitFor();
    assert.match(await tools.innerText(), /401/);
    visitor.assertContent();
  });

  it('copies a text at the press of a button', async (t) => {
    const visitor = await home.visitor(t, { permissions: ['clipboard-read', 'clipboard-write'] });
    await visitor.open('/settings/setup?connect=discovery&client=claude-code');
    await visitor.signIn(ADMIN);
    await visitor.page.getByRole('button', { name: 'Copy' }).first().click();
    await visitor.page.getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await visitor.page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied, `claude mcp add --transport http portcullis ${home.server.url}/mcp`);
  });
});
