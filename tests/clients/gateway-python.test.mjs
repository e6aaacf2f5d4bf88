// A server on fastmcp behind the gateway, and in front of it the Python SDK and langchain's client, configured as users' documents do.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Person } from './support/browser.mjs';
import { personalToken, registerServer, startProgram, through } from './support/gateway.mjs';
import { freePort } from './support/ports.mjs';
import { ADMIN, startPortcullis } from './support/portcullis.mjs';
import { Python, program, python } from './support/python.mjs';

describe('Gateway: a fastmcp server', () => {
  let server;
  const started = [];
  before(async () => {
    const port = await freePort();
    const behind = { after: (stop) => started.push(stop) };
    const url = `http://127.0.0.1:${port}/mcp`;
    server = await startPortcullis();
    await startProgram(behind, python('-fastmcp'), [program('fastmcp_server'), String(port)], {}, url);
    await registerServer(server, { name: 'harbour', url });
  });
  after(async () => {
    await server?.dispose();
    started.forEach((stop) => stop());
  });

  for (const mode of ['auto', 'legacy']) {
    it(`and the Python SDK (${mode}), which signs in and calls its tools`, async (t) => {
      const person = new Person(server, ADMIN);
      const app = new Python();
      const { mcp } = through(server, 'harbour');
      const settings = { url: mcp, name: `Python (${mode})`, redirect: 'http://localhost:9/callback', mode };
      const plain = app.answer.bind(app);
      app.answer = async () => {
        const message = await plain();
        if (!message.visit) return message;
        app.say({ callback: await person.decide(message.visit) });
        return app.answer();
      };
      await app.begin(t, 'client', settings);
      const { tools } = await app.ask('tools');
      assert.deepEqual(tools.map(({ name }) => name).sort(), ['count', 'tide']);
      const tide = await app.ask('call', { name: 'tide', arguments: { port: 'Bergen' } });
      assert.deepEqual(tide.structuredContent, { port: 'Bergen', metres: 3.5 });
      assert.match(JSON.stringify(await app.ask('call', { name: 'count', arguments: { to: 3 } })), /counted to 3/);
      await assert.rejects(app.ask('call', { name: 'sink' }).then((result) => assert.ok(!result.isError, 'refused')), /sink|refused|scope/i);
    });
  }

  it("and langchain's MultiServerMCPClient with the headers of the users' documents", async (t) => {
    const token = await personalToken(server, { scopes: 'mcp:read' });
    const headers = { 'X-Authorization': `Bearer ${token}`, 'X-User-Pool-Id': 'us-east-1_XXXXXXXXX', 'X-Region': 'us-east-1' };
    const at = (url) => ({ url, transport: 'streamable_http', headers });
    const agent = new Python();
    const { mcp } = through(server, 'harbour');
    await agent.begin(t, 'langchain_agent', { harbour: at(mcp), all: at(server.mcp) }, '-langchain');
    const behind = await agent.ask(undefined, { server: 'harbour', call: 'tide', arguments: { port: 'Bergen' } });
    assert.deepEqual(behind.tools, ['count', 'tide']);
    assert.match(JSON.stringify(behind.answer), /3\.5/);
    const all = await agent.ask(undefined, { server: 'all', call: 'harbour__tide', arguments: { port: 'Oslo' } });
    assert.ok(all.tools.includes('debug_auth_context'), 'beside our own');
    assert.match(JSON.stringify(all.answer), /Oslo/);
  });

  it("and langchain's client of somebody without a policy, who finds nothing there and everything else", async (t) => {
    const { username } = await server.addPerson('carol', 'portcullis-rust-chain-63');
    const token = await personalToken(server, { user: username, scopes: 'mcp:read mcp:write' });
    const at = (url) => ({ url, transport: 'streamable_http', headers: { 'X-Authorization': `Bearer ${token}` } });
    const agent = new Python();
    const { mcp } = through(server, 'harbour');
    await agent.begin(t, 'langchain_agent', { harbour: at(mcp), all: at(server.mcp) }, '-langchain');
    await assert.rejects(agent.ask(undefined, { server: 'harbour' }), /403|[Nn]ot allowed/);
    const { tools } = await agent.ask(undefined, { server: 'all' });
    assert.ok(tools.includes('debug_auth_context') && !tools.some((name) => name.startsWith('harbour__')), String(tools));
  });
});
