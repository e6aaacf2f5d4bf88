// Clients that nobody here wrote hear that the tools which they may use are others now.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { personalToken, registerServer, startEverything } from './support/gateway.mjs';
import { application } from './support/journeys.mjs';
import { startPortcullis } from './support/portcullis.mjs';

const WITHIN_MS = 10_000;
const CLIENTS = [
  { name: 'SDK v1, 2025-11-25', Client: Client1, Transport: Transport1, by: (url) => url.get('code'), options: {}, refresh: false },
  { name: 'Client v2, 2025-11-25', Client: Client2, Transport: Transport2, by: (url) => url, options: {}, refresh: true },
  {
    name: 'Client v2, 2026-07-28',
    Client: Client2,
    Transport: Transport2,
    by: (url) => url,
    options: { versionNegotiation: { mode: 'auto' } },
    refresh: true,
  },
];

async function until(holds, what) {
  for (const deadline = Date.now() + WITHIN_MS; Date.now() < deadline; await sleep(50)) {
    if (await holds()) return;
  }
  assert.fail(`not within ${WITHIN_MS} ms: ${what}`);
}

describe('Tools that change', () => {
  let server;
  let item;
  let token;
  const started = [];
  before(async () => {
    const everything = startEverything({ after: (stop) => started.push(stop) });
    server = await startPortcullis();
    item = await registerServer(server, { name: 'everything', url: (await everything).url });
    token = await personalToken(server, { scopes: 'mgmt.write' });
  });
  after(async () => {
    await server?.dispose();
    started.forEach((stop) => stop());
  });

  async function enable(enabled) {
    const answer = await fetch(`${server.url}/api/v1/mcp-servers/${item.id}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ enabled }),
    });
    assert.equal(answer.status, 200, await answer.text());
  }

  for (const { name, Client, Transport, by, options, refresh } of CLIENTS) {
    it(`are told to ${name}`, async (t) => {
      let heard = 0;
      let names = [];
      const onChanged = (error, tools) => {
        assert.equal(error, null);
        heard += 1;
        names = tools.map((tool) => tool.name);
      };
      const sdk = { name, Client, Transport, finish: (transport, callback) => transport.finishAuth(by(callback.searchParams)) };
      const clientOptions = { ...options, listChanged: { tools: { onChanged, debounceMs: 50 } } };
      const app = application(sdk, server, { refresh, clientOptions });
      t.after(() => app.close());
      await app.connect();
      assert.equal(app.client.getServerCapabilities().tools.listChanged, true);
      assert.ok((await app.tools()).some((tool) => tool.name === 'everything__echo'));
      // The stream of the earlier era is opened once the handshake is over, and nobody waits for it.
      const streams = [{ method: 'GET', path: '/mcp', status: 200 }, { rpc: 'subscriptions/listen', status: 200 }];
      const listens = () => streams.some((stream) => app.wire.matching(stream).length > 0);
      await until(listens, 'the client listens');

      await enable(false);
      await until(() => heard > 0, 'the client hears that a server is switched off');
      assert.ok(!names.some((tool) => tool.startsWith('everything__')), `its tools are gone: ${names}`);
      heard = 0;
      await enable(true);
      await until(() => heard > 0 && names.includes('everything__echo'), 'and that it is back');
    });
  }
});
