// Servers that nobody here wrote, behind the gateway, and clients that nobody here wrote in front of it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { Application } from './support/application.mjs';
import { Person } from './support/browser.mjs';
import { registerServer, startEverything, through } from './support/gateway.mjs';
import { application } from './support/journeys.mjs';
import { challenge, scopes } from './support/oauth.mjs';
import { ADMIN, startPortcullis } from './support/portcullis.mjs';
import { Provider } from './support/provider.mjs';
import { assertKnows, said } from './support/tools.mjs';

const SDKS = [
  {
    name: 'SDK v1',
    Client: Client1,
    Transport: Transport1,
    finish: (transport, callback) => transport.finishAuth(callback.searchParams.get('code')),
    // A client of this version that holds a refresh token cannot ask for more (see sdk-v1.test.mjs).
    refresh: false,
    call: (client, params, options) => client.callTool(params, undefined, options),
    SAMPLING: CreateMessageRequestSchema,
    ELICITATION: ElicitRequestSchema,
    options: {},
  },
  {
    name: 'Client v2',
    Client: Client2,
    Transport: Transport2,
    finish: (transport, callback) => transport.finishAuth(callback.searchParams),
    refresh: true,
    call: (client, params, options) => client.callTool(params, options),
    SAMPLING: 'sampling/createMessage',
    ELICITATION: 'elicitation/create',
    // It tries 2026-07-28 first, which server-everything does not know.
    options: { versionNegotiation: { mode: 'auto' } },
  },
];
const ALL = { sampling: {}, elicitation: { form: {} } };

/** An application that may be asked things, at one server behind the gateway. */
function guest(t, sdk, server, name = 'everything') {
  const clientOptions = { ...sdk.options, capabilities: ALL };
  const app = application(sdk, through(server, name), { refresh: sdk.refresh, clientOptions });
  t.after(() => app.close());
  return app;
}

for (const sdk of SDKS) {
  describe(`Gateway: server-everything and ${sdk.name}`, () => {
    let server;
    let everything;
    const started = [];
    before(async () => {
      [server, everything] = await Promise.all([startPortcullis(), startEverything({ after: (stop) => started.push(stop) })]);
      await registerServer(server, { name: 'everything', url: everything.url });
    });
    after(async () => {
      await server?.dispose();
      started.forEach((stop) => stop());
    });

    it('signs in for that one server and uses its tools, prompts and resources', async (t) => {
      const app = guest(t, sdk, server);
      await app.connect();
      assert.equal(app.client.getServerVersion().name, 'mcp-servers/everything');
      const [first] = app.wire.exchanges;
      assert.equal(first.status, 401);
      assert.equal(challenge(first.headers).resource_metadata, `${server.url}/.well-known/oauth-protected-resource/everything/mcp`);

      const names = (await app.tools()).map(({ name }) => name);
      for (const name of ['echo', 'get-sum', 'trigger-sampling-request']) assert.ok(names.includes(name), `${name} in ${names}`);
      assert.match(said(await app.call('echo', { message: 'as it is' })), /Echo: as it is/);
      assert.match(said(await app.call('get-sum', { a: 20, b: 22 })), /42/);
      const weather = await app.call('get-structured-content', { location: 'Chicago' });
      assert.equal(typeof weather.structuredContent.temperature, 'number');
      assert.ok((await app.call('get-tiny-image')).content.some(({ type }) => type === 'image'));

      const { prompts } = await app.client.listPrompts();
      assert.ok(prompts.some(({ name }) => name === 'args-prompt'));
      const { messages } = await app.client.getPrompt({ name: 'args-prompt', arguments: { city: 'Bergen' } });
      assert.match(messages[0].content.text, /weather in Bergen/);
      const ref = { type: 'ref/prompt', name: 'completable-prompt' };
      const { completion } = await app.client.complete({ ref, argument: { name: 'department', value: 'E' } });
      assert.deepEqual(completion.values, ['Engineering']);

      const { resources } = await app.client.listResources();
      assert.ok(resources.length > 1);
      assert.ok((await app.client.readResource({ uri: resources[0].uri })).contents.length >= 1);
      const { resourceTemplates } = await app.client.listResourceTemplates();
      assert.ok(resourceTemplates.some(({ uriTemplate }) => uriTemplate === 'demo://resource/dynamic/text/{resourceId}'));
      const { contents } = await app.client.readResource({ uri: 'demo://resource/dynamic/text/7' });
      assert.match(contents[0].text, /7/);
      await app.client.subscribeResource({ uri: 'demo://resource/dynamic/text/7' });
      await app.client.unsubscribeResource({ uri: 'demo://resource/dynamic/text/7' });
      await app.client.setLoggingLevel('warning');
    });

    it('hears of progress while a call is under way, and can call it off', async (t) => {
      const app = guest(t, sdk, server);
      await app.connect();
      const heard = [];
      const long = { name: 'trigger-long-running-operation', arguments: { duration: 0.6, steps: 3 } };
      let answered = false;
      const onprogress = ({ progress, total }) => heard.push([progress, total, answered]);
      await sdk.call(app.client, long, { onprogress }).finally(() => (answered = true));
      assert.deepEqual(heard, [1, 2, 3].map((step) => [step, 3, false]), 'each step while the call was under way');
      const off = new AbortController();
      const forever = { name: long.name, arguments: { duration: 60, steps: 60 } };
      setTimeout(() => off.abort('enough'), 300);
      await assert.rejects(sdk.call(app.client, forever, { signal: off.signal }), /enough/);
      assert.match(said(await app.call('echo', { message: 'still there' })), /still there/);
    });

    it('is asked by the server in the middle of a call, for which it first asked its user for more', async (t) => {
      const app = guest(t, sdk, server);
      await app.connect();
      app.client.setRequestHandler(sdk.SAMPLING, ({ params }) => ({
        model: 'test',
        role: 'assistant',
        content: { type: 'text', text: `To ${params.maxTokens}: ${params.messages[0].content.text}` },
      }));
      app.client.setRequestHandler(sdk.ELICITATION, () => ({ action: 'accept', content: { name: 'Ada' } }));
      const sampling = { prompt: 'Say it', maxTokens: 7 };
      // Such tools are offered only to clients that can be asked, so the gateway does not know what they do: it asks for the most.
      app.wire.clear();
      await assert.rejects(app.call('trigger-sampling-request', sampling));
      const [refused] = app.wire.matching({ status: 403 });
      assert.deepEqual(scopes(challenge(refused.headers).scope), ['mcp:delete', 'mcp:read', 'mcp:write']);
      await app.answer({ scopes: { 'mcp:delete': true } });
      assert.match(said(await app.call('trigger-sampling-request', sampling)), /To 7: .*Say it/);
      assert.match(said(await app.call('trigger-elicitation-request')), /Ada/);
    });

    it('has a stream from the server, and ends its session', async (t) => {
      const app = guest(t, sdk, server);
      await app.connect();
      const session = app.transport.sessionId;
      assert.ok(session.length > 60 && !everything.said.includes(session), 'the id of the session is in an envelope');
      await app.call('echo', { message: 'one' });
      assert.ok(app.wire.matching({ method: 'GET', status: 200 }).length >= 1, 'the stream is open');
      await app.transport.terminateSession();
      const [ended] = app.wire.matching({ method: 'DELETE' });
      assert.equal(ended.status, 200);
      assert.match(everything.said, /Received session termination request/);
    });

    it('finds its tools at /mcp under its name, and calls them there', async (t) => {
      const app = application(sdk, server, { clientOptions: sdk.options });
      t.after(() => app.close());
      await app.connect();
      const names = (await app.tools()).map(({ name }) => name);
      for (const name of ['everything__echo', 'everything__get-sum']) assert.ok(names.includes(name), `${name} in ${names}`);
      assert.match(said(await app.call('everything__echo', { message: 'from afar' })), /Echo: from afar/);
      assert.match(said(await app.call('everything__get-sum', { a: 1, b: 2 })), /3/);
      const weather = await app.call('everything__get-structured-content', { location: 'Chicago' });
      assert.equal(typeof weather.structuredContent.temperature, 'number');
      assertKnows(await app.whoAmI(), { username: ADMIN.username });
    });

    it('is told clearly that its user may not, and keeps working', async (t) => {
      const person = new Person(server, await server.addPerson(`bob-${sdk.refresh}`, 'portcullis-rust-chain-63'));
      const [clientOptions, name] = [sdk.options, `${sdk.name} of somebody else`];
      const open = async (at) => {
        const app = new Application(sdk, { server: at, person, provider: new Provider({ server: at, name }), clientOptions });
        t.after(() => app.close());
        return app.connect();
      };
      const app = await open(server);
      assert.ok((await app.tools()).every((tool) => !tool.name.startsWith('everything__')), 'what may not be called is not found');
      for (let time = 0; time < 2; time += 1) {
        await assert.rejects(app.call('everything__echo', { message: 'let me in' }), /denied|may not|not allowed|allows|no such|unknown/i);
        assertKnows(await app.whoAmI(), { username: person.username });
      }
      await assert.rejects(open(through(server, 'everything')), (error) => {
        t.diagnostic(error.message);
        return true;
      });
    });
  });
}
