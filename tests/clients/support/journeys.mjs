// The ways that both TypeScript SDKs go. Each file of theirs runs them and adds its own.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Application } from './application.mjs';
import { Person } from './browser.mjs';
import { hostMetadata, nativeClient } from './metadata-host.mjs';
import { assertChallenge, callMcp, claims, hasNull, rights, scopes, untilExpired } from './oauth.mjs';
import { ADMIN, startPortcullis } from './portcullis.mjs';
import { Provider } from './provider.mjs';
import { WHO, argumentsFor, assertKnows, said, writingTool } from './tools.mjs';

export const READ_ONLY = Object.freeze({ scopes: { 'mcp:write': false } });

/** An application, its provider and its user, who has not signed in yet. */
export function application(sdk, server, { clientOptions, ...provider } = {}) {
  const person = new Person(server, ADMIN);
  return new Application(sdk, {
    server,
    person,
    provider: new Provider({ server, name: `${sdk.name} test`, ...provider }),
    clientOptions,
  });
}

/** What every application can do. */
export function journeys(sdk, options = {}) {
  describe(`${sdk.name}: the whole way`, () => {
    let server;
    before(async () => {
      server = await startPortcullis();
    });
    after(() => server?.dispose());

    it('discovers, registers, asks its user, and calls a tool', async (t) => {
      const app = application(sdk, server, options);
      t.after(() => app.close());
      await app.connect();
      assertKnows(await app.whoAmI(), {
        username: ADMIN.username,
        clientId: app.provider.registered.client_id,
        token: app.provider.kept.access_token,
      });
      const tools = await app.tools();
      for (const name of [WHO, 'list_services', 'intelligent_tool_finder']) {
        assert.ok(tools.some((tool) => tool.name === name), `${name} is among the tools`);
      }
      await assertDiscovery(app.wire, server);
      await assertRegistration(app.wire, app.provider);
      await assertTokens(app.wire, server, app.provider);
      assertConsent(app.person.consents, app.provider.clientMetadata.client_name);
    });

    it('hears that its user said no, with state and issuer, and gets no code', async (t) => {
      const app = application(sdk, server, options);
      t.after(() => app.close());
      await assert.rejects(async () => {
        app.transport = new sdk.Transport(new URL(server.mcp), { authProvider: app.provider, fetch: app.wire.fetch });
        app.client = new sdk.Client({ name: 'interoperability-test', version: '1.0.0' }, options.clientOptions);
        await app.client.connect(app.transport);
      });
      const callback = await app.visit({ answer: 'Deny' });
      assert.equal(callback.searchParams.get('error'), 'access_denied', 'RFC 6749 §4.1.2.1');
      assert.equal(callback.searchParams.get('code'), null);
    });

    it('starts anew with its user when its refresh token is dead', async (t) => {
      const app = application(sdk, server, options);
      t.after(() => app.close());
      await app.connect();
      app.provider.kept = { ...app.provider.kept, access_token: 'dead', refresh_token: 'dead' };
      app.wire.clear();
      await app.connect();
      const [refused] = app.wire.matching({ path: '/oauth/token', grant: 'refresh_token' });
      assert.equal(refused.status, 400);
      assert.equal((await refused.json).error, 'invalid_grant');
      assert.equal(app.person.consents.length, 2);
      assertKnows(await app.whoAmI(), { username: ADMIN.username });
    });

    it('registers anew when we do not know its registration', async (t) => {
      const app = application(sdk, server, options);
      t.after(() => app.close());
      app.provider.registered = { client_id: 'forgotten', issuer: server.url };
      app.provider.kept = { access_token: 'dead', refresh_token: 'dead', token_type: 'Bearer', issuer: server.url };
      await app.connect();
      const [refused] = app.wire.matching({ path: '/oauth/token', grant: 'refresh_token' });
      assert.equal(refused.status, 401, 'RFC 6749 §5.2');
      assert.equal((await refused.json).error, 'invalid_client');
      assert.equal(app.wire.matching({ path: '/oauth/clients/register', status: 201 }).length, 1);
      assertKnows(await app.whoAmI(), { username: ADMIN.username });
    });

    it('is still connected after a restart and after a power failure', async (t) => {
      const own = await startPortcullis();
      t.after(() => own.dispose());
      const app = application(sdk, own, options);
      t.after(() => app.close());
      await app.connect();
      for (const hard of [false, true]) {
        await own.restart({ hard });
        assertKnows(await app.whoAmI(), { username: ADMIN.username });
        await app.connect();
        assertKnows(await app.whoAmI(), { username: ADMIN.username });
      }
      assert.equal(app.person.consents.length, 1, 'nobody was asked again');
    });
  });

  describe(`${sdk.name}: an access token expires`, () => {
    it('refreshes and goes on, also after a restart, without asking its user', async (t) => {
      const server = await startPortcullis({ env: { PORTCULLIS_ACCESS_TOKEN_LIFETIME: '5s' } });
      t.after(() => server.dispose());
      const app = application(sdk, server, options);
      t.after(() => app.close());
      await app.connect();
      for (const restart of [false, true]) {
        const old = app.provider.kept;
        await untilExpired(server, old.access_token);
        if (restart) await server.restart();
        app.wire.clear();
        assertKnows(await app.whoAmI(), { username: ADMIN.username });
        const refresh = app.wire.matching({ path: '/oauth/token', grant: 'refresh_token' });
        assert.ok(refresh.length >= 1 && refresh.every((exchange) => exchange.status === 200), 'refreshed');
        assert.equal(refresh[0].form.get('resource'), server.mcp, 'RFC 8707 §2.2');
        assert.notEqual(app.provider.kept.access_token, old.access_token);
        assert.notEqual(app.provider.kept.refresh_token, old.refresh_token, 'rotated (OAuth 2.1 §4.3.1)');
      }
      assert.equal(app.person.consents.length, 1, 'nobody was asked again');
    });
  });

  describe(`${sdk.name}: known by its metadata document`, () => {
    it('connects without registering, and its user reads which host vouches for it', async (t) => {
      const redirectUrl = 'http://127.0.0.1:9/callback';
      // The document is portless, the client is not (RFC 8252 §7.3).
      const host = await hostMetadata(nativeClient(`${sdk.name} by document`, 'http://127.0.0.1/callback'));
      t.after(() => host.close());
      const server = await startPortcullis({ env: host.settings });
      t.after(() => server.dispose());
      const app = application(sdk, server, { ...options, redirectUrl, clientMetadataUrl: host.url });
      t.after(() => app.close());
      await app.connect();
      assertKnows(await app.whoAmI(), { username: ADMIN.username, clientId: host.url });
      assert.equal(app.wire.matching({ path: '/oauth/clients/register' }).length, 0, 'not registered');
      assert.equal(claims(app.provider.kept.access_token).client_id, host.url);
      assert.ok(host.fetches >= 1, 'the document was fetched');
      const [page] = app.person.consents;
      assert.ok(page.text.includes('localhost'), 'CIMD draft: the host of the client id is shown');
      assert.ok(page.text.includes(`${sdk.name} by document`));
    });
  });

  describe(`${sdk.name}: step-up`, () => {
    it('asks its user for what one call needs, and keeps what it had', async (t) => {
      const server = await startPortcullis();
      t.after(() => server.dispose());
      const app = application(sdk, server, { ...options, refresh: sdk.stepsUpWithRefreshToken });
      t.after(() => app.close());
      await app.connect(READ_ONLY);
      assert.equal('refresh_token' in app.provider.kept, sdk.stepsUpWithRefreshToken, 'only who registered for it gets one');
      assert.deepEqual(rights(app.provider.kept.scope), ['mcp:read']);
      const tool = writingTool(await app.tools());
      app.wire.clear();

      await assert.rejects(app.call(tool.name, argumentsFor(tool.inputSchema)));
      const [refused] = app.wire.matching({ path: '/mcp', status: 403 });
      const { scope } = assertChallenge(refused.headers, { error: 'insufficient_scope' });
      assert.deepEqual(scopes(scope), ['mcp:read', 'mcp:write'], 'granted and needed, and nothing else');

      await app.answer({ scopes: { 'mcp:write': true } });
      const result = await app.call(tool.name, argumentsFor(tool.inputSchema));
      assert.notEqual(result.isError, true, said(result));
      assert.deepEqual(rights(app.provider.kept.scope), ['mcp:read', 'mcp:write'], 'reading still works');
      assert.equal(app.person.consents.length, 2, 'asked twice, once for each');
      assertKnows(await app.whoAmI(), { username: ADMIN.username });
    });
  });
}

async function assertDiscovery(wire, server) {
  const [first] = wire.exchanges;
  assert.equal(first.path, '/mcp');
  assert.equal(first.status, 401);
  const parameters = assertChallenge(first.headers, { error: undefined });
  assert.deepEqual(scopes(parameters.scope), ['mcp:read', 'mcp:write'], 'the 401 asks for little');

  const [metadata] = wire.matching({ path: '/.well-known/oauth-protected-resource/mcp' });
  const resource = await metadata.json;
  assert.equal(metadata.status, 200);
  assert.equal(resource.resource, server.mcp);
  assert.deepEqual(resource.authorization_servers, [server.url]);
  assert.ok(!resource.scopes_supported.includes('offline_access'), 'SEP-2207');

  const [discovery] = wire.matching({ path: '/.well-known/oauth-authorization-server', status: 200 });
  const issuer = await discovery.json;
  assert.equal(issuer.issuer, server.url, 'RFC 8414 §3.3');
  assert.ok(issuer.code_challenge_methods_supported.includes('S256'));
  assert.ok(issuer.token_endpoint_auth_methods_supported.includes('none'));
  assert.equal(issuer.authorization_response_iss_parameter_supported, true);
  assert.equal(issuer.client_id_metadata_document_supported, true);
  assert.ok(!hasNull(resource) && !hasNull(issuer), 'no null in a document');
}

async function assertRegistration(wire, provider) {
  const registrations = wire.matching({ method: 'POST', path: '/oauth/clients/register' });
  assert.equal(registrations.length, 1);
  assert.equal(registrations[0].status, 201);
  const registered = await registrations[0].json;
  assert.ok(!hasNull(registered), 'no null in a registration');
  assert.equal(registered.client_secret, undefined, 'a public client has no secret');
  assert.equal(registered.token_endpoint_auth_method, 'none');
  assert.deepEqual(registered.redirect_uris, [provider.redirectUrl]);
  assert.match(registered.client_id, /^[A-Za-z0-9_-]+$/);
}

async function assertTokens(wire, server, provider) {
  const [exchange] = wire.matching({ path: '/oauth/token', grant: 'authorization_code' });
  assert.equal(exchange.status, 200);
  assert.match(exchange.headers.get('cache-control'), /no-store/, 'RFC 6749 §5.1');
  const tokens = await exchange.json;
  assert.ok(!hasNull(tokens), 'no null in a token response');
  assert.equal(tokens.token_type, 'Bearer');
  assert.ok(tokens.refresh_token, 'who registered the refresh_token grant gets one');
  assert.deepEqual(rights(tokens.scope), ['mcp:read', 'mcp:write']);
  const token = claims(tokens.access_token);
  assert.equal(token.iss, server.url);
  assert.deepEqual([token.aud].flat(), [server.mcp], 'RFC 8707 §2');
  assert.equal(token.client_id, provider.registered.client_id, 'RFC 9068 §2.2');
  const forged = `${tokens.access_token.slice(0, -8)}AAAAAAAA`;
  const refused = await callMcp(server, forged);
  assert.equal(refused.status, 401, 'a token with another signature opens nothing');
  assertChallenge(refused.headers, { error: 'invalid_token' });
}

function assertConsent(pages, name) {
  assert.equal(pages.length, 1);
  const [page] = pages;
  assert.equal(page.status, 200);
  assert.ok(page.text.includes(name), 'says who asks');
  assert.match(page.text, /not verified/i, 'says that the name is only claimed');
  assert.match(page.text, /localhost|this computer/, 'says where the answer goes');
  assert.ok(page.text.includes(ADMIN.username), 'says who is signed in');
  assert.ok(page.button('Allow') && page.button('Deny'));
  const csp = page.headers.get('content-security-policy') ?? '';
  assert.match(csp, /default-src 'none'/);
  assert.match(csp, /frame-ancestors 'none'/, 'clickjacking');
  assert.doesNotMatch(csp, /form-action/, 'would block the redirect after Allow in Chromium');
}
