// The peer of the token endpoint's benchmark: oidc-provider at its best, with its adapter in memory.
//
// Says on standard output, as one line of JSON, where it listens and what to present there.

import { createRequire } from 'node:module';
import { generateKeyPairSync } from 'node:crypto';

const require = createRequire(new URL('../../tests/package.json', import.meta.url));
const { Provider } = await import(require.resolve('oidc-provider'));

const SECRET = 'a-secret-that-is-long-enough-for-a-benchmark';
const RESOURCE = 'https://resource.example';
const families = Number(process.argv[2]);

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
const client = (client_id, more) => ({
  client_id,
  client_secret: SECRET,
  redirect_uris: ['https://app.example/cb'],
  token_endpoint_auth_method: 'client_secret_post',
  introspection_endpoint_auth_method: 'client_secret_post',
  ...more,
});

// The port is in the issuer, so it is taken before the provider is made.
const { createServer } = await import('node:http');
const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    client('machine', { grant_types: ['client_credentials'], response_types: [], redirect_uris: [] }),
    client('app', { grant_types: ['authorization_code', 'refresh_token'] }),
  ],
  jwks: { keys: [{ ...key, alg: 'ES256', use: 'sig' }] },
  enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  scopes: ['openid', 'offline_access', 'mcp:read'],
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  rotateRefreshToken: () => true,
  ttl: { AccessToken: 3600, ClientCredentials: 3600, Grant: 86400, RefreshToken: 86400 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => RESOURCE,
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx) => ({
        scope: 'mcp:read',
        // A JSON Web Token where ours is one; opaque where it is introspected, since this provider introspects no other.
        accessTokenFormat: ctx.path === '/token' ? 'jwt' : 'opaque',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});
server.on('request', provider.callback());

const app = await provider.Client.find('app');
const refresh = [];
for (let number = 0; number < families; number += 1) {
  const grant = new provider.Grant({ accountId: 'ada', clientId: 'app' });
  grant.addOIDCScope('offline_access');
  grant.addResourceScope(RESOURCE, 'mcp:read');
  const grantId = await grant.save();
  const token = new provider.RefreshToken({
    accountId: 'ada',
    client: app,
    grantId,
    scope: 'offline_access mcp:read',
    resource: RESOURCE,
    gty: 'authorization_code',
    iiat: Math.floor(Date.now() / 1000),
  });
  refresh.push(await token.save());
}
const grant = new provider.Grant({ accountId: 'ada', clientId: 'app' });
grant.addResourceScope(RESOURCE, 'mcp:read');
const access = await new provider.AccessToken({
  accountId: 'ada',
  client: app,
  grantId: await grant.save(),
  scope: 'mcp:read',
  gty: 'authorization_code',
}).save();

process.stdout.write(`${JSON.stringify({ port: server.address().port, secret: SECRET, access, refresh })}\n`);
