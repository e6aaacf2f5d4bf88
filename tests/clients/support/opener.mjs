// Stands where a desktop's browser would: programs hand it a URL, the test picks it up.

import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A fake `xdg-open`; give `env` to the program that will open a browser. */
export async function fakeBrowser() {
  const home = await mkdtemp(join(tmpdir(), 'portcullis-opener-'));
  const opened = join(home, 'opened');
  const script = join(home, 'xdg-open');
  await writeFile(script, `#!/bin/sh\nprintf '%s\\n' "$1" >> '${opened}'\n`);
  await chmod(script, 0o755);
  for (const name of ['open', 'x-www-browser', 'sensible-browser', 'www-browser']) await symlink(script, join(home, name));
  let taken = 0;
  const urls = async () => (await readFile(opened, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  return {
    env: { PATH: `${home}:${process.env.PATH}`, BROWSER: script },
    /** The URLs that were opened so far. */
    urls,
    /** The next URL that a program opens. */
    async next(withinMs = 45_000) {
      for (const deadline = Date.now() + withinMs; Date.now() < deadline; await sleep(100)) {
        const all = await urls();
        if (all.length > taken) {
          taken += 1;
          return all[taken - 1];
        }
      }
      throw new Error(`nobody opened a browser within ${withinMs / 1000} s`);
    },
    close: () => rm(home, { recursive: true, force: true }),
  };
}
