// Servers that nobody here wrote and that do not speak streamable HTTP, behind the gateway: over SSE, and as programs of their own.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { personalToken, registerServer, startProgram } from './support/gateway.mjs';
import { freePort } from './support/ports.mjs';
import { startPortcullis } from './support/portcullis.mjs';
import { said } from './support/tools.mjs';

const program = (name) => fileURLToPath(new URL(`../node_modules/@modelcontextprotocol/${name}/dist/index.js`, import.meta.url));
const SDKS = [
  {
    name: 'SDK v1',
    open: (url, options) => new Transport1(url, options),
    client: (capabilities) => new Client1({ name: 'lines', version: '1' }, { capabilities }),
    call: (client, params, options) => client.callTool(params, undefined, options),
    SAMPLING: CreateMessageRequestSchema,
  },
  {
    name: 'SDK v1 over SSE',
    path: 'sse',
    open: (url, options) => new SSEClientTransport(url, options),
    client: (capabilities) => new Client1({ name: 'lines', version: '1' }, { capabilities }),
    call: (client, params, options) => client.callTool(params, undefined, options),
    SAMPLING: CreateMessageRequestSchema,
  },
  {
    name: 'Client v2',
    open: (url, options) => new Transport2(url, options),
    // It tries 2026-07-28 first, which these servers do not know.
    client: (capabilities) =>
      new Client2({ name: 'lines', version: '1' }, { capabilities, versionNegotiation: { mode: 'auto' } }),
    call: (client, params, options) => client.callTool(params, options),
    SAMPLING: 'sampling/createMessage',
  },
];

/** What a portcullis.toml allows: these programs of the npm registry, by our own node. */
const allowed = (programs) =>
  Object.entries(programs)
    .map(([name, { args, env = {} }]) => {
      const names = Object.entries(env).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
      const command = JSON.stringify(process.execPath);
      return `[stdio.${name}]\ncommand = ${command}\nargs = ${JSON.stringify(args)}\nenv = { ${names.join(', ')} }\n`;
    })
    .join('\n');

describe('Gateway: servers over SSE and stdio', () => {
  let server;
  let token;
  const started = [];
  before(async () => {
    server = await startPortcullis();
    const files = join(server.home, 'files');
    const toml = allowed({
      everything: { args: [program('server-everything'), 'stdio'] },
      memory: { args: [program('server-memory')], env: { MEMORY_FILE_PATH: join(server.home, 'memory.jsonl') } },
      files: { args: [program('server-filesystem'), files] },
    });
    execFileSync('mkdir', [files]);
    await writeFile(join(files, 'hello.txt'), 'Hello from a file');
    await writeFile(join(server.home, 'portcullis.toml'), toml);
    await server.restart();
    const port = await freePort();
    const at = `http://localhost:${port}/sse`;
    const old = [program('server-everything'), 'sse'];
    await startProgram({ after: (stop) => started.push(stop) }, process.execPath, old, { PORT: String(port) }, `http://localhost:${port}/`);
    token = await personalToken(server, { scopes: 'mcp:read mcp:write mcp:delete' });
    await registerServer(server, { name: 'old', url: at, transport: 'sse' });
    for (const name of ['everything', 'memory', 'files']) {
      await registerServer(server, { name, command: name }, server.url, 'mgmt.admin');
    }
  });
  after(async () => {
    await server?.dispose();
    started.forEach((stop) => stop());
  });

  /** A client that is connected to one of them, or to the one door. */
  async function connected(t, sdk, name, capabilities = {}) {
    const url = new URL(name === undefined ? server.mcp : `${server.url}/${name}/${sdk.path ?? 'mcp'}`);
    const headers = { authorization: `Bearer ${token}` };
    const options = { requestInit: { headers }, fetch: (at, init) => fetch(at, { ...init, headers: { ...Object.fromEntries(new Headers(init?.headers)), ...headers } }) };
    const client = sdk.client(capabilities);
    const transport = sdk.open(url, options);
    t.after(async () => {
      await transport.terminateSession?.().catch(() => undefined);
      await client.close();
    });
    await client.connect(transport, { timeout: 30_000 });
    return { client, transport, call: (tool, args = {}, options) => sdk.call(client, { name: tool, arguments: args }, options) };
  }

  for (const sdk of SDKS) {
    for (const name of ['old', 'everything']) {
      it(`server-everything ${name === 'old' ? 'over SSE' : 'as a program'} and ${sdk.name}: tools, prompts, resources, progress, questions`, async (t) => {
        const { client, call } = await connected(t, sdk, name, { sampling: {} });
        client.setRequestHandler(sdk.SAMPLING, ({ params }) => ({
          model: 'test',
          role: 'assistant',
          content: { type: 'text', text: `To ${params.maxTokens}: ${params.messages[0].content.text}` },
        }));
        assert.match(client.getServerVersion().name, /everything/);
        const { tools } = await client.listTools();
        assert.ok(tools.some((tool) => tool.name === 'echo'), JSON.stringify(tools.map((tool) => tool.name)));
        assert.match(said(await call('echo', { message: 'as it is' })), /Echo: as it is/);
        assert.match(said(await call('get-sum', { a: 20, b: 22 })), /42/);
        const { prompts } = await client.listPrompts();
        assert.ok(prompts.length > 1);
        const { resources } = await client.listResources();
        assert.ok((await client.readResource({ uri: resources[0].uri })).contents.length >= 1);
        const heard = [];
        const long = { duration: 1.5, steps: 3 };
        await call('trigger-long-running-operation', long, { onprogress: ({ progress }) => heard.push(progress) });
        // Over SSE the SDK loses progress that arrives together with the answer, also where nobody stands between.
        assert.deepEqual(heard.slice(0, 2), [1, 2]);
        if (!sdk.path) assert.equal(heard[2], 3);
        assert.match(said(await call('trigger-sampling-request', { prompt: 'Say it', maxTokens: 7 })), /To 7: .*Say it/);
        const off = new AbortController();
        setTimeout(() => off.abort('enough'), 300);
        await assert.rejects(call('trigger-long-running-operation', { duration: 60, steps: 60 }, { signal: off.signal }), /enough/);
        assert.match(said(await call('echo', { message: 'still there' })), /still there/);
      });
    }

    it(`server-memory as a program and ${sdk.name}: it remembers where its operator lets it`, async (t) => {
      const one = await connected(t, sdk, 'memory');
      await one.call('create_entities', { entities: [{ name: sdk.name, entityType: 'client', observations: ['rainy'] }] });
      assert.ok(said(await one.call('read_graph')).includes(sdk.name));
      const other = await connected(t, sdk, 'memory');
      assert.ok(said(await other.call('search_nodes', { query: 'rainy' })).includes(sdk.name), 'another process, the same file');
    });

    it(`server-filesystem as a program and ${sdk.name}: reads where its operator lets it`, async (t) => {
      const { call } = await connected(t, sdk, 'files');
      const inside = join(server.home, 'files', 'hello.txt');
      assert.match(said(await call('read_text_file', { path: inside })), /Hello from a file/);
      const outside = await call('read_text_file', { path: '/etc/passwd' });
      assert.equal(outside.isError, true);
    });
  }

  it('at the one door, all of them under their names', async (t) => {
    const { client, call } = await connected(t, SDKS[0]);
    const names = [];
    for (let cursor; ; ) {
      const page = await client.listTools({ cursor });
      names.push(...page.tools.map((tool) => tool.name));
      cursor = page.nextCursor;
      if (!cursor) break;
    }
    for (const name of ['old__echo', 'everything__echo', 'memory__read_graph', 'files__read_text_file']) assert.ok(names.includes(name), name);
    assert.match(said(await call('old__echo', { message: 'from afar' })), /Echo: from afar/);
    assert.match(said(await call('everything__echo', { message: 'from here' })), /Echo: from here/);
    assert.match(said(await call('files__list_allowed_directories')), /files/);
  });

  it('programs end with their sessions, and with us', async (t) => {
    const running = () => pidsOf(program('server-memory'));
    const before = running();
    const { transport } = await connected(t, SDKS[0], 'memory');
    const begun = running().filter((pid) => !before.includes(pid));
    assert.ok(begun.length >= 1);
    await transport.terminateSession();
    const left = () => running().filter((pid) => begun.includes(pid));
    for (const deadline = Date.now() + 10_000; left().length > 0 && Date.now() < deadline; ) await sleep(50);
    assert.deepEqual(left(), []);
    const { client } = await connected(t, SDKS[0], 'memory');
    await server.stop();
    await client.close();
    for (const deadline = Date.now() + 5_000; running().length > 0 && Date.now() < deadline; ) await sleep(50);
    assert.deepEqual(running(), [], 'nothing is left behind');
    assert.ok(existsSync(server.dataDir));
  });
});

/** The processes that run this script. */
function pidsOf(script) {
  try {
    const lines = execFileSync('pgrep', ['-f', script], { encoding: 'utf8' });
    return lines.trim().split('\n').filter(Boolean);
  } catch {
    return [];
  }
}
