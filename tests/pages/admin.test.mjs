// Administration: what a client would meet here, and how far recent attempts came. (That the pages are good to read and to use
// in every size and colour is in every-page.test.mjs.)

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { authorizationRequest } from '../clients/support/oauth.mjs';
import { ADMIN } from '../clients/support/portcullis.mjs';
import { house } from './support/house.mjs';

describe('Administration', () => {
  const home = house();

  for (const javaScriptEnabled of [true, false]) {
    it(`examines our own address${javaScriptEnabled ? '' : ', without JavaScript'}`, async (t) => {
      const visitor = await home.visitor(t, { javaScriptEnabled });
      await visitor.open('/admin/doctor');
      await visitor.signIn(ADMIN);
      assert.equal(await visitor.page.getByLabel('Address of the MCP server').inputValue(), `${home.server.url}/mcp`);
      await visitor.press('Examine');
      const text = await visitor.text();
      assert.match(text, /All 11 clients can connect/);
      for (const name of ['Claude Code', 'VS Code', 'Cursor', 'MCP Inspector', 'mcp-remote']) assert.ok(text.includes(name), name);
      visitor.assertContent();
    });
  }

  it('shows what was refused to whom, and why', async (t) => {
    const visitor = await home.visitor(t);
    await visitor.open(authorizationRequest(home.server, { clientId: 'long-forgotten', redirectUri: 'https://notes.example/cb' }).url);
    await visitor.open('/admin/flows');
    await visitor.signIn(ADMIN);
    const text = await visitor.text();
    assert.ok(text.includes('long-forgotten'), text);
    assert.match(text, /No client of this id is registered here/);
    visitor.assertContent();
  });

  for (const javaScriptEnabled of [true, false]) {
    it(`searches the audit trail and hands out a copy${javaScriptEnabled ? '' : ', without JavaScript'}`, async (t) => {
      const visitor = await home.visitor(t, { javaScriptEnabled });
      await visitor.open('/admin/audit');
      await visitor.signIn(ADMIN);
      await visitor.page.getByRole('link', { name: 'Audit', exact: true }).waitFor();
      await visitor.page.getByLabel('Event', { exact: true }).fill('session.');
      await visitor.page.locator('#outcome').selectOption('Done');
      await visitor.page.getByText('Who, where and when').click();
      await visitor.page.getByLabel('Person or program').fill(ADMIN.username);
      await visitor.press('Search');
      const row = visitor.page.getByRole('row').filter({ hasText: 'session.signed_in' }).first();
      assert.match(await row.innerText(), new RegExp(ADMIN.username));
      await row.locator('summary').click();
      assert.match(await row.innerText(), /request\s+[0-9a-f-]{36}/);
      const [copy] = await Promise.all([visitor.page.waitForEvent('download'), visitor.page.getByRole('link', { name: 'Export as CSV' }).click()]);
      assert.match(copy.suggestedFilename(), /^portcullis-audit-.*\.csv$/);
      await visitor.page.getByLabel('Event', { exact: true }).fill('sesion.');
      await visitor.press('Search');
      assert.match(await visitor.text(), /it must be the name of an event/);
      visitor.assertContent();
    });
  }

  it('is for administrators only', async (t) => {
    const carol = await home.server.addPerson('carol', 'chapel-thimble-meadow-63');
    const visitor = await home.visitor(t);
    await visitor.open('/settings/apps');
    await visitor.signIn(carol);
    assert.ok(!(await visitor.text()).includes('Connection doctor'));
    const answer = await visitor.context.request.get('/admin/flows');
    assert.equal(answer.status(), 403);
  });
});
