// A Python program that is told what to do line by line: JSON on its standard input, answers on its standard output.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const inTests = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const ANSWER_WITHIN_MS = 60_000;

/**
 * The Python of one environment, with what its requirements file names: `''` for the official SDK, `-fastmcp`, `-langchain`.
 *
 * They are apart because they want different versions of the same packages.
 */
export function python(environment = '') {
  const found = (environment === '' ? process.env.PYTHON : undefined) ?? inTests(`.venv${environment}/bin/python`);
  const install = `"python3 -m venv .venv${environment} && .venv${environment}/bin/pip install -r requirements${environment}.txt"`;
  assert.ok(existsSync(found), `There is no Python at ${found}: in tests/, run ${install}.`);
  return found;
}

/** A program of ours in `tests/clients/python`. */
export const program = (name) => inTests(`clients/python/${name}.py`);

/** A program of ours in `tests/clients/python`, running. */
export class Python {
  #lines;

  /** Starts it; it says something when it is ready. */
  async begin(t, name, settings, environment = '') {
    this.child = spawn(python(environment), [program(name), JSON.stringify(settings)], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.complaints = '';
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.complaints += text));
    this.child.once('error', (error) => (this.complaints += error.message));
    this.#lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    t.after(() => this.child.kill('SIGKILL'));
    await this.answer();
  }

  /** Has it do something and returns what came of it, or throws what it says went wrong. */
  async ask(what, details = {}) {
    this.say({ do: what, ...details });
    const { result, error } = await this.answer();
    if (error) throw Object.assign(new Error(`${error}\n${this.complaints}`), { complaint: error });
    return result;
  }

  say(message) {
    this.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  /** Its next line. */
  async answer() {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), ANSWER_WITHIN_MS);
    try {
      const { value, done } = await this.#lines.next();
      assert.ok(!done, `the program ended, or was silent for ${ANSWER_WITHIN_MS / 1000} s:\n${this.complaints}`);
      return JSON.parse(value);
    } finally {
      clearTimeout(timer);
    }
  }
}
