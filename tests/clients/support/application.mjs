// An application built on a TypeScript SDK, with its user beside it.

import assert from 'node:assert/strict';

import { WHO } from './tools.mjs';
import { Recorder } from './recorder.mjs';

/**
 * One MCP client.
 *
 * `sdk` is `{ Client, Transport, finish }`: version 1 and 2 differ in how an authorization is finished.
 */
export class Application {
  constructor(sdk, { server, person, provider, clientOptions }) {
    Object.assign(this, { sdk, server, person, provider, clientOptions });
    this.wire = new Recorder();
  }

  /** Connects; where its user is sent to a page, the user answers it as `decision` says. */
  async connect(decision) {
    try {
      await this.#open();
    } catch (error) {
      if (!this.provider.asks) throw error;
      await this.answer(decision);
      await this.#open();
    }
    return this;
  }

  async #open() {
    await this.client?.close();
    this.transport = new this.sdk.Transport(new URL(this.server.mcp), {
      authProvider: this.provider,
      fetch: this.wire.fetch,
    });
    this.client = new this.sdk.Client({ name: 'interoperability-test', version: '1.0.0' }, this.clientOptions);
    await this.client.connect(this.transport, { timeout: 30_000 });
  }

  /** Lets the user answer the page that the application opened, and finishes with what came back. */
  async answer(decision) {
    const callback = await this.visit(decision);
    assert.equal(callback.searchParams.get('error'), null, callback.href);
    await this.sdk.finish(this.transport, callback);
    return callback;
  }

  /** The URL at which the user's answer arrives. */
  async visit(decision) {
    const url = this.provider.takeAuthorizationUrl();
    assert.ok(url, 'the application did not open a page');
    const callback = new URL(await this.person.decide(url, decision));
    assert.equal(callback.origin + callback.pathname, this.provider.redirectUrl, 'sent to the registered redirect URI');
    assert.equal(callback.searchParams.get('state'), this.provider.expectedState, 'state comes back as it was');
    assert.equal(callback.searchParams.get('iss'), this.server.url, 'RFC 9207 §2');
    return callback;
  }

  async tools() {
    return (await this.client.listTools()).tools;
  }

  async call(name, args = {}) {
    return this.client.callTool({ name, arguments: args });
  }

  async whoAmI() {
    return this.call(WHO);
  }

  async close() {
    await this.client?.close();
  }
}
