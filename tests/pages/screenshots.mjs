// Takes the pictures that the documentation shows, from the running program, so that they stay true: `npm run screenshots`.

import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import UPNG from 'upng-js';

import { hostMetadata, nativeClient } from '../clients/support/metadata-host.mjs';
import { startPortcullis } from '../clients/support/portcullis.mjs';
import { Visitor, startChromium } from './support/chromium.mjs';
import { connect, gallery, verified } from './support/gallery.mjs';

const OUT = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url));
const LIMIT = 2 * 1024 * 1024;
const COLOURS = 128;
const SHOWN = ['sign-in-for-client', 'consent-verified', 'consent-unverified', 'consent-loopback', 'consent-many-scopes', 'device-code', 'error', 'connected-apps', 'set-up-a-client', 'set-up-cursor'];
// Of these the documents show how they look on a desk.
const ON_A_DESK = ['new-key', 'register-server', 'server', 'policy', 'simulated'];
const SIZES = { wide: { width: 1100, height: 760 }, narrow: { width: 390, height: 760 } };
const REDIRECT = 'http://127.0.0.1:33418/callback';

const host = await hostMetadata(nativeClient('Example Editor', 'http://127.0.0.1/callback'));
const server = await startPortcullis({ env: host.settings, port: 8080 });
const browser = await startChromium();
try {
  await mkdir(OUT, { recursive: true });
  for (const file of await readdir(OUT)) if (file.endsWith('.png')) await rm(OUT + file);
  const pages = new Map([...gallery, verified(host, REDIRECT)]);
  // A list with one entry is no picture of a list.
  await connect(server, { name: 'Meeting Notes', redirectUri: 'https://notes.example/callback', scope: 'mcp:read' });
  await connect(server, { name: 'Cursor', redirectUri: 'cursor://anysphere.cursor-mcp/oauth/callback' });
  for (const name of [...SHOWN, ...ON_A_DESK]) {
    for (const colorScheme of ['light', 'dark']) {
      const visitor = await Visitor.arrive(browser, server, { colorScheme, viewport: SIZES.wide, reducedMotion: 'reduce' });
      await pages.get(name)(visitor);
      await visitor.page.evaluate(() => document.activeElement?.blur());
      for (const [size, viewport] of Object.entries(SIZES)) {
        if (size !== 'wide' && ON_A_DESK.includes(name)) continue;
        await visitor.page.setViewportSize(viewport);
        const picture = await visitor.page.screenshot({ fullPage: true, animations: 'disabled' });
        await writeFile(`${OUT}${name}-${size}-${colorScheme}.png`, small(picture));
      }
      await visitor.leave();
    }
  }
} finally {
  await browser.close();
  await server.dispose();
  await host.close();
}

const files = (await readdir(OUT)).filter((file) => file.endsWith('.png'));
const sizes = await Promise.all(files.map(async (file) => (await stat(OUT + file)).size));
const total = sizes.reduce((sum, size) => sum + size, 0);
console.log(`${files.length} pictures, ${Math.round(total / 1024)} kB, in docs/screenshots`);
if (total > LIMIT) {
  console.error('more than 2 MB: make them smaller before they are committed');
  process.exitCode = 1;
}

/** The same picture in a palette: flat colours and text need no more. */
function small(picture) {
  const image = UPNG.decode(picture);
  return Buffer.from(UPNG.encode(UPNG.toRGBA8(image), image.width, image.height, COLOURS));
}
