// A Python program that is told what to do line by line: JSON on its standard input, answers on its standard output.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PYTHON = process.env.PYTHON ?? fileURLToPath(new URL('../../.venv/bin/python', import.meta.url));
const ANSWER_WITHIN_MS = 60_000;

/** A program of ours in `tests/clients/python`, running. */
export class Python {
  #lines;

  /** Starts it; it says something when it is ready. */
  async begin(t, name, settings) {
    assert.ok(
      existsSync(PYTHON),
      `There is no Python at ${PYTHON}: in tests/, run "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt".`,
    );
    const program = fileURLToPath(new URL(`../python/${name}.py`, import.meta.url));
    this.child = spawn(PYTHON, [program, JSON.stringify(settings)], { stdio: ['pipe', 'pipe', 'pipe'] });
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
