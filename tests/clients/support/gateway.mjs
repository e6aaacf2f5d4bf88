// What the tests of the gateway share: servers behind it, a token that may do everything, and a door that carries it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, request as send } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { freePort } from './ports.mjs';
import { ADMIN } from './portcullis.mjs';

const EVERYTHING = fileURLToPath(new URL('../../node_modules/@modelcontextprotocol/server-everything/dist/index.js', import.meta.url));
const READY_WITHIN_MS = 30_000;

/** A personal access token of the administrator, or of somebody else. */
export async function personalToken(server, { user = ADMIN.username, scopes }) {
  const said = await server.cli('token-create', '--user', user, '--name', `Test ${scopes}`, '--scopes', scopes, '--expires', '1d');
  const token = said.match(/[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/)?.[0];
  assert.ok(token, said);
  server.handedOut(token);
  return token;
}

/** Registers a server as an administrator does, by the management API; what the API says of it. */
export async function registerServer(server, { name, url, ...more }, at = server.url, scopes = 'mgmt.write') {
  const token = await personalToken(server, { scopes });
  const answer = await fetch(`${at}/api/v1/mcp-servers`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name, url, ...more }),
  });
  const item = await answer.json();
  assert.equal(answer.status, 201, JSON.stringify(item));
  assert.equal(item.health, 'healthy', JSON.stringify(item));
  return item;
}

/** The same installation as a client knows it that connects to one server behind it. */
export const through = (server, name) => ({
  url: server.url,
  mcp: `${server.url}/${name}/mcp`,
  handedOut: (...secrets) => server.handedOut(...secrets),
});

/** The reference server of the npm registry, over streamable HTTP: `{ url, said, stop }`. */
export async function startEverything(t) {
  assert.ok(existsSync(EVERYTHING), 'server-everything is not there: run "npm ci" in tests/.');
  const port = await freePort();
  return startProgram(t, process.execPath, [EVERYTHING, 'streamableHttp'], { PORT: String(port) }, `http://localhost:${port}/mcp`);
}

/** A program that serves MCP at that URL, until the test ends. */
export async function startProgram(t, command, args, env, url) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const program = { url, said: '', stop: () => child.kill('SIGKILL') };
  t.after(program.stop);
  process.once('exit', program.stop);
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (words) => (program.said += words));
  child.once('error', (error) => (program.said += error.message));
  for (const deadline = Date.now() + READY_WITHIN_MS; Date.now() < deadline; await sleep(100)) {
    if (child.exitCode !== null) break;
    const answer = await fetch(url, { method: 'OPTIONS' }).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer) return program;
  }
  throw new Error(`${command} ${args.join(' ')} does not listen at ${url}:\n${program.said}`);
}

/**
 * A door that carries a token for clients that cannot: `{ url, token }`. `Host`, `Origin` and everything else stay as they came,
 * so the program behind it, at `port`, must have the URL of the door as its own.
 */
export async function startDoor(t, port) {
  const door = createServer((incoming, outgoing) => {
    const carries = carried.token !== undefined && incoming.headers.authorization === undefined;
    const headers = carries ? [...incoming.rawHeaders, 'Authorization', `Bearer ${carried.token}`] : incoming.rawHeaders;
    const onward = send({ host: '127.0.0.1', port, path: incoming.url, method: incoming.method, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.rawHeaders);
      outgoing.flushHeaders();
      answer.once('error', () => outgoing.destroy());
      answer.pipe(outgoing);
    });
    onward.once('error', () => outgoing.destroy());
    outgoing.once('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise((resolve) => door.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    door.closeAllConnections();
    return new Promise((resolve) => door.close(resolve));
  });
  const carried = { url: `http://localhost:${door.address().port}`, token: undefined };
  return carried;
}
