// The authorization extensions of MCP with @modelcontextprotocol/client 2.x: programs without a person, clients that an identity
// provider lets in, workloads with a token of their platform, keys that tokens are bound to.

import assert from 'node:assert/strict';
import { randomUUID, webcrypto } from 'node:crypto';
import { after, before, describe, it } from 'node:test';

import {
  Client,
  ClientCredentialsProvider,
  CrossAppAccessProvider,
  DpopSession,
  PrivateKeyJwtProvider,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';

import { application } from './support/journeys.mjs';
import { JWT_BEARER, addClient, addMachine, assertTools, clientKey, sign } from './support/library.mjs';
import { callMcp, claims, token as askForToken } from './support/oauth.mjs';
import { ADMIN, startPortcullis } from './support/portcullis.mjs';
import { assertKnows } from './support/tools.mjs';

const sdk = {
  name: 'Client v2',
  Client,
  Transport: StreamableHTTPClientTransport,
  finish: (transport, callback) => transport.finishAuth(callback.searchParams),
};

describe('MCP authorization extensions', () => {
  let server;
  before(async () => {
    server = await startPortcullis();
  });
  after(() => server?.dispose());

  it('client credentials with a secret: a program connects by itself', async (t) => {
    const machine = await addMachine(server, 'robot', 'client_secret_basic');
    const provider = new ClientCredentialsProvider({
      clientId: machine.id,
      clientSecret: machine.secret,
      expectedIssuer: server.url,
    });
    await works(t, server, provider, { username: 'robot', clientId: machine.id });
  });

  it('client credentials with a key (private_key_jwt)', async (t) => {
    const key = await clientKey(server);
    const machine = await addMachine(server, 'robot-with-key', 'private_key_jwt', key);
    const provider = new PrivateKeyJwtProvider({
      clientId: machine.id,
      privateKey: await webcrypto.subtle.exportKey('jwk', key.privateKey),
      algorithm: 'ES256',
      expectedIssuer: server.url,
    });
    await works(t, server, provider, { username: 'robot-with-key', clientId: machine.id });
  });

  it('enterprise-managed authorization: an identity provider lets a client in, once for each statement (ID-JAG)', async (t) => {
    const idp = { issuer: 'https://idp.example', key: await clientKey(server) };
    await server.cli(
      'issuer-add',
      ...['--issuer', idp.issuer, '--kind', 'id-jag', '--jwks-file', idp.key.file],
      ...['--provision', '--username-claim', 'preferred_username'],
    );
    const added = await addClient(
      server,
      'Enterprise client',
      ...['--grant', JWT_BEARER, '--auth-method', 'client_secret_basic', '--scope', 'mcp:read mcp:write'],
    );
    const statements = [];
    const provider = new CrossAppAccessProvider({
      clientId: added.client_id,
      clientSecret: added.client_secret,
      expectedIssuer: server.url,
      async assertion({ authorizationServerUrl, resourceUrl }) {
        const statement = await sign(idp.key, 'oauth-id-jag+jwt', {
          ...about(idp.issuer, 'employee-7', authorizationServerUrl),
          client_id: added.client_id,
          resource: resourceUrl,
          preferred_username: 'grace',
        });
        statements.push(statement);
        return statement;
      },
    });
    await works(t, server, provider, { username: 'grace', clientId: added.client_id });

    const again = await fetch(`${server.url}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${added.client_id}:${added.client_secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: JWT_BEARER, assertion: statements[0], resource: server.mcp }),
    });
    assert.equal(again.status, 400);
    assert.equal((await again.json()).error, 'invalid_grant', 'RFC 7523 §3: jti');
  });

  it('workload identity: a job acts by the token of its platform', async () => {
    const platform = { issuer: 'https://token.actions.example', key: await clientKey(server) };
    await server.cli('issuer-add', '--issuer', platform.issuer, '--kind', 'workload', '--jwks-file', platform.key.file);
    await addMachine(server, 'deployer', 'client_secret_basic');
    await server.cli(
      'issuer-rule-add',
      ...['--issuer', platform.issuer, '--match', 'repository=acme/castle', '--match', 'ref=refs/heads/main'],
      ...['--service-account', 'deployer', '--scope', 'mcp:read'],
    );
    const ask = async (ref) => {
      const said = { ...about(platform.issuer, 'repo:acme/castle', server.url), repository: 'acme/castle', ref };
      const assertion = await sign(platform.key, 'JWT', said);
      return askForToken(server, { grant_type: JWT_BEARER, assertion, resource: server.mcp });
    };
    const admitted = await (await ask('refs/heads/main')).json();
    server.handedOut(admitted.access_token);
    await assertTools(await callMcp(server, admitted.access_token));
    assert.equal((await ask('refs/pull/1/merge')).status, 400, 'another branch is nobody');
  });

  it('DPoP: the SDK binds its tokens to its key, refreshes with it, and the key is asked for at every call', async (t) => {
    const app = application(sdk, server);
    const session = await DpopSession.create();
    app.provider.dpop = () => session;
    t.after(() => app.close());
    await app.connect();
    const kept = app.provider.kept;
    assert.match(kept.token_type, /^dpop$/i);
    assert.equal(claims(kept.access_token).cnf.jkt, session.thumbprint);
    assertKnows(await app.whoAmI(), { username: ADMIN.username });
    const stolen = await callMcp(server, kept.access_token);
    assert.equal(stolen.status, 401, 'RFC 9449 §7.2: not a bearer token');

    app.provider.kept = { ...kept, access_token: 'dead' };
    await app.connect();
    assert.notEqual(app.provider.kept.refresh_token, kept.refresh_token);
    assertKnows(await app.whoAmI(), { username: ADMIN.username });
  });
});

/** Connects without any person, and is known by that name. */
async function works(t, server, authProvider, known) {
  const app = new Client({ name: 'extensions-test', version: '1.0.0' });
  t.after(() => app.close());
  await app.connect(new StreamableHTTPClientTransport(new URL(server.mcp), { authProvider }));
  const { access_token: token } = authProvider.tokens();
  server.handedOut(token);
  assertKnows(await app.callTool({ name: 'debug_auth_context', arguments: {} }), { ...known, token });
}

/** What every statement says. */
const about = (iss, sub, aud) => {
  const now = Math.floor(Date.now() / 1_000);
  return { iss, sub, aud, jti: randomUUID(), iat: now, exp: now + 120 };
};
