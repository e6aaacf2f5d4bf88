// An https host for client metadata documents (CIMD), with a certificate of its own making.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Serves one client metadata document at an https URL on loopback.
 *
 * `settings` is what Portcullis needs to fetch it: the certificate to trust, and the loopback exception of the draft.
 */
export async function hostMetadata(document) {
  const home = await mkdtemp(join(tmpdir(), 'portcullis-cimd-'));
  const at = (name) => join(home, name);
  const openssl = (...args) => run('openssl', args, { cwd: home, timeout: 30_000 });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await openssl('req', '-x509', ...curve, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=Test authority');
  await openssl('req', ...curve, '-keyout', 'host.key', '-out', 'host.csr', '-subj', '/CN=localhost');
  await writeFile(
    at('host.ext'),
    'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n',
  );
  const sign = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'host.ext'];
  await openssl('x509', '-req', '-in', 'host.csr', '-out', 'host.pem', ...sign);

  let fetches = 0;
  const tls = { key: await readFile(at('host.key')), cert: await readFile(at('host.pem')) };
  const host = createServer(tls, (request, response) => {
    fetches += 1;
    if (request.url !== '/mcp-client.json') return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'max-age=300' });
    response.end(JSON.stringify({ ...document, client_id: url }));
  });
  await new Promise((resolve) => host.listen(0, '127.0.0.1', resolve));
  const url = `https://localhost:${host.address().port}/mcp-client.json`;

  return {
    url,
    settings: { PORTCULLIS_EXTRA_CA_FILE: at('ca.pem'), PORTCULLIS_ALLOW_LOOPBACK_CLIENTS: 'true' },
    get fetches() {
      return fetches;
    },
    async close() {
      host.closeAllConnections();
      await new Promise((resolve) => host.close(resolve));
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** The document of a public client that its user runs on their own machine. */
export const nativeClient = (name, redirectUri) => ({
  client_name: name,
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
  application_type: 'native',
});
