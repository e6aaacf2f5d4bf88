// The official suite for authorization servers (@modelcontextprotocol/conformance), run without a person at the keyboard.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Person } from './support/browser.mjs';
import { register } from './support/oauth.mjs';
import { freePort } from './support/ports.mjs';
import { ADMIN, startPortcullis } from './support/portcullis.mjs';

const module = (path) => fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url));
// The suite needs Node 22 or later; the package `node` brings it.
const NODE = module('node/bin/node');
const SUITE = module('@modelcontextprotocol/conformance/dist/index.js');

for (const [where, path] of [
  ['at the root of its host', ''],
  ['with a path', '/gate'],
]) {
  describe(`Official conformance: an issuer ${where}`, () => {
    let server;
    before(async () => {
      server = await startPortcullis({ path });
    });
    after(() => server?.dispose());

    for (const [how, extra] of [
      ['as a client without RFC 8707', () => []],
      ['with a resource indicator', () => ['--resource', server.mcp]],
    ]) {
      it(`authorization: 2 passed, 0 failed, 0 warnings, ${how}`, async (t) => {
        const results = await mkdtemp(join(tmpdir(), 'portcullis-conformance-'));
        t.after(() => rm(results, { recursive: true, force: true }));
        const port = await freePort();
        const client = await register(server, {
          name: `Conformance suite ${port}`,
          redirectUris: [`http://127.0.0.1:${port}/callback`],
        });
        const args = ['--url', server.url, '--client-id', client.client_id, '--port', String(port), '-o', results];
        const run = await runSuite(new Person(server, ADMIN), [...args, ...extra()]);
        assert.equal(run.code, 0, run.output);
        const checks = await collect(results);
        const unhappy = checks.filter(({ status }) => !['SUCCESS', 'INFO'].includes(status));
        assert.deepEqual(unhappy, [], 'no failure, no warning, nothing skipped');
        const passed = [...run.output.matchAll(/^✓ (\S+): \d+ passed, 0 failed$/gm)].map(([, scenario]) => scenario);
        assert.deepEqual(passed, ['authorization-server-metadata-endpoint', 'authorization-code-grant'], run.output);
        assert.doesNotMatch(run.output, /✗|warnings/, 'not even a warning');
      });
    }
  });
}

async function runSuite(person, args) {
  const suite = spawn(NODE, [SUITE, 'authorization', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const deadline = setTimeout(() => suite.kill('SIGKILL'), 90_000);
  let output = '';
  let visited;
  const answer = (text) => {
    output += text;
    const url = output.match(/^https?:\/\/\S+[?&]code_challenge=\S+$/m)?.[0];
    if (!url || visited) return;
    visited = person
      .decide(url)
      .then((callback) => fetch(callback, { signal: AbortSignal.timeout(30_000) }))
      .catch((error) => {
        output += `\n${error.stack}`;
        suite.kill('SIGTERM');
      });
  };
  suite.stdout.setEncoding('utf8').on('data', answer);
  suite.stderr.setEncoding('utf8').on('data', (text) => (output += text));
  const code = await new Promise((resolve, reject) => suite.once('error', reject).once('close', resolve));
  clearTimeout(deadline);
  await visited;
  return { code, output };
}

async function collect(directory) {
  const files = (await readdir(directory, { recursive: true })).filter((file) => file.endsWith('checks.json'));
  const lists = await Promise.all(files.map(async (file) => JSON.parse(await readFile(join(directory, file), 'utf8'))));
  return lists.flat();
}
