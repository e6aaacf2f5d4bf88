// A fetch that writes down what a client did, so that a test can judge the wire and not only the outcome.

/** One request and the head of its answer. */
export class Recorder {
  exchanges = [];

  /** Give this to a client instead of `fetch`. */
  fetch = async (input, init) => {
    const request = new Request(input, { ...init, signal: null });
    const url = new URL(request.url);
    const body = init?.body === undefined || init.body === null ? '' : String(init.body);
    const answer = await fetch(input, init);
    const exchange = {
      method: request.method,
      path: url.pathname,
      url: url.href,
      authorization: request.headers.get('authorization'),
      body,
      form: new URLSearchParams(request.headers.get('content-type')?.includes('urlencoded') ? body : ''),
      status: answer.status,
      headers: answer.headers,
    };
    this.exchanges.push(exchange);
    if (answer.headers.get('content-type')?.includes('application/json')) {
      const copy = answer.clone();
      exchange.json = copy.json().catch(() => undefined);
    }
    return answer;
  };

  /** The exchanges to which all of these apply. */
  matching({ method, path, status, grant, rpc } = {}) {
    return this.exchanges.filter(
      (exchange) =>
        (method === undefined || exchange.method === method) &&
        (path === undefined || exchange.path === path) &&
        (status === undefined || exchange.status === status) &&
        (grant === undefined || exchange.form.get('grant_type') === grant) &&
        (rpc === undefined || exchange.body.includes(`"method":"${rpc}"`)),
    );
  }

  /** Starts a new page. */
  clear() {
    this.exchanges.length = 0;
  }
}
