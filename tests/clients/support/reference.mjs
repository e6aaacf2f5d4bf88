// A server with everything that MCP's conformance suite asks a server for, on the TypeScript SDK, in both eras at one address.

import { createServer } from 'node:http';
import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  WebStandardStreamableHTTPServerTransport,
  createMcpHandler,
  createRequestStateCodec,
  isLegacyRequest,
} from '@modelcontextprotocol/server';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=';
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';

const text = (words) => ({ type: 'text', text: words });
const says = (...content) => ({ content });
const image = { type: 'image', data: PNG, mimeType: 'image/png' };
const codec = createRequestStateCodec({ key: randomBytes(32) });

/** Asks for input in the way of 2026-07-28. */
const wants = async (inputRequests, state) => ({
  resultType: 'input_required',
  inputRequests,
  ...(state === undefined ? {} : { requestState: await codec.mint(state) }),
});
const form = (message, properties) => ({
  method: 'elicitation/create',
  params: { message, requestedSchema: { type: 'object', properties, required: Object.keys(properties) } },
});
const question = (words, maxTokens = 100) => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: text(words) }], maxTokens },
});
const NAME = form('What is your name?', { name: { type: 'string' } });
const ROOTS = { method: 'roots/list', params: {} };

/** Asks the client in the middle of a call, in the way of 2025-11-25, and tells what it said. */
async function elicited(ctx, message, properties) {
  const { action, content } = await ctx.mcpReq.elicitInput({ message, requestedSchema: { type: 'object', properties } });
  return says(text(`Elicitation completed: action=${action}, content=${JSON.stringify(content ?? {})}`));
}

/** One question of the way of 2026-07-28: asked until it is answered. */
const asked = (key, request) => async (_, ctx) => {
  const answer = ctx.mcpReq.inputResponses?.[key];
  return answer === undefined ? wants({ [key]: request }) : says(text(`It said ${JSON.stringify(answer)}`));
};

const string = { type: 'string' };
const choices = (...titles) => titles.map((title, index) => ({ const: `value${index + 1}`, title }));
const OPTIONS = ['option1', 'option2', 'option3'];
const TITLED = choices('First Option', 'Second Option', 'Third Option');

const TOOLS = {
  test_simple_text: [{}, () => says(text('This is a simple text response for testing.'))],
  test_image_content: [{}, () => says(image)],
  test_audio_content: [{}, () => says({ type: 'audio', data: WAV, mimeType: 'audio/wav' })],
  test_embedded_resource: [
    {},
    () =>
      says({
        type: 'resource',
        resource: { uri: 'test://embedded-resource', mimeType: 'text/plain', text: 'This is an embedded resource content.' },
      }),
  ],
  test_multiple_content_types: [
    {},
    () => {
      const resource = { uri: 'test://mixed-content-resource', mimeType: 'application/json', text: '{"test":"data","value":123}' };
      return says(text('Multiple content types test:'), image, { type: 'resource', resource });
    },
  ],
  test_tool_with_logging: [
    {},
    async (_, ctx) => {
      for (const words of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
        await ctx.mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data: words } });
        await sleep(50);
      }
      return says(text('Logged three times.'));
    },
  ],
  test_logging_tool: [
    {},
    async (_, ctx) => {
      await ctx.mcpReq.log('info', 'Only for who asked for it.');
      return says(text('Logged, for who asked for it.'));
    },
  ],
  test_tool_with_progress: [
    {},
    async (_, ctx) => {
      const progressToken = ctx.mcpReq._meta?.progressToken;
      for (const progress of [0, 50, 100]) {
        if (progressToken !== undefined) {
          await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } });
        }
        await sleep(50);
      }
      return says(text('Done.'));
    },
  ],
  test_error_handling: [{}, () => ({ isError: true, ...says(text('This tool intentionally returns an error for testing')) })],
  test_sampling: [
    { prompt: string },
    async ({ prompt }, ctx) => {
      const answer = await ctx.mcpReq.requestSampling(question(prompt).params);
      return says(text(`LLM response: ${answer.content.text}`));
    },
  ],
  test_elicitation: [{ message: string }, ({ message }, ctx) => elicited(ctx, message, { username: string, email: string })],
  test_elicitation_sep1034_defaults: [
    {},
    (_, ctx) =>
      elicited(ctx, 'Please review the defaults', {
        name: { type: 'string', default: 'John Doe' },
        age: { type: 'integer', default: 30 },
        score: { type: 'number', default: 95.5 },
        status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
        verified: { type: 'boolean', default: true },
      }),
  ],
  test_elicitation_sep1330_enums: [
    {},
    (_, ctx) =>
      elicited(ctx, 'Please choose', {
        untitledSingle: { type: 'string', enum: OPTIONS },
        titledSingle: { type: 'string', oneOf: TITLED },
        legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
        untitledMulti: { type: 'array', items: { type: 'string', enum: OPTIONS } },
        titledMulti: { type: 'array', items: { anyOf: TITLED } },
      }),
  ],
  test_missing_capability: [
    {},
    (_, ctx) => {
      if (capabilities(ctx).sampling) return says(text('It can be asked.'));
      throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
    },
  ],
  test_streaming_elicitation: [{}, asked('user_name', NAME)],
  test_input_required_result_elicitation: [{}, asked('user_name', NAME)],
  test_input_required_result_sampling: [{}, asked('capital_question', question('What is the capital of France?'))],
  test_input_required_result_list_roots: [{}, asked('client_roots', ROOTS)],
  test_input_required_result_request_state: [{}, stateful('state-ok', () => ({ confirm: form('Please confirm', { ok: { type: 'boolean' } }) }))],
  test_input_required_result_tampered_state: [{}, stateful('state-ok', () => ({ confirm: form('Please confirm', { ok: { type: 'boolean' } }) }))],
  test_input_required_result_multiple_inputs: [
    {},
    stateful('all three', () => ({ user_name: NAME, greeting: question('Generate a greeting', 50), client_roots: ROOTS })),
  ],
  test_input_required_result_multi_round: [
    {},
    async (_, ctx) => {
      const round = ctx.mcpReq.requestState()?.round ?? 0;
      const steps = [
        { step1: form('Step 1: What is your name?', { name: string }) },
        { step2: form('Step 2: What is your favorite color?', { color: string }) },
      ];
      return round < steps.length ? wants(steps[round], { round: round + 1 }) : says(text('Both rounds are done.'));
    },
  ],
  test_input_required_result_capabilities: [
    {},
    async (_, ctx) => {
      const can = capabilities(ctx);
      const all = { user_name: ['elicitation', NAME], greeting: ['sampling', question('Generate a greeting')], client_roots: ['roots', ROOTS] };
      const wanted = Object.entries(all).filter(([, [capability]]) => can[capability]);
      return wants(Object.fromEntries(wanted.map(([key, [, request]]) => [key, request])));
    },
  ],
  test_trigger_tool_change: [{}, (_, ctx, handler) => (handler?.notify.toolsChanged(), says(text('Tools changed.')))],
  test_trigger_prompt_change: [{}, (_, ctx, handler) => (handler?.notify.promptsChanged(), says(text('Prompts changed.')))],
  test_reconnection: [
    {},
    async (_, ctx) => {
      ctx.http?.closeSSE?.();
      await sleep(200);
      return says(text('Said after the stream was resumed.'));
    },
  ],
  test_custom_headers: [{ region: { type: 'string', 'x-mcp-header': 'Region' } }, ({ region }) => says(text(`In ${region}.`))],
};

function capabilities(ctx) {
  return ctx.mcpReq.envelope?.[CAPABILITIES] ?? ctx.mcpReq._meta?.[CAPABILITIES] ?? {};
}

/** Questions with a state that comes back. */
function stateful(words, requests) {
  return async (_, ctx) =>
    ctx.mcpReq.inputResponses && ctx.mcpReq.requestState() ? says(text(words)) : wants(requests(), { about: words });
}

/** A schema with all that a gate must not take away or tidy up. */
const SCHEMA_2020_12 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { street: string, city: string } } },
  properties: { name: string, address: { $ref: '#/$defs/address' }, by: { enum: ['phone', 'email'] }, phone: string, email: string },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { by: { const: 'phone' } }, required: ['by'] },
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

const PROMPTS = {
  test_simple_prompt: [[], () => [text('This is a simple prompt for testing.')]],
  test_prompt_with_arguments: [['arg1', 'arg2'], ({ arg1, arg2 }) => [text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)]],
  test_prompt_with_embedded_resource: [
    ['resourceUri'],
    ({ resourceUri }) => [
      { type: 'resource', resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' } },
      text('Please process the embedded resource above.'),
    ],
  ],
  test_prompt_with_image: [[], () => [image, text('Please analyze the image above.')]],
  test_input_required_result_prompt: [
    [],
    (_, ctx) => {
      const answer = ctx.mcpReq.inputResponses?.user_context;
      if (answer) return [text(`With the context ${JSON.stringify(answer)}`)];
      return wants({ user_context: form('What context should the prompt use?', { context: string }) });
    },
  ],
};

const RESOURCES = {
  'test://static-text': { mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
  'test://static-binary': { mimeType: 'image/png', blob: PNG },
  'test://watched-resource': { mimeType: 'text/plain', text: 'Watched.' },
};

function readResource({ uri }) {
  if (RESOURCES[uri]) return { contents: [{ uri, ...RESOURCES[uri] }] };
  const id = uri.match(/^test:\/\/template\/([^/]+)\/data$/)?.[1];
  if (!id) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no ${uri}`, { uri });
  const data = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
  return { contents: [{ uri, mimeType: 'application/json', text: data }] };
}

/** One instance: for a session of the earlier era, or for a request of the later one. */
function instance(era, handler) {
  const listChanged = { listChanged: true };
  const server = new Server(
    { name: 'conformance-reference', version: '1.0.0' },
    {
      capabilities: { tools: listChanged, prompts: listChanged, resources: { subscribe: true, ...listChanged }, completions: {}, logging: {} },
      requestState: { verify: codec.verify },
      inputRequired: { legacyShim: false },
    },
  );
  server.setRequestHandler('tools/list', () => ({
    tools: [
      ...Object.entries(TOOLS).map(([name, [properties]]) => ({
        name,
        description: `For the conformance suite: ${name}`,
        inputSchema: { type: 'object', properties, required: Object.keys(properties) },
      })),
      { name: 'json_schema_2020_12_tool', description: 'Tool with JSON Schema 2020-12 features', inputSchema: SCHEMA_2020_12 },
    ],
  }));
  server.setRequestHandler('tools/call', ({ params }, ctx) => {
    const [, run] = TOOLS[params.name] ?? [];
    if (!run) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no tool ${params.name}`);
    return run(params.arguments ?? {}, ctx, handler);
  });
  server.setRequestHandler('prompts/list', () => ({
    prompts: Object.entries(PROMPTS).map(([name, [given]]) => ({
      name,
      description: `For the conformance suite: ${name}`,
      arguments: given.map((argument) => ({ name: argument, required: true })),
    })),
  }));
  server.setRequestHandler('prompts/get', async ({ params }, ctx) => {
    const [, get] = PROMPTS[params.name] ?? [];
    if (!get) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no prompt ${params.name}`);
    const got = await get(params.arguments ?? {}, ctx);
    return Array.isArray(got) ? { messages: got.map((content) => ({ role: 'user', content })) } : got;
  });
  server.setRequestHandler('resources/list', () => ({
    resources: Object.entries(RESOURCES).map(([uri, { mimeType }]) => ({ uri, mimeType, name: uri.slice('test://'.length) })),
  }));
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'template', mimeType: 'application/json' }],
  }));
  server.setRequestHandler('resources/read', ({ params }) => readResource(params));
  server.setRequestHandler('completion/complete', () => ({ completion: { values: ['paris', 'park', 'party'], total: 3, hasMore: false } }));
  if (era === 'legacy') {
    server.setRequestHandler('resources/subscribe', () => ({}));
    server.setRequestHandler('resources/unsubscribe', () => ({}));
  }
  return server;
}

/** What was said in a session, for who lost the stream. */
class Events {
  #all = [];

  async storeEvent(stream, message) {
    const id = randomUUID();
    this.#all.push({ id, stream, message });
    return id;
  }

  async getStreamIdForEventId(id) {
    return this.#all.find((event) => event.id === id)?.stream;
  }

  async replayEventsAfter(last, { send }) {
    const at = this.#all.findIndex((event) => event.id === last);
    const { stream } = this.#all[at] ?? {};
    for (const event of this.#all.slice(at + 1)) {
      // The first event of a stream only gives it an id.
      if (event.stream === stream && Object.keys(event.message).length > 0) await send(event.id, event.message);
    }
    return stream;
  }
}

/** Starts it: `{ url, close }`. */
export async function startReference() {
  const handler = createMcpHandler(() => instance('modern', handler), { legacy: 'reject' });
  const sessions = new Map();
  const legacy = async (request) => {
    const session = request.headers.get('mcp-session-id');
    if (session) return sessions.get(session)?.handleRequest(request) ?? new Response(null, { status: 404 });
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      eventStore: new Events(),
      retryInterval: 500,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await instance('legacy').connect(transport);
    return transport.handleRequest(request);
  };
  const server = createServer(async (incoming, outgoing) => {
    const gone = new AbortController();
    outgoing.once('close', () => gone.abort());
    try {
      const hosts = [incoming.headers.host, incoming.headers.origin && new URL(incoming.headers.origin).host];
      if (!hosts.every((host) => host === undefined || /^(localhost|127\.0\.0\.1)(:\d+)?$/.test(host))) {
        return outgoing.writeHead(403).end();
      }
      const body = incoming.method === 'POST' ? Buffer.concat(await incoming.toArray()) : undefined;
      const headers = Object.entries(incoming.headers).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
      const request = new Request(`http://${incoming.headers.host}${incoming.url}`, {
        method: incoming.method,
        headers,
        body,
        signal: gone.signal,
      });
      const isLegacy = await isLegacyRequest(request);
      const answer = await (isLegacy ? legacy(request) : handler.fetch(request));
      outgoing.writeHead(answer.status, Object.fromEntries(answer.headers));
      outgoing.flushHeaders();
      if (answer.body) await pipeline(Readable.fromWeb(answer.body), outgoing);
      else outgoing.end();
    } catch (error) {
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(500).end(error.stack);
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://localhost:${server.address().port}/mcp`,
    async close() {
      server.closeAllConnections();
      await handler.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
