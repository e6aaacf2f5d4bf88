// Chromium, and what a page must never do in it.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';

import { chromium } from 'playwright-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const QUIET = [
  ...['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update'],
];

/** Starts the browser; a missing one is a failure, not a reason to skip. */
export async function startChromium() {
  assert.ok(
    existsSync(CHROMIUM),
    `There is no browser at ${CHROMIUM}. Install one ("apt-get install -y chromium" on Debian), or set CHROMIUM to its path.`,
  );
  return chromium.launch({ executablePath: CHROMIUM, args: QUIET, timeout: 60_000 });
}

/** Somebody with a browser profile of their own, who notes down everything that a page does wrong. */
export class Visitor {
  problems = [];

  static async arrive(browser, server, options = {}) {
    const visitor = new Visitor();
    visitor.server = server;
    // Colours that are still on their way would be measured in between.
    visitor.context = await browser.newContext({ baseURL: server.url, reducedMotion: 'reduce', ...options });
    visitor.context.setDefaultTimeout(20_000);
    visitor.page = await visitor.context.newPage();
    visitor.#watch();
    return visitor;
  }

  #watch() {
    const note = (problem) => this.problems.push(problem);
    this.page.on('pageerror', (error) => note(`script error: ${error.message}`));
    this.page.on('console', (message) => {
      if (!['error', 'warning'].includes(message.type())) return;
      // Chromium reports a page whose status is 4xx like this; a page may have that status.
      const isPage = !message.location().url.includes('/static/') && message.text().startsWith('Failed to load resource');
      if (!isPage) note(`console: ${message.text()}`);
    });
    this.page.on('requestfailed', (request) => {
      const why = request.failure()?.errorText ?? '';
      if (/BLOCKED_BY_(CSP|CLIENT|RESPONSE)/.test(why)) note(`${request.url()}: ${why}`);
    });
    this.page.on('response', (response) => {
      const { origin, pathname } = new URL(response.url());
      if (pathname.startsWith('/static/') && response.status() >= 400) note(`${pathname}: ${response.status()}`);
      const client = /^http:\/\/127\.0\.0\.1:\d+$/.test(origin) || !origin.startsWith('http');
      if (origin !== this.server.url && !client) note(`a third party was asked: ${response.url()}`);
    });
  }

  /** Opens a page of ours. */
  async open(url) {
    return this.page.goto(String(url), { waitUntil: 'load' });
  }

  /** Signs in on the page that asks for it. */
  async signIn({ username, password }) {
    await this.page.getByLabel('Username', { exact: true }).fill(username);
    await this.page.getByLabel('Password', { exact: true }).fill(password);
    await this.press('Sign in');
  }

  /** Chooses a first password on the page of a set-up link. */
  async choosePassword(password) {
    await this.page.getByLabel('Password', { exact: true }).fill(password);
    await this.page.getByLabel('Password again', { exact: true }).fill(password);
    await this.press('Save password and sign in');
  }

  /** Presses a button and waits for what it brings. */
  async press(name) {
    await this.page.getByRole('button', { name, exact: true }).click();
    await this.page.waitForLoadState('load');
  }

  /** True when the page shows that button. */
  async sees(name) {
    return (await this.page.getByRole('button', { name, exact: true }).count()) > 0;
  }

  /** All the words on the page. */
  async text() {
    return (await this.page.locator('body').innerText()).replace(/\s+/g, ' ').trim();
  }

  assertContent() {
    assert.deepEqual(this.problems, [], 'the browser complains about nothing');
  }

  async leave() {
    await this.context.close();
  }
}
