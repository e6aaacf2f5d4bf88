// Authlib from PyPI: the OAuth and OpenID Connect library of Python's web frameworks.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { webcrypto } from 'node:crypto';

import { Person } from './support/browser.mjs';
import {
  ACCESS_TOKEN,
  DEVICE_CODE,
  REDIRECT_URI,
  TOKEN_EXCHANGE,
  addClient,
  addMachine,
  clientKey,
  webApplication,
} from './support/library.mjs';
import { callMcp, claims, register, scopes } from './support/oauth.mjs';
import { ADMIN, startPortcullis } from './support/portcullis.mjs';
import { Python } from './support/python.mjs';

const SCOPE = 'openid profile email offline_access mcp:read';

describe('Authlib', () => {
  let server;
  before(async () => {
    server = await startPortcullis();
  });
  after(() => server?.dispose());

  it('finds nothing wrong with our metadata (RFC 8414, OpenID Connect Discovery)', async (t) => {
    const party = await Party.start(t, server);
    assert.deepEqual(await party.ask('judge_metadata'), { issuer: server.url, same: true });
  });

  for (const method of ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt']) {
    it(`signs its user in, refreshes and revokes as a client by ${method}`, async (t) => {
      const party = await Party.register(t, server, { token_endpoint_auth_method: method });
      const signedIn = await party.signIn();
      assert.equal(signedIn.claims.aud, party.clientId);
      const called = await party.ask('call', { url: server.mcp });
      assert.equal(called.status, 200, called.body);

      const { token } = party.note(await party.ask('refresh'));
      assert.notEqual(token.refresh_token, signedIn.token.refresh_token, 'rotated (OAuth 2.1 §4.3.1)');
      assert.deepEqual(await party.ask('revoke', { token: token.refresh_token, hint: 'refresh_token' }), { status: 200 });
      await assert.rejects(party.ask('refresh'), /invalid_grant/);
      assert.equal((await callMcp(server, token.access_token)).status, 401, 'RFC 7009 §2.1');
    });
  }

  it('reads who its user is (userinfo)', async (t) => {
    const party = await Party.register(t, server);
    const signedIn = await party.signIn();
    const { status, claims } = await party.ask('userinfo');
    assert.equal(status, 200);
    assert.equal(claims.sub, signedIn.claims.sub);
    assert.equal(claims.preferred_username, ADMIN.username);
  });

  it('introspects its tokens, and sees them end (RFC 7662)', async (t) => {
    const party = await Party.register(t, server);
    const { token } = await party.signIn();
    for (const one of [token.access_token, token.refresh_token]) {
      const about = await party.ask('introspect', { token: one });
      assert.equal(about.active, true);
      assert.equal(about.client_id, party.clientId);
    }
    await party.ask('revoke', { token: token.access_token });
    assert.deepEqual(await party.ask('introspect', { token: token.access_token }), { active: false });
  });

  for (const method of ['client_secret_basic', 'client_secret_post', 'private_key_jwt']) {
    it(`acts for itself (client credentials) by ${method}`, async (t) => {
      const key = method === 'private_key_jwt' ? await clientKey(server) : undefined;
      const { id, secret } = await addMachine(server, `robot-${method}`, method, key);
      const settings = { client_id: id, client_secret: secret, method, scope: 'mcp:read' };
      const party = await Party.start(t, server, { ...settings, ...(key ? { key: await privateJwk(key) } : {}) });
      const { token } = party.note(await party.ask('token', { grant: 'client_credentials', resource: server.mcp }));
      assert.equal(token.refresh_token, undefined, 'RFC 6749 §4.4.3');
      const called = await party.ask('call', { url: server.mcp });
      assert.equal(called.status, 200, called.body);
    });
  }

  it('connects a device (RFC 8628)', async (t) => {
    const metadata = { grant_types: [DEVICE_CODE, 'refresh_token'], redirect_uris: [], response_types: [], token_endpoint_auth_method: 'none' };
    const party = await Party.register(t, server, metadata);
    const started = await party.ask('device');
    server.handedOut(started.device_code);
    const poll = () => party.ask('token', { grant: DEVICE_CODE, device_code: started.device_code });
    await assert.rejects(poll(), /authorization_pending/);
    await new Person(server, ADMIN).connectDevice(started.verification_uri_complete);
    await sleep((started.interval + 1) * 1_000);
    party.note(await poll());
    assert.equal((await party.ask('call', { url: server.mcp })).status, 200);
    party.note(await party.ask('refresh'));
  });

  it('exchanges its token for a narrower one (RFC 8693)', async (t) => {
    const added = await addClient(
      server,
      'Exchanger',
      ...['--redirect-uri', REDIRECT_URI, '--grant', 'authorization_code', '--grant', TOKEN_EXCHANGE],
    );
    const { client_id, client_secret } = added;
    const party = await Party.start(t, server, { client_id, client_secret, method: 'client_secret_basic', scope: 'openid mcp:read mcp:write' });
    const { token } = await party.signIn();
    const { token: narrow } = party.note(
      await party.ask('token', {
        grant: TOKEN_EXCHANGE,
        subject_token: token.access_token,
        subject_token_type: ACCESS_TOKEN,
        scope: 'mcp:read',
      }),
    );
    assert.equal(narrow.issued_token_type, ACCESS_TOKEN);
    assert.deepEqual(scopes(claims(narrow.access_token).scope), ['mcp:read']);
    assert.equal((await party.ask('call', { url: server.mcp })).status, 200);
  });
});

/** The private half of a key, as a JWK for another program. */
async function privateJwk(key) {
  const { key_ops, ext, ...jwk } = await webcrypto.subtle.exportKey('jwk', key.privateKey);
  return { ...jwk, kid: key.kid, alg: key.jwks.keys[0].alg };
}

/** The Python program, and its user. */
class Party extends Python {
  static async start(t, server, settings = {}) {
    const party = Object.assign(new Party(), { server, person: new Person(server, ADMIN), clientId: settings.client_id });
    await party.begin(t, 'authlib_client', { issuer: server.url, redirect_uri: REDIRECT_URI, scope: SCOPE, ...settings });
    return party;
  }

  /** A client that registers itself; Authlib leaves that to the application. */
  static async register(t, server, metadata = {}) {
    const key = await clientKey(server);
    const { redirect_uris: redirectUris, grant_types: grantTypes, ...more } = webApplication(metadata);
    const method = more.token_endpoint_auth_method;
    const isByKey = method === 'private_key_jwt';
    const keys = isByKey ? { jwks: key.jwks } : {};
    const { client_id, client_secret } = await register(server, { name: 'Authlib test', redirectUris, grantTypes, ...more, ...keys });
    server.handedOut(client_secret);
    return Party.start(t, server, { client_id, client_secret, method, ...(isByKey ? { key: await privateJwk(key) } : {}) });
  }

  async signIn() {
    const { url } = await this.ask('begin');
    const callback = await this.person.decide(url);
    return this.note(await this.ask('finish', { callback }));
  }

  note(result) {
    const { access_token, refresh_token, id_token } = result.token;
    this.server.handedOut(access_token, refresh_token, id_token);
    return result;
  }
}
