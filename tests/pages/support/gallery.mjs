// Every page of the first release and how one gets to it, for the checks that hold on all of them and for the pictures.

import { createServer } from 'node:http';

import { Person } from '../../clients/support/browser.mjs';
import { authorizationRequest, redeem, register } from '../../clients/support/oauth.mjs';
import { ADMIN } from '../../clients/support/portcullis.mjs';

const MANY = 'openid profile email groups offline_access mcp:read mcp:write mcp:delete';

/** A consent page of a client of that kind. */
async function consent(visitor, { name, redirectUri, scope = 'mcp:read mcp:write', clientId }) {
  const id = clientId ?? (await register(visitor.server, { name, redirectUris: [redirectUri] })).client_id;
  const request = authorizationRequest(visitor.server, { clientId: id, redirectUri, scope });
  await visitor.open(request.url);
  if (await visitor.sees('Sign in')) await visitor.signIn(ADMIN);
  if (!(await visitor.sees('Allow'))) throw new Error(`no consent page: ${await visitor.text()}`);
  return request;
}

/** A page behind the sign-in. */
async function settings(visitor, path) {
  await visitor.open(path);
  await visitor.signIn(ADMIN);
}

/** A server with tools of every kind, which answers as long as this process lives. */
const upstream = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += chunk));
  request.on('end', () => {
    const { id, method } = JSON.parse(body || '{}');
    const tool = (name, description, annotations) => ({ name, description, inputSchema: { type: 'object' }, annotations });
    const tools = [
      tool('list_events', 'Lists the meetings of a day', { readOnlyHint: true }),
      tool('book_room', 'Books a room for a meeting', {}),
      tool('cancel_meeting', 'Cancels a meeting for everybody who was invited', { destructiveHint: true }),
    ];
    const handshake = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'calendar', version: '1' } };
    if (id === undefined) return response.writeHead(202).end();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: method === 'initialize' ? handshake : { tools } }));
  });
}).listen(0, '127.0.0.1').unref();

/** The page of a server that is registered, once. */
async function registered(visitor, name) {
  await settings(visitor, '/settings/workspaces/mcp-gateway/register-server');
  await visitor.page.getByLabel('Name', { exact: true }).fill(name);
  await visitor.page.getByLabel('URL', { exact: true }).fill(`http://127.0.0.1:${upstream.address().port}/mcp`);
  await visitor.press('Register server');
  if (!(await visitor.sees('Look now'))) await visitor.open(`/settings/workspaces/mcp-gateway/servers/${name}`);
}

/** Registers a client and lets it in, as the administrator would. */
export async function connect(server, { name, redirectUri, scope = 'mcp:read mcp:write' }) {
  const { client_id: clientId } = await register(server, { name, redirectUris: [redirectUri] });
  const request = authorizationRequest(server, { clientId, redirectUri, scope });
  await redeem(server, request, await new Person(server, ADMIN).decide(request.url));
}

/** `[name, how to get there]`: each starts with a visitor who is not signed in. */
export const gallery = [
  ['home', (visitor) => visitor.open('/')],
  ['sign-in', (visitor) => visitor.open('/login')],
  [
    'sign-in-refused',
    async (visitor) => {
      await visitor.open('/login');
      await visitor.signIn({ username: 'alice', password: 'not the password' });
    },
  ],
  [
    'sign-in-for-client',
    async (visitor) => {
      const redirectUri = 'http://127.0.0.1:9/callback';
      const { client_id: clientId } = await register(visitor.server, { name: 'Example Editor', redirectUris: [redirectUri] });
      await visitor.open(authorizationRequest(visitor.server, { clientId, redirectUri, scope: 'mcp:read mcp:write' }).url);
    },
  ],
  ['consent-loopback', (visitor) => consent(visitor, { name: 'Example Editor', redirectUri: 'http://127.0.0.1:9/callback' })],
  ['consent-unverified', (visitor) => consent(visitor, { name: 'Meeting Notes', redirectUri: 'https://notes.example/callback' })],
  ['consent-private-scheme', (visitor) => consent(visitor, { name: 'Cursor', redirectUri: 'cursor://anysphere.cursor-mcp/oauth/callback' })],
  [
    'consent-many-scopes',
    (visitor) => consent(visitor, { name: 'Everything Assistant', redirectUri: 'https://assistant.example/callback', scope: MANY }),
  ],
  [
    'consent-answered',
    async (visitor) => {
      await consent(visitor, { name: 'Example Editor', redirectUri: 'http://127.0.0.1:9/callback' });
      const url = visitor.page.url();
      const tab = await visitor.context.newPage();
      await tab.goto(url);
      const answered = tab.waitForResponse((response) => response.request().method() === 'POST');
      await tab.getByRole('button', { name: 'Deny', exact: true }).click({ noWaitAfter: true });
      await answered;
      await tab.close();
      await visitor.open(url);
    },
  ],
  [
    'device-code',
    async (visitor) => {
      await visitor.open('/device');
      await visitor.signIn(ADMIN);
    },
  ],
  [
    'error',
    (visitor) => {
      const redirectUri = 'https://notes.example/callback';
      return visitor.open(authorizationRequest(visitor.server, { clientId: 'forgotten-client', redirectUri }).url);
    },
  ],
  ['not-found', (visitor) => visitor.open('/no-such-page')],
  ['set-up-used', (visitor) => visitor.open('/setup?link=unknown')],
  [
    'connected-apps-empty',
    async (visitor) => {
      await visitor.open('/settings/apps');
      await visitor.signIn(visitor.server.newcomer);
    },
  ],
  [
    'connected-apps',
    async (visitor) => {
      await connect(visitor.server, { name: 'Example Editor', redirectUri: 'http://127.0.0.1:9/callback' });
      await visitor.open('/settings/apps');
      await visitor.signIn(ADMIN);
    },
  ],
  ['set-up-a-client', (visitor) => settings(visitor, '/settings/setup')],
  ['set-up-cursor', (visitor) => settings(visitor, '/settings/setup?connect=personal&client=cursor')],
  ['set-up-service', (visitor) => settings(visitor, '/settings/setup?connect=service')],
  [
    'set-up-tested',
    async (visitor) => {
      await settings(visitor, '/settings/setup?connect=discovery&client=vs-code');
      await visitor.page.getByRole('button', { name: 'Test connection' }).click();
      await visitor.page.getByText('No key was given').last().waitFor();
      // The button is the last thing that Tab reaches: begin above it.
      await visitor.page.getByRole('heading', { level: 1 }).click();
    },
  ],
  ['components', (visitor) => settings(visitor, '/settings/components')],
  [
    'connection-doctor',
    async (visitor) => {
      await visitor.open('/admin/doctor');
      await visitor.signIn(ADMIN);
    },
  ],
  [
    'connection-doctor-examined',
    async (visitor) => {
      await visitor.open('/admin/doctor');
      await visitor.signIn(ADMIN);
      await visitor.press('Examine');
    },
  ],
  ['policies', (visitor) => settings(visitor, '/admin/policies')],
  [
    'policy',
    async (visitor) => {
      await settings(visitor, '/admin/policies');
      await visitor.page.getByRole('link', { name: 'mcp-servers-restricted/execute' }).click();
      await visitor.page.getByRole('heading', { level: 1, name: 'mcp-servers-restricted/execute' }).waitFor();
    },
  ],
  ['simulate-policies', (visitor) => settings(visitor, '/admin/policies/simulate')],
  [
    'simulated',
    async (visitor) => {
      await registered(visitor, 'calendar');
      await visitor.open('/admin/policies/simulate?user=admin&server=calendar&tool=cancel_meeting');
    },
  ],
  ['new-key', (visitor) => settings(visitor, '/settings/keys/new')],
  [
    'recent-connections',
    async (visitor) => {
      await connect(visitor.server, { name: 'Example Editor', redirectUri: 'http://127.0.0.1:9/callback' });
      const redirectUri = 'https://notes.example/callback';
      await visitor.open(authorizationRequest(visitor.server, { clientId: 'forgotten-client', redirectUri }).url);
      await visitor.open('/admin/flows');
      await visitor.signIn(ADMIN);
    },
  ],
  ['audit', (visitor) => settings(visitor, '/admin/audit')],
  [
    'audit-opened',
    async (visitor) => {
      await settings(visitor, '/admin/audit?event=session.&since=1h');
      await visitor.page.locator('details.event summary').first().click();
      await visitor.page.getByRole('heading', { level: 1 }).click();
    },
  ],
  ['audit-nothing-found', (visitor) => settings(visitor, '/admin/audit?user=admin&server=nowhere')],
  ['audit-wrong', (visitor) => settings(visitor, '/admin/audit?since=yesterday')],
  ['servers', (visitor) => settings(visitor, '/settings/workspaces/mcp-gateway/servers')],
  ['register-server', (visitor) => settings(visitor, '/settings/workspaces/mcp-gateway/register-server')],
  [
    'register-server-refused',
    async (visitor) => {
      await settings(visitor, '/settings/workspaces/mcp-gateway/register-server');
      await visitor.page.getByLabel('Name', { exact: true }).fill('mcp');
      await visitor.page.getByLabel('URL', { exact: true }).fill('https://mcp.example.com/mcp');
      await visitor.press('Register server');
    },
  ],
  ['server', (visitor) => registered(visitor, 'calendar')],
  [
    'edit-server',
    async (visitor) => {
      await registered(visitor, 'mail');
      await visitor.page.getByRole('link', { name: 'Edit', exact: true }).click();
      await visitor.page.waitForLoadState('load');
    },
  ],
  [
    'remove-server',
    async (visitor) => {
      await registered(visitor, 'issues');
      await visitor.page.getByRole('link', { name: 'Remove…', exact: true }).click();
      await visitor.page.waitForLoadState('load');
    },
  ],
  [
    'sign-out',
    async (visitor) => {
      await visitor.open('/settings/apps');
      await visitor.signIn(ADMIN);
      await visitor.open('/logout');
    },
  ],
  [
    'sign-out-for-app',
    async (visitor) => {
      const { client_id: clientId } = await register(visitor.server, { name: 'Example Notes', redirectUris: ['https://notes.example/callback'] });
      await visitor.open('/settings/apps');
      await visitor.signIn(ADMIN);
      await visitor.open(`/oauth/end_session?client_id=${encodeURIComponent(clientId)}`);
    },
  ],
  [
    'signed-out',
    async (visitor) => {
      await visitor.open('/settings/apps');
      await visitor.signIn(ADMIN);
      await visitor.open('/logout');
      await visitor.press('Sign out');
    },
  ],
];

/** The consent page of a client that a metadata document vouches for; the installation must be allowed to fetch it. */
export const verified = (host, redirectUri) => [
  'consent-verified',
  (visitor) => consent(visitor, { clientId: host.url, redirectUri }),
];
