// A browser without JavaScript, and the person in front of it: cookies, redirects, forms found by what one reads on them.

import assert from 'node:assert/strict';

import { parse } from 'parse5';

const MAX_REDIRECTS = 10;
const MAX_PAGES = 8;

/** Follows links and sends forms within one site; a redirect that leaves the site is where a client takes over. */
export class Browser {
  #cookies = new Map();

  /** @param {string} site the origin in which this browser stays */
  constructor(site) {
    this.site = new URL(site).origin;
  }

  /** Opens a URL: the page it ends at, or `{ leaves, form }` with the URL, and the form if any, with which it sent us elsewhere. */
  async open(url) {
    return this.#go(new URL(url, this.site), { method: 'GET' });
  }

  /** The cookies as a `Cookie` header. */
  get cookies() {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** Forgets every cookie, as closing a private window does. */
  forget() {
    this.#cookies.clear();
  }

  async submit(page, form, button) {
    const fields = formFields(form, button);
    const action = new URL(attribute(button, 'formaction') ?? attribute(form, 'action') ?? page.url, page.url);
    const method = (attribute(button, 'formmethod') ?? attribute(form, 'method') ?? 'get').toUpperCase();
    if (method === 'GET') {
      action.search = new URLSearchParams(fields).toString();
      return this.#go(action, { method });
    }
    return this.#go(action, { method, body: new URLSearchParams(fields), referer: page.url });
  }

  async #go(url, { method, body, referer }) {
    for (let hop = 0; hop < MAX_REDIRECTS; hop += 1) {
      if (url.origin !== this.site) return { leaves: url.href, form: body };
      const answer = await fetch(url, {
        method,
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(30_000),
        headers: {
          accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8',
          'sec-fetch-dest': 'document',
          'sec-fetch-mode': 'navigate',
          'sec-fetch-site': referer ? 'same-origin' : 'none',
          ...(this.#cookies.size > 0 ? { cookie: this.cookies } : {}),
          ...(method === 'POST' ? { origin: this.site, referer } : {}),
        },
      });
      this.#remember(answer.headers.getSetCookie());
      const location = answer.headers.get('location');
      if (!(answer.status >= 300 && answer.status < 400 && location)) {
        return new Page(this, url.href, answer, await answer.text());
      }
      await answer.arrayBuffer();
      assert.ok(![307, 308].includes(answer.status) || method === 'GET', 'a password must never be sent on (RFC 9700 §4.12)');
      [url, method, body] = [new URL(location, url), 'GET', undefined];
    }
    throw new Error(`more than ${MAX_REDIRECTS} redirects, the last to ${url}`);
  }

  #remember(setCookies) {
    for (const line of setCookies) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const name = pair.slice(0, pair.indexOf('='));
      const value = pair.slice(pair.indexOf('=') + 1);
      const maxAge = attributes.find((part) => /^max-age=/i.test(part))?.split('=')[1];
      const expires = attributes.find((part) => /^expires=/i.test(part))?.slice('expires='.length);
      const gone = value === '' || Number(maxAge) <= 0 || (maxAge === undefined && Date.parse(expires) < Date.now());
      if (gone) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }
}

/** A page as somebody reads it. */
export class Page {
  constructor(browser, url, answer, html) {
    this.browser = browser;
    this.url = url;
    this.status = answer.status;
    this.headers = answer.headers;
    this.html = html;
    this.root = parse(html);
  }

  /** All the words on it. */
  get text() {
    return textOf(this.root);
  }

  /** Its heading. */
  get heading() {
    return textOf(elements(this.root, 'h1')[0]);
  }

  /** The button of that name, or `undefined`. */
  button(name) {
    return [...elements(this.root, 'button'), ...elements(this.root, 'input')].find((element) => {
      if (element.tagName === 'input') return attribute(element, 'type') === 'submit' && attribute(element, 'value') === name;
      return (attribute(element, 'aria-label') ?? textOf(element)) === name;
    });
  }

  /** The link of that name, or `undefined`. */
  link(name) {
    return elements(this.root, 'a').find((element) => textOf(element) === name);
  }

  /** The field whose label is `label` (a string must be the whole of it, a pattern must occur in it). */
  field(label) {
    const matches = (text) => (label instanceof RegExp ? label.test(text) : text === label);
    for (const element of elements(this.root, 'label')) {
      if (!matches(textOf(element))) continue;
      const id = attribute(element, 'for');
      const field = id ? withId(this.root, id) : ['input', 'select', 'textarea'].flatMap((tag) => elements(element, tag))[0];
      if (field) return field;
    }
    return elements(this.root, 'input').find((element) => matches(attribute(element, 'aria-label') ?? '\u0000'));
  }

  /** Types into the field with that label. */
  fill(label, value) {
    const field = this.field(label);
    assert.ok(field, `no field "${label}" on the page "${this.heading}"`);
    set(field, 'value', value);
    return this;
  }

  /** Ticks or unticks the box with that label; a fixed one cannot be changed. */
  tick(label, on) {
    const box = this.field(label);
    assert.ok(box && attribute(box, 'type') === 'checkbox', `no box "${label}" on the page "${this.heading}":\n${this.text}`);
    assert.equal(attribute(box, 'disabled'), undefined, `the box "${label}" is fixed`);
    set(box, 'checked', on ? '' : undefined);
    return this;
  }

  /** Ticks or unticks a scope on the consent page; what must be ticked may be fixed so. */
  choose(scope, on) {
    const label = new RegExp(`(^|\\s)${scope}(\\s|$)`);
    const box = this.field(label);
    if (on && (!box || attribute(box, 'disabled') !== undefined)) {
      assert.match(this.text, label, `"${scope}" is not offered`);
      return this;
    }
    return this.tick(label, on);
  }

  /** Presses the button of that name and sends its form. */
  async press(name) {
    const button = this.button(name);
    assert.ok(button, `no button "${name}" on the page "${this.heading}" (${this.status}):\n${this.text}`);
    const owner = attribute(button, 'form');
    const form = owner ? withId(this.root, owner) : closest(button, 'form');
    assert.ok(form, `the button "${name}" belongs to no form`);
    return this.browser.submit(this, form, button);
  }

  /** Follows the link of that name. */
  async follow(name) {
    const link = this.link(name);
    assert.ok(link, `no link "${name}" on the page "${this.heading}"`);
    return this.browser.open(new URL(attribute(link, 'href'), this.url));
  }
}

/** Somebody with an account, at a browser of their own. */
export class Person {
  constructor(server, { username, password }) {
    Object.assign(this, { server, username, password });
    this.browser = new Browser(server.url);
    /** Every consent page that was answered. */
    this.consents = [];
  }

  /** Signs in on the page that asks for it. */
  async signIn(page) {
    return page.fill('Username', this.username).fill('Password', this.password).press('Sign in');
  }

  /**
   * Opens an authorization URL, signs in where asked, answers the consent page, and returns the URL at which the answer
   * was sent to the client. `scopes` says which optional ones to tick: `{ 'mcp:write': false }`.
   */
  async decide(url, decision) {
    return (await this.answer(url, decision)).leaves;
  }

  /** The same, with the form that carries the answer if the client asked for one (`response_mode=form_post`). */
  async answer(url, { answer = 'Allow', scopes = {} } = {}) {
    let at = await this.browser.open(url);
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      if (at.leaves) {
        this.server.handedOut((at.form ?? new URL(at.leaves).searchParams).get('code'));
        return at;
      }
      if (at.button(answer)) {
        this.consents.push(at);
        for (const [scope, on] of Object.entries(scopes)) at.choose(scope, on);
        at = await at.press(answer);
      } else if (at.button('Sign in')) {
        at = await this.signIn(at);
      } else if (/^Back to /.test(at.heading)) {
        at = await at.press('Continue');
      } else {
        throw new Error(`not a page that one can answer (${at.status} ${at.url}):\n${at.text}`);
      }
    }
    throw new Error(`no answer after ${MAX_PAGES} pages, the last was "${at.heading}" at ${at.url}:\n${at.text}`);
  }

  /** Opens the link that a device shows, signs in where asked, and answers; returns the page that says what came of it. */
  async connectDevice(url, answer = 'Allow') {
    let at = await this.browser.open(url);
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      if (at.button(answer)) return at.press(answer);
      at = at.button('Sign in') ? await this.signIn(at) : await at.press('Continue');
    }
    throw new Error(`nothing to answer after ${MAX_PAGES} pages, the last was "${at.heading}" at ${at.url}:\n${at.text}`);
  }
}

function formFields(form, button) {
  const id = attribute(form, 'id');
  const root = rootOf(form);
  const members = ['input', 'select', 'textarea'].flatMap((tag) => elements(root, tag)).filter((field) => {
    const owner = attribute(field, 'form');
    return owner === undefined ? closest(field, 'form') === form : owner === id;
  });
  const fields = [];
  for (const field of members) {
    const name = attribute(field, 'name');
    const type = attribute(field, 'type')?.toLowerCase();
    if (!name || attribute(field, 'disabled') !== undefined || ['submit', 'button', 'image', 'reset', 'file'].includes(type)) continue;
    if (['checkbox', 'radio'].includes(type)) {
      if (attribute(field, 'checked') !== undefined) fields.push([name, attribute(field, 'value') ?? 'on']);
    } else if (field.tagName === 'select') {
      const options = elements(field, 'option');
      const chosen = options.find((option) => attribute(option, 'selected') !== undefined) ?? options[0];
      if (chosen) fields.push([name, attribute(chosen, 'value') ?? textOf(chosen)]);
    } else {
      fields.push([name, attribute(field, 'value') ?? (field.tagName === 'textarea' ? textOf(field) : '')]);
    }
  }
  if (attribute(button, 'name')) fields.push([attribute(button, 'name'), attribute(button, 'value') ?? '']);
  return fields;
}

function* walk(node) {
  yield node;
  for (const child of node.childNodes ?? []) yield* walk(child);
}

function elements(node, tag) {
  return node ? [...walk(node)].filter((element) => element.tagName === tag) : [];
}

function withId(node, id) {
  return [...walk(node)].find((element) => element.attrs && attribute(element, 'id') === id);
}

function closest(node, tag) {
  while (node && node.tagName !== tag) node = node.parentNode;
  return node;
}

function rootOf(node) {
  while (node.parentNode) node = node.parentNode;
  return node;
}

function attribute(element, name) {
  return element?.attrs?.find((candidate) => candidate.name === name)?.value;
}

function set(element, name, value) {
  element.attrs = element.attrs.filter((candidate) => candidate.name !== name);
  if (value !== undefined) element.attrs.push({ name, value });
}

function textOf(node) {
  if (!node) return '';
  const words = [];
  for (const part of walk(node)) {
    if (part.nodeName === '#text' && !['script', 'style', 'title'].includes(part.parentNode.tagName)) words.push(part.value);
  }
  return words.join(' ').replace(/\s+/g, ' ').trim();
}
