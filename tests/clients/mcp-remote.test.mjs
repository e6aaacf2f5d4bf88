// mcp-remote: the bridge by which clients that only speak stdio reach us (Claude Desktop, Windsurf, older Cursor).

import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

import { Person } from './support/browser.mjs';
import { hostMetadata, nativeClient } from './support/metadata-host.mjs';
import { rights, untilExpired } from './support/oauth.mjs';
import { fakeBrowser } from './support/opener.mjs';
import { freePort } from './support/ports.mjs';
import { ADMIN, startPortcullis } from './support/portcullis.mjs';
import { argumentsFor, assertKnows, writingTool } from './support/tools.mjs';

const PROXY = fileURLToPath(new URL('../node_modules/mcp-remote/dist/proxy.js', import.meta.url));

describe('mcp-remote', () => {
  let server;
  before(async () => {
    server = await startPortcullis();
  });
  after(() => server?.dispose());

  it('registers, opens a browser, calls a tool, and needs no browser the second time', async (t) => {
    const bridge = await Bridge.prepare(t, server);
    await bridge.connect();
    assertKnows(await bridge.whoAmI(), { username: ADMIN.username });
    const { tools } = await bridge.client.listTools();
    assert.ok(tools.length >= 3);
    const tokens = await bridge.kept('tokens.json');
    assert.ok(tokens.refresh_token);
    assert.equal((await bridge.kept('client_info.json')).client_secret, undefined, 'it stays a public client');

    await bridge.connect({ alone: true });
    assertKnows(await bridge.whoAmI(), { username: ADMIN.username });
    assert.equal((await bridge.browser.urls()).length, 1);
  });

  it('speaks 2026-07-28 to us for a client that does not know it', async (t) => {
    const bridge = await Bridge.prepare(t, server, ['--protocol', 'auto']);
    await bridge.connect();
    assertKnows(await bridge.whoAmI(), { username: ADMIN.username });
  });

  it('is still connected after a restart and after a power failure', async (t) => {
    const own = await startPortcullis();
    t.after(() => own.dispose());
    const bridge = await Bridge.prepare(t, own);
    await bridge.connect();
    for (const hard of [false, true]) {
      await own.restart({ hard });
      assertKnows(await bridge.whoAmI(), { username: ADMIN.username });
    }
    assert.equal((await bridge.browser.urls()).length, 1);
  });

  it('refreshes when its access token expires, without a browser', async (t) => {
    const own = await startPortcullis({ env: { PORTCULLIS_ACCESS_TOKEN_LIFETIME: '5s' } });
    t.after(() => own.dispose());
    const bridge = await Bridge.prepare(t, own);
    await bridge.connect();
    const old = await bridge.kept('tokens.json');
    await untilExpired(own, old.access_token);
    assertKnows(await bridge.whoAmI(), { username: ADMIN.username });
    const fresh = await bridge.kept('tokens.json');
    assert.notEqual(fresh.access_token, old.access_token);
    assert.notEqual(fresh.refresh_token, old.refresh_token, 'rotated (OAuth 2.1 §4.3.1)');
    assert.equal((await bridge.browser.urls()).length, 1);
  });

  it('steps up: the browser opens again for what one call needs', async (t) => {
    const bridge = await Bridge.prepare(t, server);
    await bridge.connect({ decision: { scopes: { 'mcp:write': false } } });
    assert.deepEqual(rights((await bridge.kept('tokens.json')).scope), ['mcp:read']);
    const tool = writingTool((await bridge.client.listTools()).tools);
    const call = bridge.client.callTool({ name: tool.name, arguments: argumentsFor(tool.inputSchema) });
    call.catch(() => {});
    await bridge.allow();
    await call;
    assert.deepEqual(rights((await bridge.kept('tokens.json')).scope), ['mcp:read', 'mcp:write']);
  });

  it('is known by its metadata document', async (t) => {
    const port = await freePort();
    const host = await hostMetadata(nativeClient('mcp-remote by document', `http://localhost:${port}/oauth/callback`));
    t.after(() => host.close());
    const own = await startPortcullis({ env: host.settings });
    t.after(() => own.dispose());
    const bridge = await Bridge.prepare(t, own, ['--client-metadata-url', host.url], port);
    await bridge.connect();
    assertKnows(await bridge.whoAmI(), { username: ADMIN.username, clientId: host.url });
    assert.ok(host.fetches >= 1);
  });
});

/** A desktop client, mcp-remote under it, and the person at the machine. */
class Bridge {
  static async prepare(t, server, args = [], port) {
    const bridge = new Bridge();
    bridge.server = server;
    bridge.args = [server.mcp, String(port ?? (await freePort())), ...args];
    bridge.state = await mkdtemp(join(tmpdir(), 'portcullis-mcp-remote-'));
    bridge.browser = await fakeBrowser();
    bridge.person = new Person(server, ADMIN);
    t.after(async () => {
      await bridge.client?.close();
      await bridge.browser.close();
      await rm(bridge.state, { recursive: true, force: true, maxRetries: 5 });
    });
    return bridge;
  }

  /** Starts the bridge as a desktop client does; unless `alone`, the person answers the page that opens. */
  async connect({ decision, alone = false } = {}) {
    await this.client?.close();
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [PROXY, ...this.args, '--auth-timeout', '60'],
      env: { ...process.env, ...this.browser.env, MCP_REMOTE_CONFIG_DIR: this.state },
      stderr: 'pipe',
    });
    let log = '';
    transport.stderr.setEncoding('utf8').on('data', (text) => (log += text));
    this.client = new Client({ name: 'desktop', version: '1.0.0' });
    const connected = this.client.connect(transport, { timeout: 60_000 });
    connected.catch(() => {});
    try {
      if (!alone) await this.allow(decision);
      await connected;
    } catch (error) {
      throw new Error(`${error.message}\nmcp-remote said:\n${log}`, { cause: error });
    }
  }

  /** The person answers the page that the bridge opened, and the browser goes where the answer sends it. */
  async allow(decision) {
    const callback = await this.person.decide(await this.browser.next(), decision);
    assert.equal(new URL(callback).searchParams.get('iss'), this.server.url, 'RFC 9207 §2');
    const page = await fetch(callback, { signal: AbortSignal.timeout(30_000) });
    assert.equal(page.status, 200, await page.text());
  }

  whoAmI() {
    return this.client.callTool({ name: 'debug_auth_context', arguments: {} });
  }

  /** A file that mcp-remote keeps for this server. */
  async kept(name) {
    const files = await readdir(this.state, { recursive: true });
    const found = files.find((file) => file.endsWith(name));
    assert.ok(found, `mcp-remote keeps no ${name}: ${files}`);
    const content = JSON.parse(await readFile(join(this.state, found), 'utf8'));
    this.server.handedOut(content.access_token, content.refresh_token);
    return content;
  }
}
