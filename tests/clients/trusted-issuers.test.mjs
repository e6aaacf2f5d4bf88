// oidc-provider, the certified OpenID provider: its access tokens open /mcp as they are.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';

import Provider from 'oidc-provider';

import { addMachine } from './support/library.mjs';
import { callMcp } from './support/oauth.mjs';
import { freePort } from './support/ports.mjs';
import { startPortcullis } from './support/portcullis.mjs';

const CLIENT = { client_id: 'ci', client_secret: 'a-secret-of-the-provider-alone' };

describe('tokens of oidc-provider', () => {
  let server, provider, listening, issuer;
  before(async () => {
    server = await startPortcullis();
    const port = await freePort();
    issuer = `http://127.0.0.1:${port}`;
    provider = new Provider(issuer, {
      clients: [{ ...CLIENT, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: () => ({
            scope: 'mcp:read',
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: 'RS256' } },
          }),
        },
      },
    });
    listening = provider.listen(port, '127.0.0.1');
    await once(listening, 'listening');
    await server.cli('issuer-add', '--issuer', issuer, '--kind', 'access-tokens');
    await server.cli('issuer-accept-tokens', '--issuer', issuer, '--client-id', CLIENT.client_id);
  });
  after(async () => {
    listening?.close();
    await server?.dispose();
  });

  async function bought(resource) {
    const answer = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${CLIENT.client_id}:${CLIENT.client_secret}`).toString('base64')}`,
      },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope: 'mcp:read' }),
    });
    const body = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(body));
    server.handedOut(body.access_token);
    return body.access_token;
  }

  async function statusOf(token, expected) {
    const answer = await callMcp(server, token);
    const body = await answer.text();
    assert.equal(answer.status, expected, body);
  }

  it('is nobody until a rule says as whom it acts, and then for this server alone', async () => {
    const token = await bought(server.mcp);
    await statusOf(token, 401);
    await addMachine(server, 'deployer', 'client_secret_basic');
    await server.cli(
      'issuer-rule-add',
      ...['--issuer', issuer, '--match', 'client_id=ci', '--service-account', 'deployer', '--scope', 'mcp:read'],
    );
    // Another process said so: this one hears of it within two seconds.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await statusOf(token, 200);
    await statusOf(await bought('https://elsewhere.example/mcp'), 401);
    const known = await callMcp(server, token, 'tools/call', { name: 'debug_auth_context', arguments: {} });
    const { result } = await known.json();
    assert.equal(result.structuredContent.credential.issuer, issuer);
    assert.deepEqual(result.structuredContent.scopes, ['mcp:read']);
  });
});
