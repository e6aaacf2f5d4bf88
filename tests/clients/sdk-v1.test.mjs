// @modelcontextprotocol/sdk 1.x: what most clients are built on today.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { READ_ONLY, application, journeys } from './support/journeys.mjs';
import { assertChallenge, rights, scopes } from './support/oauth.mjs';
import { ADMIN, startPortcullis } from './support/portcullis.mjs';
import { argumentsFor, assertKnows, writingTool } from './support/tools.mjs';

const sdk = {
  name: 'SDK v1',
  Client,
  Transport: StreamableHTTPClientTransport,
  finish: (transport, callback) => transport.finishAuth(callback.searchParams.get('code')),
  // See the dead end below.
  stepsUpWithRefreshToken: false,
};

journeys(sdk);

describe('SDK v1: step-up with a refresh token', () => {
  // This version answers every 403 by refreshing, which cannot widen a scope (RFC 6749 §6), and then gives up
  // (modelcontextprotocol/typescript-sdk #2255). Nothing a server says can help; what we say must be precise and constant.
  it('is a dead end of the client, to which we answer with the same exact 403 and lose nothing', async (t) => {
    const server = await startPortcullis();
    t.after(() => server.dispose());
    const app = application(sdk, server);
    t.after(() => app.close());
    await app.connect(READ_ONLY);
    const tool = writingTool(await app.tools());
    app.wire.clear();

    await assert.rejects(app.call(tool.name, argumentsFor(tool.inputSchema)), /403 after trying upscoping/);
    const refused = app.wire.matching({ path: '/mcp', status: 403 });
    assert.equal(refused.length, 2);
    const [first, second] = refused.map(({ headers }) => headers.get('www-authenticate'));
    assert.equal(first, second, 'the same words, or the client would loop');
    const { scope, error_description: description } = assertChallenge(refused[0].headers, { error: 'insufficient_scope' });
    assert.deepEqual(scopes(scope), ['mcp:read', 'mcp:write'], 'granted and needed');
    assert.doesNotMatch(description ?? '', /(scope|error)=/, 'clients search naively');
    const body = await refused[0].json;
    assert.ok(body, 'JSON on every 4xx');

    const refreshes = app.wire.matching({ path: '/oauth/token', grant: 'refresh_token' });
    assert.deepEqual(refreshes.map(({ status }) => status), [200], 'the refresh itself is in order');
    assert.deepEqual(rights(app.provider.kept.scope ?? 'mcp:read'), ['mcp:read'], 'and widens nothing');
    assertKnows(await app.whoAmI(), { username: ADMIN.username });
  });
});
