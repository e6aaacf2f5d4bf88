// A running installation with a browser before it, for one test file.

import { after, before } from 'node:test';

import { authorizationRequest, register } from '../../clients/support/oauth.mjs';
import { startCallback } from '../../clients/support/callback.mjs';
import { startPortcullis } from '../../clients/support/portcullis.mjs';
import { Visitor, startChromium } from './chromium.mjs';

/** Starts Portcullis and Chromium before the tests of the surrounding `describe`, and ends both after them. */
export function house(options) {
  const house = {
    /** A visitor who leaves when the test ends. */
    async visitor(t, settings) {
      const visitor = await Visitor.arrive(house.browser, house.server, settings);
      t.after(() => visitor.leave());
      return visitor;
    },
    /** A client on the user's machine, registered, and its authorization request. */
    async client(t, { name = 'Example Client', scope = 'mcp:read mcp:write', ...more } = {}) {
      const callback = await startCallback();
      t.after(() => callback.close());
      const redirectUri = more.redirectUri ?? callback.url;
      const registered = await register(house.server, { name, redirectUris: [redirectUri], ...more.registration });
      const request = authorizationRequest(house.server, { clientId: registered.client_id, redirectUri, scope });
      return { ...request, name, callback };
    },
  };
  before(async () => {
    [house.server, house.browser] = await Promise.all([startPortcullis(options), startChromium()]);
  });
  after(async () => {
    await house.browser?.close();
    await house.server?.dispose();
  });
  return house;
}
