// Starts the real binary, on its own port and data directory, and gives it up again.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { freePort } from './ports.mjs';

/** The binary under test. */
export const BINARY =
  process.env.PORTCULLIS_BIN ?? fileURLToPath(new URL('../../../target/debug/portcullis', import.meta.url));

const READY_WITHIN_MS = 90_000;
const STOPPED_WITHIN_MS = 20_000;

/** The first administrator of every test installation. */
export const ADMIN = Object.freeze({ username: 'admin', password: 'drawbridge-lantern-quarry-58' });

// A test file that is killed must not leave its servers behind.
const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGTERM')));
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => process.exit(143));

/**
 * Starts Portcullis with nothing but a data directory, and waits until it is ready.
 *
 * `env` adds settings. With `setupLink: true` no administrator's password is set, so that a one-time link is printed.
 * `port` is taken if it is free; otherwise, and by default, any. `path` is that of the public URL, such as `/gate`.
 */
export async function startPortcullis({ env = {}, setupLink = false, port, path = '' } = {}) {
  assert.ok(existsSync(BINARY), `There is no binary at ${BINARY}: run "cargo build", or set PORTCULLIS_BIN.`);
  const home = await mkdtemp(join(tmpdir(), 'portcullis-test-'));
  // The embedded PostgreSQL may run as another user, who must be able to walk in.
  await chmod(home, 0o755);
  await mkdir(join(home, 'data'), { mode: 0o755 });
  const server = new Portcullis(home, env, setupLink);
  server.path = path;
  server.port = await freePort(port);
  try {
    await server.start();
  } catch (error) {
    await server.dispose();
    throw error;
  }
  return server;
}

class Portcullis {
  #child;
  #exited;
  #env;
  #secrets = new Set();

  constructor(home, env, setupLink) {
    this.home = home;
    this.dataDir = join(home, 'data');
    this.logs = '';
    this.#env = { ...(setupLink ? {} : { PORTCULLIS_ADMIN_PASSWORD: ADMIN.password }), ...env };
  }

  /** The environment of the server, and of the command line beside it: the caller's `PORTCULLIS_*` stay out. */
  get env() {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !name.startsWith('PORTCULLIS_') && name !== 'DATABASE_URL',
    );
    return {
      ...Object.fromEntries(inherited),
      PORTCULLIS_DATA_DIR: this.dataDir,
      PORTCULLIS_BIND: `127.0.0.1:${this.port}`,
      PORTCULLIS_PUBLIC_URL: this.url,
      ...this.#env,
    };
  }

  /** Issuer and public URL. */
  get url() {
    return `http://localhost:${this.port}${this.path}`;
  }

  /** The address that a person gives to an MCP client. */
  get mcp() {
    return `${this.url}/mcp`;
  }

  /** The one-time link that a first start prints. */
  get setupLink() {
    const found = this.logs.match(/https?:\/\/[^\s"'\u001b]+\/setup[^\s"'\u001b]*/);
    assert.ok(found, `no set-up link was printed:\n${this.logs}`);
    return found[0].replace(/[.,;)]+$/, '');
  }

  /** Starts; on the first start the port is chosen, and chosen anew should somebody else have been faster. */
  async start() {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#launch();
      } catch (error) {
        const taken = /in use|taken/i.test(error.message) && !this.started && attempt < 4;
        if (!taken) throw error;
        this.port = await freePort();
      }
    }
  }

  async #launch() {
    const from = this.logs.length;
    const child = spawn(BINARY, ['serve'], { cwd: this.home, env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? code));
    }).finally(() => running.delete(child));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.logs += text;
        if (process.env.PORTCULLIS_TEST_LOGS) process.stderr.write(text);
      });
    }
    let ended;
    this.#exited.then((how) => (ended = how));
    const deadline = Date.now() + READY_WITHIN_MS;
    while (ended === undefined && Date.now() < deadline) {
      if (await this.#ready()) {
        this.started = true;
        return;
      }
      await sleep(75);
    }
    const why = ended === undefined ? `not ready within ${READY_WITHIN_MS / 1000} s` : `ended with ${ended}`;
    throw new Error(`Portcullis ${why}:\n${this.logs.slice(from)}`);
  }

  async #ready() {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.port}${this.path}/readyz`, { signal: AbortSignal.timeout(2_000) });
      await answer.arrayBuffer();
      return answer.ok;
    } catch {
      return false;
    }
  }

  /** Asks it to stop, as Ctrl-C does, and waits until it has. */
  async stop() {
    await this.#end('SIGTERM');
  }

  /** The power fails. */
  async kill9() {
    await this.#end('SIGKILL');
  }

  /** Stops and starts on the same port and data, with further settings if given. */
  async restart({ env = {}, hard = false } = {}) {
    await (hard ? this.kill9() : this.stop());
    Object.assign(this.#env, env);
    await this.start();
  }

  async #end(signal) {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    child.kill(signal);
    const how = await Promise.race([this.#exited, sleep(STOPPED_WITHIN_MS, 'late', { ref: false })]);
    if (how !== 'late') return;
    child.kill('SIGKILL');
    await this.#exited;
    throw new Error(`Portcullis did not stop within ${STOPPED_WITHIN_MS / 1000} s:\n${this.logs.slice(-4_000)}`);
  }

  /** Runs a verb of the command line on this installation and returns what it printed. */
  async cli(...args) {
    const child = spawn(BINARY, args, { cwd: this.home, env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
    const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
    clearTimeout(timer);
    assert.equal(code, 0, `portcullis ${args[0]} failed:\n${output}`);
    return output;
  }

  /** Adds a person, as an operator does. */
  async addPerson(username, password) {
    await this.cli(
      'user-create-human',
      ...['--username', username, '--email', `${username}@example.org`, '--first-name', username],
      ...['--last-name', 'Example', '--password', password],
    );
    return { username, password };
  }

  /** Remembers what was handed out; `dispose` checks that none of it was logged. */
  handedOut(...secrets) {
    secrets.filter((secret) => typeof secret === 'string').forEach((secret) => this.#secrets.add(secret));
  }

  /** Stops, cleans up, and looks through the logs for a panic or a secret. */
  async dispose() {
    try {
      await this.#end('SIGTERM');
    } finally {
      await rm(this.home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    }
    assert.doesNotMatch(this.logs, /panicked at/, 'the server panicked');
    for (const secret of this.#secrets) assert.ok(!this.logs.includes(secret), 'a token or code was written to the log');
  }
}
