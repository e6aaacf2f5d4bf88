// oauth4webapi 3: each request and each check of its answer by itself, on both sides of a token.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import * as oauth from 'oauth4webapi';

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

// The issuer of the tests is on loopback.
const http = { [oauth.allowInsecureRequests]: true };
const SCOPE = 'openid profile email offline_access mcp:read';

describe('oauth4webapi', () => {
  let server;
  before(async () => {
    server = await startPortcullis();
  });
  after(() => server?.dispose());

  it('finds the way from the resource to its issuer (RFC 9728), and reads both documents of the issuer', async () => {
    const mcp = new URL(server.mcp);
    const resource = await oauth.processResourceDiscoveryResponse(mcp, await oauth.resourceDiscoveryRequest(mcp, http));
    assert.deepEqual(resource.authorization_servers, [server.url]);
    const [oidc, oauth2] = [await discover(server, 'oidc'), await discover(server, 'oauth2')];
    assert.deepEqual(oidc, oauth2, 'they say the same');
  });

  for (const method of ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt']) {
    it(`registers, signs its user in, refreshes and revokes as a client by ${method}`, async () => {
      const app = await App.register(server, { token_endpoint_auth_method: method });
      const tokens = await app.signIn();
      const idToken = oauth.getValidatedIdTokenClaims(tokens);
      assert.equal(idToken.aud, app.client.client_id);
      await assertTools(await callMcp(server, tokens.access_token));

      const fresh = await app.refresh(tokens.refresh_token);
      assert.notEqual(fresh.refresh_token, tokens.refresh_token, 'rotated (OAuth 2.1 §4.3.1)');
      const revoked = await oauth.revocationRequest(app.as, app.client, app.authentication, fresh.refresh_token, http);
      await oauth.processRevocationResponse(revoked);
      await assert.rejects(app.refresh(fresh.refresh_token), { error: 'invalid_grant', status: 400 });
      assert.equal((await callMcp(server, fresh.access_token)).status, 401, 'RFC 7009 §2.1');
    });
  }

  it('verifies our access tokens as a resource server would (RFC 9068)', async () => {
    const app = await App.register(server);
    const { access_token: token } = await app.signIn();
    const request = () => new Request(server.mcp, { headers: { authorization: `Bearer ${token}` } });
    const verified = await oauth.validateJwtAccessToken(app.as, request(), server.mcp, http);
    assert.equal(verified.client_id, app.client.client_id);
    assert.ok(scopes(verified.scope).includes('mcp:read'));
    await assert.rejects(oauth.validateJwtAccessToken(app.as, request(), 'https://elsewhere.example', http), /"aud"/);
  });

  it('verifies a DPoP-bound one with its proof (RFC 9449 §7)', async () => {
    const app = await App.register(server);
    const DPoP = await app.dpop();
    const { access_token: token } = await app.signIn({ DPoP });
    let seen;
    const record = async (url, init) => {
      seen = new Request(url, init);
      return new Response();
    };
    await oauth.protectedResourceRequest(token, 'GET', new URL(server.mcp), undefined, undefined, { ...http, DPoP, [oauth.customFetch]: record });
    const verified = await oauth.validateJwtAccessToken(app.as, seen, server.mcp, http);
    assert.equal(verified.cnf.jkt, await DPoP.calculateThumbprint());
  });

  it('throws away an answer that names another issuer (RFC 9207 §2.4)', async () => {
    const app = await App.register(server);
    const { callback, state } = await app.ask();
    callback.searchParams.set('iss', 'https://attacker.example');
    assert.throws(() => oauth.validateAuthResponse(app.as, app.client, callback, state), /iss/);
  });

  it('gets its answer by form_post', async () => {
    const app = await App.register(server);
    const asked = await app.request({ response_mode: 'form_post' });
    const { leaves, form } = await app.person.answer(asked.url);
    assert.equal(leaves, REDIRECT_URI, 'nothing in the URL');
    await app.redeem({ ...asked, callback: form });
  });

  it('pushes its authorization request (RFC 9126)', async () => {
    const app = await App.register(server, { require_pushed_authorization_requests: true });
    await app.signIn({ push: true });
  });

  it('signs its authorization request (RFC 9101), by value and pushed', async () => {
    const app = await App.register(server, { token_endpoint_auth_method: 'private_key_jwt' });
    for (const push of [false, true]) await app.signIn({ sign: true, push });
  });

  it('binds its tokens to a key (RFC 9449) and calls the gate with them', async () => {
    const app = await App.register(server, { dpop_bound_access_tokens: true });
    const [DPoP, stranger] = await Promise.all([app.dpop(), app.dpop()]);
    const tokens = await app.signIn({ DPoP, push: true });
    assert.equal(tokens.token_type, 'dpop');
    await assertTools(await app.call(tokens.access_token, DPoP));
    await assert.rejects(app.call(tokens.access_token, stranger), { status: 401 });
    const fresh = await app.refresh(tokens.refresh_token, { DPoP });
    await assertTools(await app.call(fresh.access_token, DPoP));
  });

  it('gets no token without a proof where it registered for DPoP', async () => {
    const app = await App.register(server, { dpop_bound_access_tokens: true });
    await assert.rejects(app.signIn(), { error: 'invalid_request' });
  });

  it('reads who its user is (userinfo)', async () => {
    const app = await App.register(server);
    const tokens = await app.signIn();
    const { sub } = oauth.getValidatedIdTokenClaims(tokens);
    const answer = await oauth.userInfoRequest(app.as, app.client, tokens.access_token, http);
    const info = await oauth.processUserInfoResponse(app.as, app.client, sub, answer);
    assert.equal(info.preferred_username, ADMIN.username);
    await assert.rejects(oauth.userInfoRequest(app.as, app.client, 'forged', http).then((answer) => oauth.processUserInfoResponse(app.as, app.client, sub, answer)), { status: 401 });
  });

  it('introspects its tokens, and sees them end (RFC 7662)', async () => {
    const app = await App.register(server);
    const tokens = await app.signIn();
    for (const token of [tokens.access_token, tokens.refresh_token]) {
      const about = await app.introspect(token);
      assert.equal(about.active, true);
      assert.equal(about.client_id, app.client.client_id);
    }
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(app.as, app.client, app.authentication, tokens.access_token, http),
    );
    assert.deepEqual(await app.introspect(tokens.access_token), { active: false });
    const other = await App.register(server, { client_name: 'Somebody else' });
    assert.deepEqual(await other.introspect((await app.signIn()).access_token), { active: false }, "another client's");
  });

  it('connects a device (RFC 8628), which polls too early and then waits', async () => {
    const app = await App.register(server, {
      grant_types: [DEVICE_CODE, 'refresh_token'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'none',
    });
    const answer = await oauth.deviceAuthorizationRequest(app.as, app.client, app.authentication, { scope: SCOPE }, http);
    const started = await oauth.processDeviceAuthorizationResponse(app.as, app.client, answer);
    server.handedOut(started.device_code);
    const poll = async () => {
      const answer = await oauth.deviceCodeGrantRequest(app.as, app.client, app.authentication, started.device_code, http);
      return oauth.processDeviceCodeResponse(app.as, app.client, answer);
    };
    await assert.rejects(poll(), { error: 'authorization_pending' });
    await assert.rejects(poll(), { error: 'slow_down' });
    await app.person.connectDevice(started.verification_uri_complete);
    await sleep((started.interval + 6) * 1_000);
    const tokens = app.note(await poll());
    await assertTools(await callMcp(server, tokens.access_token));
  });

  for (const [method, authentication] of [
    ['client_secret_basic', ({ secret }) => oauth.ClientSecretBasic(secret)],
    ['client_secret_post', ({ secret }) => oauth.ClientSecretPost(secret)],
    ['private_key_jwt', (_, key) => oauth.PrivateKeyJwt(key.forLibrary)],
  ]) {
    it(`acts for itself (client credentials) by ${method}`, async () => {
      const key = method === 'private_key_jwt' ? await clientKey(server, 'Ed25519') : undefined;
      const machine = await addMachine(server, `robot-${method}`, method, key);
      const app = await App.known(server, { client_id: machine.id }, authentication(machine, key));
      const parameters = { resource: server.mcp, scope: 'mcp:read' };
      const answer = await oauth.clientCredentialsGrantRequest(app.as, app.client, app.authentication, parameters, http);
      const tokens = app.note(await oauth.processClientCredentialsResponse(app.as, app.client, answer));
      await assertTools(await callMcp(server, tokens.access_token));
    });
  }

  it('exchanges its token for a narrower one (RFC 8693)', async () => {
    const added = await addClient(
      server,
      'Exchanger',
      ...['--redirect-uri', REDIRECT_URI, '--grant', 'authorization_code', '--grant', TOKEN_EXCHANGE],
    );
    const app = await App.known(server, added, oauth.ClientSecretBasic(added.client_secret));
    const tokens = await app.signIn({ scope: 'mcp:read mcp:write' });
    const parameters = { subject_token: tokens.access_token, subject_token_type: ACCESS_TOKEN, scope: 'mcp:read' };
    const answer = await oauth.genericTokenEndpointRequest(app.as, app.client, app.authentication, TOKEN_EXCHANGE, parameters, http);
    const narrow = app.note(await oauth.processGenericTokenEndpointResponse(app.as, app.client, answer));
    assert.equal(narrow.issued_token_type, ACCESS_TOKEN);
    assert.deepEqual(scopes(claims(narrow.access_token).scope), ['mcp:read']);
  });

  it('signs its user out (RP-Initiated Logout)', async () => {
    const app = await App.register(server, { post_logout_redirect_uris: [SIGNED_OUT] });
    const tokens = await app.signIn();
    const url = new URL(app.as.end_session_endpoint);
    url.search = new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: SIGNED_OUT });
    let at = await app.person.browser.open(url);
    if (at.button?.('Sign out')) at = await at.press('Sign out');
    assert.equal(at.leaves, SIGNED_OUT);
  });
});

/** Reads the issuer's document as the library demands it. */
async function discover(server, algorithm = 'oauth2') {
  const issuer = new URL(server.url);
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...http, algorithm }));
}

/** An application on the library, and the person who uses it. */
class App {
  static async known(server, client, authentication, key) {
    const app = new App();
    Object.assign(app, { server, client, authentication, key, person: new Person(server, ADMIN) });
    app.as = await discover(server);
    return app;
  }

  static async register(server, metadata = {}) {
    const key = await clientKey(server);
    const says = webApplication({ client_name: 'oauth4webapi test', ...metadata });
    const method = says.token_endpoint_auth_method;
    if (method === 'private_key_jwt') says.jwks = key.jwks;
    const as = await discover(server);
    const answer = await oauth.dynamicClientRegistrationRequest(as, says, http);
    const client = await oauth.processDynamicClientRegistrationResponse(answer);
    server.handedOut(client.client_secret);
    const authentication = {
      none: () => oauth.None(),
      client_secret_basic: () => oauth.ClientSecretBasic(client.client_secret),
      client_secret_post: () => oauth.ClientSecretPost(client.client_secret),
      private_key_jwt: () => oauth.PrivateKeyJwt(key.forLibrary),
    }[method]();
    return App.known(server, client, authentication, key);
  }

  /** An authorization request, pushed or signed if so wished, and what belongs to it. */
  async request({ push, sign, DPoP, ...more } = {}) {
    const verifier = oauth.generateRandomCodeVerifier();
    const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
    const wanted = { scope: SCOPE, ...more };
    const isOpenId = scopes(wanted.scope).includes('openid');
    let parameters = {
      response_type: 'code',
      client_id: this.client.client_id,
      redirect_uri: REDIRECT_URI,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      ...(isOpenId ? { nonce } : {}),
      ...wanted,
    };
    if (sign) {
      const request = await oauth.issueRequestObject(this.as, this.client, parameters, this.key.forLibrary);
      parameters = { client_id: this.client.client_id, request };
    }
    if (push) {
      const { client, as, authentication } = this;
      const answer = await oauth.pushedAuthorizationRequest(as, client, authentication, parameters, { ...http, DPoP });
      const pushed = await oauth.processPushedAuthorizationResponse(as, client, answer);
      parameters = { client_id: client.client_id, request_uri: pushed.request_uri };
    }
    const url = new URL(this.as.authorization_endpoint);
    url.search = new URLSearchParams(parameters);
    return { url, verifier, state, nonce: isOpenId ? nonce : undefined };
  }

  /** The same, answered by its user. */
  async ask(options) {
    const asked = await this.request(options);
    return { ...asked, callback: new URL(await this.person.decide(asked.url)) };
  }

  async redeem({ callback, verifier, state, nonce }, { DPoP } = {}) {
    const { as, client, authentication } = this;
    const answer = oauth.validateAuthResponse(as, client, callback, state);
    const options = { ...http, DPoP };
    const response = await oauth.authorizationCodeGrantRequest(as, client, authentication, answer, REDIRECT_URI, verifier, options);
    const kept = response.clone();
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
      expectedNonce: nonce ?? oauth.expectNoNonce,
      requireIdToken: nonce !== undefined,
    });
    if (tokens.id_token) await oauth.validateApplicationLevelSignature(as, response, http);
    assert.match(kept.headers.get('cache-control'), /no-store/, 'RFC 6749 §5.1');
    return this.note(tokens);
  }

  async signIn(options = {}) {
    return this.redeem(await this.ask(options), options);
  }

  async refresh(token, { DPoP } = {}) {
    const { as, client, authentication } = this;
    const response = await oauth.refreshTokenGrantRequest(as, client, authentication, token, { ...http, DPoP });
    return this.note(await oauth.processRefreshTokenResponse(as, client, response));
  }

  async introspect(token) {
    const { as, client, authentication } = this;
    const answer = await oauth.introspectionRequest(as, client, authentication, token, http);
    return oauth.processIntrospectionResponse(as, client, answer);
  }

  async dpop() {
    return oauth.DPoP(this.client, await oauth.generateKeyPair('ES256'));
  }

  async call(token, DPoP) {
    const { method, headers, body } = MCP_CALL;
    return oauth.protectedResourceRequest(token, method, new URL(this.server.mcp), new Headers(headers), body, { ...http, DPoP });
  }

  note(tokens) {
    this.server.handedOut(tokens.access_token, tokens.refresh_token, tokens.id_token);
    return tokens;
  }
}
