// The protocol by hand, for what a client library would not do or would hide.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** Registers a public client (RFC 7591) and returns its information. */
export async function register(server, { name, redirectUris, grantTypes = ['authorization_code', 'refresh_token'], ...more }) {
  const answer = await fetch(`${server.url}/oauth/clients/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: name,
      redirect_uris: redirectUris,
      grant_types: grantTypes,
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      ...more,
    }),
  });
  const body = await answer.text();
  assert.equal(answer.status, 201, body);
  return JSON.parse(body);
}

/** An authorization request, and the verifier and state that go with it. */
export function authorizationRequest(server, { clientId, redirectUri, scope, resource = server.mcp, ...more }) {
  const verifier = randomBytes(32).toString('base64url');
  const state = randomBytes(16).toString('base64url');
  const url = new URL(`${server.url}/oauth/authorize`);
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    resource,
    ...(scope ? { scope } : {}),
    ...more,
  }).toString();
  return { url, verifier, state, clientId, redirectUri, resource };
}

/** Exchanges the code of a callback URL for tokens. */
export async function redeem(server, request, callback) {
  const answer = await token(server, {
    grant_type: 'authorization_code',
    code: new URL(callback).searchParams.get('code'),
    redirect_uri: request.redirectUri,
    client_id: request.clientId,
    code_verifier: request.verifier,
    resource: request.resource,
  });
  const tokens = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(tokens));
  server.handedOut(tokens.access_token, tokens.refresh_token);
  return tokens;
}

/** A request to the token endpoint. */
export function token(server, form) {
  return fetch(`${server.url}/oauth/token`, { method: 'POST', body: new URLSearchParams(form) });
}

/** A JSON-RPC call by hand with that access token. */
export function callMcp(server, accessToken, method = 'tools/list', params = {}) {
  return fetch(server.mcp, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${accessToken}`,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-protocol-version': '2025-11-25',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
}

/** Waits until the server itself calls the token expired. */
export async function untilExpired(server, accessToken, withinMs = 30_000) {
  const deadline = Date.now() + withinMs;
  while (Date.now() < deadline) {
    const answer = await callMcp(server, accessToken);
    await answer.arrayBuffer();
    if (answer.status === 401) {
      assertChallenge(answer.headers, { error: 'invalid_token' });
      return;
    }
    await sleep(250);
  }
  assert.fail(`the access token still works after ${withinMs / 1000} s`);
}

/** The parameters of a Bearer challenge, read as naively as the clients do. */
export function challenge(headers) {
  const header = headers.get('www-authenticate');
  assert.ok(header?.startsWith('Bearer '), `not a Bearer challenge: ${header}`);
  return Object.fromEntries([...header.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}

/** Checks a challenge's error and that it names the metadata; returns its parameters. */
export function assertChallenge(headers, { error }) {
  const parameters = challenge(headers);
  assert.equal(parameters.error, error);
  assert.match(parameters.resource_metadata ?? '', /\/\.well-known\/oauth-protected-resource\/mcp$/, 'RFC 9728 §5.1');
  return parameters;
}

/** The scope tokens of a space-separated list. */
export const scopes = (text) => (text ?? '').split(' ').filter(Boolean).sort();

/** The same without `offline_access`, which some clients add by themselves and which opens nothing. */
export const rights = (text) => scopes(text).filter((scope) => scope !== 'offline_access');

/** The claims of a JWT, not verified. */
export const claims = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url').toString());

/** True when `null` stands anywhere in it: the TypeScript schemas reject every one. */
export function hasNull(value) {
  return value === null || (typeof value === 'object' && Object.values(value).some(hasNull));
}
