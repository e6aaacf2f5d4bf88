// @modelcontextprotocol/client 2.x: both eras of the protocol, and the checks of RFC 9207.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

import { application, journeys } from './support/journeys.mjs';
import { assertChallenge, callMcp, rights, scopes, untilExpired } from './support/oauth.mjs';
import { ADMIN, startPortcullis } from './support/portcullis.mjs';
import { argumentsFor, assertKnows, destroyingTool, said } from './support/tools.mjs';

const sdk = {
  name: 'Client v2',
  Client,
  Transport: StreamableHTTPClientTransport,
  finish: (transport, callback) => transport.finishAuth(callback.searchParams),
  stepsUpWithRefreshToken: true,
};
const modern = { clientOptions: { versionNegotiation: { mode: 'auto' } } };

journeys(sdk, modern);

describe('Client v2: eras and issuers', () => {
  let server;
  before(async () => {
    server = await startPortcullis();
  });
  after(() => server?.dispose());

  it('speaks 2026-07-28 where it negotiates', async (t) => {
    const app = application(sdk, server, modern);
    t.after(() => app.close());
    await app.connect();
    assert.equal(app.client.getNegotiatedProtocolVersion(), '2026-07-28');
    assertKnows(await app.whoAmI(), { username: ADMIN.username });
    assert.equal(app.wire.matching({ rpc: 'initialize' }).length, 0, 'no handshake');
    assert.ok(app.wire.matching({ rpc: 'server/discover', status: 200 }).length >= 1);
  });

  it('speaks 2025-11-25 where it does not', async (t) => {
    const app = application(sdk, server);
    t.after(() => app.close());
    await app.connect();
    assert.equal(app.client.getNegotiatedProtocolVersion(), '2025-11-25');
    assertKnows(await app.whoAmI(), { username: ADMIN.username });
    assert.equal(app.wire.matching({ rpc: 'server/discover' }).length, 0);
  });

  it('reads resources and prompts in either era', async (t) => {
    for (const options of [modern, {}]) {
      const app = application(sdk, server, options);
      t.after(() => app.close());
      await app.connect();
      const { resources } = await app.client.listResources();
      assert.ok(resources.length >= 1);
      const { contents } = await app.client.readResource({ uri: resources[0].uri });
      assert.ok(contents.length >= 1);
      const { prompts } = await app.client.listPrompts();
      assert.ok(prompts.length >= 1);
    }
  });

  it('gets the right to destroy only for a call that needs it, and can end its own connection with it', async (t) => {
    const app = application(sdk, server, modern);
    t.after(() => app.close());
    await app.connect();
    assert.deepEqual(rights(app.provider.kept.scope), ['mcp:read', 'mcp:write'], 'not asked for at first');
    const tool = destroyingTool(await app.tools());
    app.wire.clear();
    await assert.rejects(app.call(tool.name, argumentsFor(tool.inputSchema)));
    const [refused] = app.wire.matching({ path: '/mcp', status: 403 });
    const { scope } = assertChallenge(refused.headers, { error: 'insufficient_scope' });
    assert.deepEqual(scopes(scope), ['mcp:delete', 'mcp:read', 'mcp:write']);
    await app.answer({ scopes: { 'mcp:delete': true } });
    const { access_token: token } = app.provider.kept;
    const result = await app.call(tool.name, argumentsFor(tool.inputSchema));
    assert.notEqual(result.isError, true, said(result));
    if (tool.name === 'disconnect_me') {
      const after = await callMcp(server, token);
      assert.equal(after.status, 401, 'ended at once');
      assertChallenge(after.headers, { error: 'invalid_token' });
    }
  });

  for (const [what, alter] of [
    ['another issuer', (parameters) => parameters.set('iss', 'https://attacker.example')],
    ['no issuer', (parameters) => parameters.delete('iss')],
  ]) {
    it(`throws away an answer that names ${what} (mix-up, RFC 9207 §2.4)`, async (t) => {
      const app = application(
        { ...sdk, finish: (transport, callback) => (alter(callback.searchParams), sdk.finish(transport, callback)) },
        server,
        modern,
      );
      t.after(() => app.close());
      await assert.rejects(app.connect(), /iss/i);
      assert.equal(app.wire.matching({ path: '/oauth/token' }).length, 0, 'the code was not sent anywhere');
    });
  }
});

describe('Client v2: several programs, one sign-in', () => {
  it('may all refresh at the same moment, and all go on (no reuse alarm for a burst)', async (t) => {
    const server = await startPortcullis({ env: { PORTCULLIS_ACCESS_TOKEN_LIFETIME: '5s' } });
    t.after(() => server.dispose());
    const first = application(sdk, server, modern);
    await first.connect();
    const apps = [first];
    for (let more = 0; more < 4; more += 1) {
      const app = application(sdk, server, modern);
      app.provider.registered = first.provider.registered;
      app.provider.kept = first.provider.kept;
      await app.connect();
      apps.push(app);
    }
    t.after(() => Promise.all(apps.map((app) => app.close())));
    const shared = first.provider.kept;
    for (const app of apps) app.provider.kept = shared;

    await untilExpired(server, shared.access_token);
    for (const result of await Promise.all(apps.map((app) => app.whoAmI()))) assertKnows(result, { username: ADMIN.username });
    const successors = new Set(apps.map((app) => app.provider.kept.refresh_token));
    assert.equal(successors.size, 1, 'each presenter of one refresh token gets the same successor');
    assert.notEqual([...successors][0], shared.refresh_token);
    assert.equal(apps.flatMap((app) => app.person.consents).length, 1, 'nobody was asked again');
  });
});
