// mcp 2.x from PyPI: the Python SDK, modern era first.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Person } from './support/browser.mjs';
import { hostMetadata, nativeClient } from './support/metadata-host.mjs';
import { claims, rights, untilExpired } from './support/oauth.mjs';
import { ADMIN, startPortcullis } from './support/portcullis.mjs';
import { Python } from './support/python.mjs';
import { WHO, argumentsFor, assertKnows, writingTool } from './support/tools.mjs';

describe('Python SDK', () => {
  let server;
  before(async () => {
    server = await startPortcullis();
  });
  after(() => server?.dispose());

  for (const [mode, protocol] of [
    ['auto', '2026-07-28'],
    ['legacy', '2025-11-25'],
  ]) {
    it(`discovers, registers, asks its user, and calls a tool in ${protocol}`, async (t) => {
      const app = await Program.start(t, server, { mode });
      assert.equal((await app.ask('about')).protocol, protocol);
      const kept = await app.kept();
      assertKnows(await app.whoAmI(), { username: ADMIN.username, clientId: kept.client.client_id });
      assert.deepEqual([claims(kept.tokens.access_token).aud].flat(), [server.mcp]);
      assert.ok(kept.tokens.refresh_token);
      const { tools } = await app.ask('tools');
      assert.ok(tools.some((tool) => tool.name === 'list_services'));
      assert.equal(app.visits, 1);
    });
  }

  it('is still connected after a restart and after a power failure', async (t) => {
    const own = await startPortcullis();
    t.after(() => own.dispose());
    const app = await Program.start(t, own);
    for (const hard of [false, true]) {
      await own.restart({ hard });
      assertKnows(await app.whoAmI(), { username: ADMIN.username });
    }
    assert.equal(app.visits, 1);
  });

  it('refreshes when its access token expires, without asking its user', async (t) => {
    const own = await startPortcullis({ env: { PORTCULLIS_ACCESS_TOKEN_LIFETIME: '5s' } });
    t.after(() => own.dispose());
    const app = await Program.start(t, own);
    const old = (await app.kept()).tokens;
    await untilExpired(own, old.access_token);
    // It refreshes when its own clock says so; a 401 before that would make it ask its user again.
    await sleep(1_500);
    assertKnows(await app.whoAmI(), { username: ADMIN.username });
    const fresh = (await app.kept()).tokens;
    assert.notEqual(fresh.access_token, old.access_token);
    assert.notEqual(fresh.refresh_token, old.refresh_token, 'rotated (OAuth 2.1 §4.3.1)');
    assert.equal(app.visits, 1);
  });

  it('steps up: its user is asked for what one call needs, and the call goes through', async (t) => {
    const app = await Program.start(t, server, { decision: { scopes: { 'mcp:write': false } } });
    assert.deepEqual(rights((await app.kept()).tokens.scope), ['mcp:read']);
    const tool = writingTool((await app.ask('tools')).tools);
    app.decision = {};
    const result = await app.ask('call', { name: tool.name, arguments: argumentsFor(tool.inputSchema) });
    assert.ok(result.content);
    assert.equal(app.visits, 2);
    assert.deepEqual(rights((await app.kept()).tokens.scope), ['mcp:read', 'mcp:write']);
  });

  it('is known by its metadata document', async (t) => {
    const redirect = 'http://127.0.0.1:9/callback';
    const host = await hostMetadata(nativeClient('Python by document', redirect));
    t.after(() => host.close());
    const own = await startPortcullis({ env: host.settings });
    t.after(() => own.dispose());
    const app = await Program.start(t, own, { redirect, metadata: host.url });
    assertKnows(await app.whoAmI(), { username: ADMIN.username, clientId: host.url });
    assert.equal(claims((await app.kept()).tokens.access_token).client_id, host.url);
  });
});

/** The Python program, and its user. */
class Program extends Python {
  visits = 0;

  static async start(t, server, { decision, ...settings } = {}) {
    const app = Object.assign(new Program(), { server, person: new Person(server, ADMIN), decision });
    const usual = { url: server.mcp, name: 'Python test', redirect: 'http://localhost:9/callback' };
    await app.begin(t, 'client', { ...usual, ...settings });
    return app;
  }

  whoAmI() {
    return this.ask('call', { name: WHO });
  }

  async kept() {
    const kept = await this.ask('kept');
    this.server.handedOut(kept.tokens.access_token, kept.tokens.refresh_token);
    return kept;
  }

  /** Where it needs its user, they are at hand. */
  async answer() {
    for (;;) {
      const message = await super.answer();
      if (!message.visit) return message;
      this.visits += 1;
      const callback = new URL(await this.person.decide(message.visit, this.decision));
      assert.equal(callback.searchParams.get('iss'), this.server.url, 'RFC 9207 §2');
      this.say({ callback: callback.href });
    }
  }
}
