// mcp 2.x from PyPI: the Python SDK, modern era first.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Person } from './support/browser.mjs';
import { hostMetadata, nativeClient } from './support/metadata-host.mjs';
import { claims, rights, untilExpired } from './support/oauth.mjs';
import { ADMIN, startPortcullis } from './support/portcullis.mjs';
import { WHO, argumentsFor, assertKnows, writingTool } from './support/tools.mjs';

const PYTHON = process.env.PYTHON ?? fileURLToPath(new URL('../.venv/bin/python', import.meta.url));
const PROGRAM = fileURLToPath(new URL('python/client.py', import.meta.url));
const ANSWER_WITHIN_MS = 60_000;

describe('Python SDK', () => {
  let server;
  before(async () => {
    assert.ok(
      existsSync(PYTHON),
      `There is no Python at ${PYTHON}: in tests/, run "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt".`,
    );
    server = await startPortcullis();
  });
  after(() => server?.dispose());

  for (const [mode, protocol] of [
    ['auto', '2026-07-28'],
    ['legacy', '2025-11-25'],
  ]) {
    it(`discovers, registers, asks its user, and calls a tool in ${protocol}`, async (t) => {
      const app = await Program.start(t, server, { mode });
      assert.equal((await app.ask('about')).protocol, protocol);
      const kept = await app.kept();
      assertKnows(await app.whoAmI(), { username: ADMIN.username, clientId: kept.client.client_id });
      assert.deepEqual([claims(kept.tokens.access_token).aud].flat(), [server.mcp]);
      assert.ok(kept.tokens.refresh_token);
      const { tools } = await app.ask('tools');
      assert.ok(tools.some((tool) => tool.name === 'list_services'));
      assert.equal(app.visits, 1);
    });
  }

  it('is still connected after a restart and after a power failure', async (t) => {
    const own = await startPortcullis();
    t.after(() => own.dispose());
    const app = await Program.start(t, own);
    for (const hard of [false, true]) {
      await own.restart({ hard });
      assertKnows(await app.whoAmI(), { username: ADMIN.username });
    }
    assert.equal(app.visits, 1);
  });

  it('refreshes when its access token expires, without asking its user', async (t) => {
    const own = await startPortcullis({ env: { PORTCULLIS_ACCESS_TOKEN_LIFETIME: '5s' } });
    t.after(() => own.dispose());
    const app = await Program.start(t, own);
    const old = (await app.kept()).tokens;
    await untilExpired(own, old.access_token);
    // It refreshes when its own clock says so; a 401 before that would make it ask its user again.
    await sleep(1_500);
    assertKnows(await app.whoAmI(), { username: ADMIN.username });
    const fresh = (await app.kept()).tokens;
    assert.notEqual(fresh.access_token, old.access_token);
    assert.notEqual(fresh.refresh_token, old.refresh_token, 'rotated (OAuth 2.1 §4.3.1)');
    assert.equal(app.visits, 1);
  });

  it('steps up: its user is asked for what one call needs, and the call goes through', async (t) => {
    const app = await Program.start(t, server, { decision: { scopes: { 'mcp:write': false } } });
    assert.deepEqual(rights((await app.kept()).tokens.scope), ['mcp:read']);
    const tool = writingTool((await app.ask('tools')).tools);
    app.decision = {};
    const result = await app.ask('call', { name: tool.name, arguments: argumentsFor(tool.inputSchema) });
    assert.ok(result.content);
    assert.equal(app.visits, 2);
    assert.deepEqual(rights((await app.kept()).tokens.scope), ['mcp:read', 'mcp:write']);
  });

  it('is known by its metadata document', async (t) => {
    const redirect = 'http://127.0.0.1:9/callback';
    const host = await hostMetadata(nativeClient('Python by document', redirect));
    t.after(() => host.close());
    const own = await startPortcullis({ env: host.settings });
    t.after(() => own.dispose());
    const app = await Program.start(t, own, { redirect, metadata: host.url });
    assertKnows(await app.whoAmI(), { username: ADMIN.username, clientId: host.url });
    assert.equal(claims((await app.kept()).tokens.access_token).client_id, host.url);
  });
});

/** The Python program, and its user. */
class Program {
  visits = 0;

  static async start(t, server, { decision, ...settings } = {}) {
    const app = new Program();
    app.server = server;
    app.person = new Person(server, ADMIN);
    app.decision = decision;
    const all = { url: server.mcp, name: 'Python test', redirect: 'http://localhost:9/callback', ...settings };
    app.child = spawn(PYTHON, [PROGRAM, JSON.stringify(all)], { stdio: ['pipe', 'pipe', 'pipe'] });
    app.complaints = '';
    app.child.stderr.setEncoding('utf8').on('data', (text) => (app.complaints += text));
    app.child.once('error', (error) => (app.complaints += error.message));
    app.lines = createInterface({ input: app.child.stdout })[Symbol.asyncIterator]();
    t.after(() => app.child.kill('SIGKILL'));
    await app.#answer();
    return app;
  }

  /** Has it do something, with its user at hand. */
  async ask(what, details = {}) {
    this.#say({ do: what, ...details });
    const { result, error } = await this.#answer();
    assert.equal(error, undefined, `${error}\n${this.complaints}`);
    return result;
  }

  whoAmI() {
    return this.ask('call', { name: WHO });
  }

  async kept() {
    const kept = await this.ask('kept');
    this.server.handedOut(kept.tokens.access_token, kept.tokens.refresh_token);
    return kept;
  }

  #say(message) {
    this.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  async #answer() {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), ANSWER_WITHIN_MS);
    try {
      for (;;) {
        const { value, done } = await this.lines.next();
        assert.ok(!done, `the program ended, or was silent for ${ANSWER_WITHIN_MS / 1000} s:\n${this.complaints}`);
        const message = JSON.parse(value);
        if (!message.visit) return message;
        this.visits += 1;
        const callback = new URL(await this.person.decide(message.visit, this.decision));
        assert.equal(callback.searchParams.get('iss'), this.server.url, 'RFC 9207 §2');
        this.#say({ callback: callback.href });
      }
    } finally {
      clearTimeout(timer);
    }
  }
}
