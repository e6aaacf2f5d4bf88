// The place on the user's machine where a native client waits for its answer (RFC 8252 §7.3).

import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const PAGE = '<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Done</title><h1>You can close this page</h1>';

/** Listens on loopback for the answers of the authorization server. */
export async function startCallback() {
  const answers = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url, `http://127.0.0.1:${server.address().port}`);
    if (url.pathname !== '/callback') return response.writeHead(404).end();
    answers.push(url);
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/callback`,
    /** Every answer that arrived. */
    answers,
    /** The first answer, once it has arrived. */
    async answer(withinMs = 15_000) {
      for (const deadline = Date.now() + withinMs; Date.now() < deadline; await sleep(25)) if (answers.length > 0) return answers[0];
      throw new Error(`no answer reached the client within ${withinMs / 1000} s`);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
