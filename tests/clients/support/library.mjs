// What the tests of general OAuth libraries share: clients by every road, their keys, and a call with what they got.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the answers for these clients go; nobody listens there. */
export const REDIRECT_URI = 'https://app.example/callback';
/** Where a browser goes after logout. */
export const SIGNED_OUT = 'https://app.example/signed-out';

/** The grants by their long names. */
export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** A program that acts for itself (M2M), as an operator makes one that proves itself in this way; `key` for `private_key_jwt`. */
export async function addMachine(server, name, method, key) {
  const proof = key ? ['--jwks-file', key.file] : ['--auth-method', method];
  await server.cli('group-create', `${name}-group`);
  const said = await server.cli('user-create-m2m', '--name', name, '--groups', `${name}-group`, '--description', 'A test', ...proof);
  const value = (label) => said.match(new RegExp(`^${label}: (\\S+)$`, 'm'))?.[1];
  const machine = { id: value('Client ID'), secret: value('Client Secret') };
  assert.ok(machine.id && (key || machine.secret), said);
  server.handedOut(machine.secret);
  return machine;
}

/** A client that an administrator registers: `{ client_id, client_secret }` and what else is in force. */
export async function addClient(server, name, ...args) {
  const client = JSON.parse(await server.cli('client-add', '--json', '--name', name, ...args));
  server.handedOut(client.client_secret);
  return client;
}

/** A key pair for assertions, with the set that holds its public half, and a file of it for the command line. */
export async function clientKey(server, alg = 'ES256') {
  const parameters = {
    ES256: { name: 'ECDSA', namedCurve: 'P-256' },
    PS256: { name: 'RSA-PSS', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
    Ed25519: { name: 'Ed25519' },
  };
  const pair = await webcrypto.subtle.generateKey(parameters[alg], true, ['sign', 'verify']);
  const kid = `test-${alg}`;
  const { key_ops, ext, ...jwk } = await webcrypto.subtle.exportKey('jwk', pair.publicKey);
  const jwks = { keys: [{ ...jwk, kid, use: 'sig', alg: alg === 'Ed25519' ? 'EdDSA' : alg }] };
  const file = join(server.home, `${kid}.json`);
  await writeFile(file, JSON.stringify(jwks));
  return { ...pair, kid, jwks, file, forLibrary: { key: pair.privateKey, kid } };
}

/** What a client that runs on a server says of itself, beside its name. */
export const webApplication = (more = {}) => ({
  redirect_uris: [REDIRECT_URI],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
  ...more,
});

/** The head and body of a call of the gate, for libraries that bring the credential. */
export const MCP_CALL = Object.freeze({
  method: 'POST',
  headers: {
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    'mcp-protocol-version': '2025-11-25',
  },
  body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
});

/** Checks that a call of the gate was answered with its tools. */
export async function assertTools(answer) {
  const body = await answer.text();
  assert.equal(answer.status, 200, body);
  assert.match(body, /"debug_auth_context"/);
}

/** A statement signed with an ES256 key. */
export async function sign(key, typ, claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part({ alg: 'ES256', typ, kid: key.kid })}.${part(claims)}`;
  const signature = await webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key.privateKey, Buffer.from(input));
  return `${input}.${Buffer.from(signature).toString('base64url')}`;
}
