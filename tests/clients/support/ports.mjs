// Ports for servers of our own.

import { createServer } from 'node:net';

/** A port that nobody listens on, on either loopback address; the preferred one if it is such a port. */
export async function freePort(preferred) {
  if (preferred && (await free(preferred, '127.0.0.1')) && (await free(preferred, '::1'))) return preferred;
  for (let attempt = 0; attempt < 50; attempt += 1) {
    // Below the range that the system gives to outgoing connections, which could take it before we do.
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    if ((await free(port, '127.0.0.1')) && (await free(port, '::1'))) return port;
  }
  throw new Error('no free port found');
}

function free(port, host) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (error) => resolve(error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT'));
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
