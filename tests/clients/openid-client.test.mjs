// openid-client 6: the certified relying party for JavaScript.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import * as client from 'openid-client';

import { Person } from './support/browser.mjs';
import {
  ACCESS_TOKEN,
  DEVICE_CODE,
  MCP_CALL,
  REDIRECT_URI,
  SIGNED_OUT,
  TOKEN_EXCHANGE,
  addClient,
  addMachine,
  assertTools,
  clientKey,
  webApplication,
} from './support/library.mjs';
import { callMcp, claims, scopes } from './support/oauth.mjs';
import { ADMIN, startPortcullis } from './support/portcullis.mjs';

// The issuer of the tests is on loopback. Every signature is checked, not only where the library must.
const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks];
const SCOPE = 'openid profile email offline_access mcp:read';

describe('openid-client', () => {
  let server;
  before(async () => {
    server = await startPortcullis();
  });
  after(() => server?.dispose());

  for (const algorithm of ['oidc', 'oauth2']) {
    it(`discovers us by ${algorithm === 'oidc' ? 'OpenID Connect Discovery' : 'RFC 8414'}`, async () => {
      const config = await known(server, 'nobody', client.None(), { algorithm });
      assert.equal(config.serverMetadata().issuer, server.url);
      assert.equal(config.serverMetadata().supportsPKCE(), true);
    });
  }

  for (const [method, authentication] of [
    ['none', () => client.None()],
    ['client_secret_basic', (secret) => client.ClientSecretBasic(secret)],
    ['client_secret_post', (secret) => client.ClientSecretPost(secret)],
  ]) {
    it(`registers, signs its user in, refreshes and revokes as a client by ${method}`, async () => {
      const { config, registered } = await register(server, { token_endpoint_auth_method: method }, authentication);
      const { tokens } = await signIn(server, config);
      assert.equal(tokens.claims().aud, registered.client_id);
      await assertTools(await callMcp(server, tokens.access_token));

      const fresh = await client.refreshTokenGrant(config, tokens.refresh_token);
      note(server, fresh);
      assert.notEqual(fresh.refresh_token, tokens.refresh_token, 'rotated (OAuth 2.1 §4.3.1)');
      assert.equal(fresh.claims().sub, tokens.claims().sub);
      await client.tokenRevocation(config, fresh.refresh_token);
      await assert.rejects(client.refreshTokenGrant(config, fresh.refresh_token), { error: 'invalid_grant', status: 400 });
      assert.equal((await callMcp(server, fresh.access_token)).status, 401, 'RFC 7009 §2.1');
    });
  }

  for (const alg of ['ES256', 'PS256', 'Ed25519']) {
    it(`proves itself by private_key_jwt with ${alg}, having registered its key`, async () => {
      const key = await clientKey(server, alg);
      const metadata = { token_endpoint_auth_method: 'private_key_jwt', jwks: key.jwks };
      const { config } = await register(server, metadata, () => client.PrivateKeyJwt(key.forLibrary));
      const { tokens } = await signIn(server, config);
      note(server, await client.refreshTokenGrant(config, tokens.refresh_token));
    });
  }

  it('throws away an answer that names another issuer (RFC 9207 §2.4)', async () => {
    const { config } = await register(server);
    const { callback, checks } = await ask(server, config);
    for (const change of [(url) => url.searchParams.set('iss', 'https://attacker.example'), (url) => url.searchParams.delete('iss')]) {
      const changed = new URL(callback);
      change(changed);
      await assert.rejects(client.authorizationCodeGrant(config, changed, checks), because(/"iss"/));
    }
    note(server, await client.authorizationCodeGrant(config, callback, checks));
  });

  it('hears that its user said no', async () => {
    const { config } = await register(server);
    const { callback, checks } = await ask(server, config, {}, { answer: 'Deny' });
    await assert.rejects(client.authorizationCodeGrant(config, callback, checks), { error: 'access_denied' });
  });

  it('gets its answer by form_post', async () => {
    const { config } = await register(server);
    const { url, checks } = await request(config, { response_mode: 'form_post' });
    const { leaves, form } = await new Person(server, ADMIN).answer(url);
    assert.equal(leaves, REDIRECT_URI, 'nothing in the URL');
    const posted = new Request(leaves, { method: 'POST', body: form });
    note(server, await client.authorizationCodeGrant(config, posted, checks));
  });

  it('asks for a recent sign-in with max_age, and checks auth_time', async () => {
    const { config } = await register(server);
    const { callback, checks } = await ask(server, config, { max_age: '600' });
    const tokens = await client.authorizationCodeGrant(config, callback, { ...checks, maxAge: 600 });
    note(server, tokens);
    assert.ok(tokens.claims().auth_time > 0);
  });

  it('pushes its authorization request (RFC 9126)', async () => {
    const { config } = await register(server, { require_pushed_authorization_requests: true });
    const { tokens } = await signIn(server, config, {}, client.buildAuthorizationUrlWithPAR);
    await assertTools(await callMcp(server, tokens.access_token));
    const { callback, checks } = await ask(server, config);
    await assert.rejects(client.authorizationCodeGrant(config, callback, checks), { error: 'invalid_request' }, '§6');
  });

  it('signs its authorization request (RFC 9101), by value and pushed', async () => {
    const key = await clientKey(server, 'ES256');
    const metadata = { token_endpoint_auth_method: 'private_key_jwt', jwks: key.jwks };
    const { config } = await register(server, metadata, () => client.PrivateKeyJwt(key.forLibrary));
    const signed = (config, parameters) => client.buildAuthorizationUrlWithJAR(config, parameters, key.forLibrary);
    const pushed = async (config, parameters) =>
      client.buildAuthorizationUrlWithPAR(config, (await signed(config, parameters)).searchParams);
    for (const build of [signed, pushed]) await signIn(server, config, {}, build);
  });

  it('binds its tokens to a key (RFC 9449) and calls the gate with them', async () => {
    const { config } = await register(server, { dpop_bound_access_tokens: true });
    const [DPoP, stranger] = await Promise.all([dpop(config), dpop(config)]);
    const { tokens } = await signIn(server, config, {}, client.buildAuthorizationUrl, { DPoP });
    assert.equal(tokens.token_type, 'dpop');
    await assertTools(await call(config, server, tokens.access_token, { DPoP }));
    assert.equal((await callMcp(server, tokens.access_token)).status, 401, 'not as a bearer token');
    await assert.rejects(call(config, server, tokens.access_token, { DPoP: stranger }), { status: 401 });

    const fresh = await client.refreshTokenGrant(config, tokens.refresh_token, {}, { DPoP });
    note(server, fresh);
    assert.equal(claims(fresh.access_token).cnf.jkt, claims(tokens.access_token).cnf.jkt);
    await assertTools(await call(config, server, fresh.access_token, { DPoP }));
    const info = await client.fetchUserInfo(config, fresh.access_token, tokens.claims().sub, { DPoP });
    assert.equal(info.preferred_username, ADMIN.username);
  });

  it('binds the code to its key before there is one (RFC 9449 §10), pushed and not', async () => {
    const { config } = await register(server, { dpop_bound_access_tokens: true });
    const [DPoP, stranger] = await Promise.all([dpop(config), dpop(config)]);
    const pushed = (config, parameters) => client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP });
    for (const [build, more] of [
      [pushed, {}],
      [client.buildAuthorizationUrl, { dpop_jkt: await DPoP.calculateThumbprint() }],
    ]) {
      const { callback, checks } = await ask(server, config, more, {}, build);
      await assert.rejects(client.authorizationCodeGrant(config, callback, checks, {}, { DPoP: stranger }), client.ResponseBodyError);
      note(server, await client.authorizationCodeGrant(config, callback, checks, {}, { DPoP }));
    }
  });

  it('reads who its user is (userinfo)', async () => {
    const { config } = await register(server);
    const { tokens } = await signIn(server, config);
    const { sub } = tokens.claims();
    const info = await client.fetchUserInfo(config, tokens.access_token, sub);
    assert.equal(info.sub, sub);
    assert.equal(info.preferred_username, ADMIN.username);
    await assert.rejects(client.fetchUserInfo(config, tokens.access_token, 'somebody-else'), because(/"sub"/));
  });

  it('introspects its tokens, and sees them end (RFC 7662)', async () => {
    const { config, registered } = await register(server);
    const { tokens } = await signIn(server, config);
    for (const token of [tokens.access_token, tokens.refresh_token]) {
      const about = await client.tokenIntrospection(config, token);
      assert.equal(about.active, true);
      assert.equal(about.client_id, registered.client_id);
      assert.ok(scopes(about.scope).includes('mcp:read'));
    }
    await client.tokenRevocation(config, tokens.access_token);
    assert.deepEqual(await client.tokenIntrospection(config, tokens.access_token), { active: false });
  });

  it('signs its user out (RP-Initiated Logout), and the browser comes back', async () => {
    const { config } = await register(server, { post_logout_redirect_uris: [SIGNED_OUT] });
    const person = new Person(server, ADMIN);
    const { tokens } = await signIn(server, config, {}, client.buildAuthorizationUrl, {}, person);
    const state = client.randomState();
    const url = client.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: SIGNED_OUT,
      state,
    });
    let at = await person.browser.open(url);
    if (at.button?.('Sign out')) at = await at.press('Sign out');
    assert.equal(at.leaves, `${SIGNED_OUT}?state=${state}`);
    const apps = await person.browser.open('/settings/apps');
    assert.ok(apps.button('Sign in'), 'nobody is signed in at this browser any more');
  });

  it('connects a device (RFC 8628)', async () => {
    const metadata = { grant_types: [DEVICE_CODE, 'refresh_token'], redirect_uris: [], response_types: [], token_endpoint_auth_method: 'none' };
    const { config } = await register(server, metadata, () => client.None());
    const started = await client.initiateDeviceAuthorization(config, { scope: SCOPE });
    server.handedOut(started.device_code);
    const polled = client.pollDeviceAuthorizationGrant(config, started);
    const done = await new Person(server, ADMIN).connectDevice(started.verification_uri_complete);
    assert.match(done.heading, /connected/);
    const tokens = await polled;
    note(server, tokens);
    await assertTools(await callMcp(server, tokens.access_token));
    note(server, await client.refreshTokenGrant(config, tokens.refresh_token));
  });

  it('hears that a device was refused', async () => {
    const metadata = { grant_types: [DEVICE_CODE], redirect_uris: [], response_types: [], token_endpoint_auth_method: 'none' };
    const { config } = await register(server, metadata, () => client.None());
    const started = await client.initiateDeviceAuthorization(config, { scope: 'mcp:read' });
    server.handedOut(started.device_code);
    await new Person(server, ADMIN).connectDevice(started.verification_uri_complete, 'Deny');
    await assert.rejects(client.pollDeviceAuthorizationGrant(config, started), { error: 'access_denied' });
  });

  for (const [method, authentication] of [
    ['client_secret_basic', ({ secret }) => client.ClientSecretBasic(secret)],
    ['client_secret_post', ({ secret }) => client.ClientSecretPost(secret)],
    ['private_key_jwt', (_, key) => client.PrivateKeyJwt(key.forLibrary)],
  ]) {
    it(`acts for itself (client credentials) by ${method}`, async () => {
      const key = method === 'private_key_jwt' ? await clientKey(server, 'Ed25519') : undefined;
      const machine = await addMachine(server, `robot-${method}`, method, key);
      const config = await known(server, machine.id, authentication(machine, key));
      const tokens = await client.clientCredentialsGrant(config, { resource: server.mcp, scope: 'mcp:read' });
      note(server, tokens);
      assert.equal(tokens.refresh_token, undefined, 'RFC 6749 §4.4.3');
      assert.equal(claims(tokens.access_token).client_id, machine.id);
      await assertTools(await callMcp(server, tokens.access_token));
    });
  }

  it('exchanges its token for a narrower one (RFC 8693)', async () => {
    const added = await addClient(
      server,
      'Exchanger',
      ...['--redirect-uri', REDIRECT_URI, '--grant', 'authorization_code', '--grant', TOKEN_EXCHANGE],
    );
    const config = await known(server, added.client_id, client.ClientSecretBasic(added.client_secret));
    const { tokens } = await signIn(server, config, { scope: 'mcp:read mcp:write' });
    const narrow = await client.genericGrantRequest(config, TOKEN_EXCHANGE, {
      subject_token: tokens.access_token,
      subject_token_type: ACCESS_TOKEN,
      resource: server.mcp,
      scope: 'mcp:read',
    });
    note(server, narrow);
    assert.equal(narrow.issued_token_type, ACCESS_TOKEN);
    assert.equal(claims(narrow.access_token).sub, claims(tokens.access_token).sub);
    assert.deepEqual(scopes(claims(narrow.access_token).scope), ['mcp:read']);
    await assertTools(await callMcp(server, narrow.access_token));
  });

  it('meets the FAPI 2.0 profile: a pushed request, private_key_jwt and DPoP', async () => {
    const key = await clientKey(server, 'PS256');
    const added = await addClient(server, 'Ledger', '--redirect-uri', REDIRECT_URI, '--jwks-file', key.file, '--fapi2');
    const config = await known(server, added.client_id, client.PrivateKeyJwt(key.forLibrary));
    const DPoP = await dpop(config);
    const pushed = (config, parameters) => client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP });
    const { tokens } = await signIn(server, config, {}, pushed, { DPoP });
    await assertTools(await call(config, server, tokens.access_token, { DPoP }));
    const fresh = await client.refreshTokenGrant(config, tokens.refresh_token, {}, { DPoP });
    note(server, fresh);
    assert.equal(fresh.refresh_token, tokens.refresh_token, 'not rotated (FAPI 2.0 Security Profile §5.3.2.1)');
    const stranger = await dpop(config);
    const refused = { error: 'invalid_grant' };
    await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token, {}, { DPoP: stranger }), refused);
    note(server, await client.refreshTokenGrant(config, tokens.refresh_token, {}, { DPoP }));
  });
});

/** A client by discovery, whose id is known. */
function known(server, id, authentication, options = {}) {
  return client.discovery(new URL(server.url), id, {}, authentication, { execute, ...options });
}

/** A client that registers itself (RFC 7591). */
async function register(server, metadata, authentication = (secret) => client.ClientSecretBasic(secret)) {
  const says = webApplication({ client_name: 'openid-client test', ...metadata });
  const options = { execute };
  const config = await client.dynamicClientRegistration(new URL(server.url), says, undefined, options);
  const registered = config.clientMetadata();
  server.handedOut(registered.client_secret);
  assert.equal(registered.token_endpoint_auth_method, says.token_endpoint_auth_method);
  return { config: await known(server, registered.client_id, authentication(registered.client_secret)), registered };
}

/** An authorization request, and what its answer must match. */
async function request(config, more = {}, build = client.buildAuthorizationUrl) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const wanted = { scope: SCOPE, ...more };
  const isOpenId = scopes(wanted.scope).includes('openid');
  const url = await build(config, {
    redirect_uri: REDIRECT_URI,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    ...(isOpenId ? { nonce: expectedNonce } : {}),
    ...wanted,
  });
  return { url, checks: { pkceCodeVerifier, expectedState, ...(isOpenId ? { expectedNonce } : {}) } };
}

/** Sends its user to us: the answer, and what it must match. */
async function ask(server, config, more, decision, build, person = new Person(server, ADMIN)) {
  const { url, checks } = await request(config, more, build);
  return { callback: new URL(await person.decide(url, decision)), checks };
}

/** The whole way: everything that the library can check is checked. */
async function signIn(server, config, more = {}, build = client.buildAuthorizationUrl, options = {}, person = undefined) {
  const { callback, checks } = await ask(server, config, more, {}, build, person);
  const tokens = await client.authorizationCodeGrant(config, callback, checks, {}, options);
  note(server, tokens);
  return { tokens };
}

/** A fresh key for DPoP. */
async function dpop(config) {
  return client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
}

function call(config, server, token, options) {
  const { method, headers, body } = MCP_CALL;
  return client.fetchProtectedResource(config, token, new URL(server.mcp), method, body, new Headers(headers), options);
}

/** The library's error, by what lies under it. */
const because = (pattern) => (error) => pattern.test(error.cause?.message ?? error.message) || assert.fail(error);

function note(server, tokens) {
  server.handedOut(tokens.access_token, tokens.refresh_token, tokens.id_token);
}
