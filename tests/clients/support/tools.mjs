// What the tests need to know of the built-in tools; they are found by what they declare.

import assert from 'node:assert/strict';

/** The tool that tells who calls. */
export const WHO = 'debug_auth_context';

/** A tool that `mcp:read` does not open: the first that changes something and destroys nothing. */
export function writingTool(tools) {
  return first(tools, ({ readOnlyHint, destructiveHint }) => readOnlyHint !== true && destructiveHint !== true);
}

/** A tool that only `mcp:delete` opens. */
export function destroyingTool(tools) {
  return first(tools, ({ destructiveHint }) => destructiveHint === true);
}

function first(tools, wanted) {
  const found = tools.find((tool) => wanted(tool.annotations ?? {}));
  assert.ok(found, `no such tool among ${tools.map((tool) => tool.name)}`);
  return found;
}

/** The least that a tool's input schema accepts. */
export function argumentsFor(schema) {
  const filled = (schema.required ?? []).map((name) => [name, example(schema.properties?.[name] ?? {})]);
  return Object.fromEntries(filled);
}

function example(schema) {
  if (schema.enum) return schema.enum[0];
  if (schema.const !== undefined) return schema.const;
  const type = [schema.type].flat()[0];
  if (type === 'object') return argumentsFor(schema);
  return { string: 'example', integer: schema.minimum ?? 1, number: schema.minimum ?? 1, boolean: true, array: [] }[type] ?? 'example';
}

/** Everything a tool said, as one text. */
export function said(result) {
  const texts = (result.content ?? []).filter((part) => part.type === 'text').map((part) => part.text);
  return [...texts, JSON.stringify(result.structuredContent ?? {})].join('\n');
}

/** Checks that `debug_auth_context` knows its caller and gives no token away. */
export function assertKnows(result, { username, clientId, token }) {
  assert.notEqual(result.isError, true, said(result));
  const text = said(result);
  assert.ok(text.includes(username), `the caller is not named in ${text}`);
  if (clientId) assert.ok(text.includes(clientId), `the client is not named in ${text}`);
  if (token) assert.ok(!text.includes(token), 'the tool gave a token away');
}
