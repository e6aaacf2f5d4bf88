// What an application built on either TypeScript SDK brings along: it keeps tokens and hands the authorization URL to a browser.

import { randomBytes } from 'node:crypto';

/** An OAuth client provider whose browser is driven by the test. */
export class Provider {
  #verifier;
  #state;
  #authorizationUrl;

  constructor({ server, name, redirectUrl = 'http://localhost:9/callback', refresh = true, clientMetadataUrl }) {
    this.server = server;
    this.redirectUrl = redirectUrl;
    this.clientMetadataUrl = clientMetadataUrl;
    this.clientMetadata = {
      client_name: name,
      redirect_uris: [redirectUrl],
      grant_types: refresh ? ['authorization_code', 'refresh_token'] : ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
  }

  state() {
    this.#state = randomBytes(16).toString('base64url');
    return this.#state;
  }

  clientInformation() {
    return this.registered;
  }

  saveClientInformation(information) {
    this.registered = information;
  }

  tokens() {
    return this.kept;
  }

  saveTokens(tokens) {
    this.server.handedOut(tokens.access_token, tokens.refresh_token);
    this.kept = tokens;
  }

  redirectToAuthorization(url) {
    this.#authorizationUrl = url;
  }

  saveCodeVerifier(verifier) {
    this.#verifier = verifier;
  }

  codeVerifier() {
    return this.#verifier;
  }

  invalidateCredentials(scope) {
    if (scope === 'all' || scope === 'client') this.registered = undefined;
    if (scope === 'all' || scope === 'tokens') this.kept = undefined;
  }

  /** True when the client wants its user to visit a page. */
  get asks() {
    return this.#authorizationUrl !== undefined;
  }

  /** The `state` that the answer must repeat. */
  get expectedState() {
    return this.#state;
  }

  /** The page that the user was sent to, once. */
  takeAuthorizationUrl() {
    const url = this.#authorizationUrl;
    this.#authorizationUrl = undefined;
    return url;
  }
}
