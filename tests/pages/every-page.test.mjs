// What holds on every page: axe finds nothing, light or dark, nothing scrolls sideways on a small phone, the keyboard is enough,
// the browser has no complaint.

import { before, describe, it } from 'node:test';

import { assertGood } from './support/checks.mjs';
import { gallery } from './support/gallery.mjs';
import { house } from './support/house.mjs';

describe('Every page is good to read and to use', () => {
  const home = house();
  before(async () => {
    home.server.newcomer = await home.server.addPerson('dora', 'kettle-harbour-violin-48');
  });

  for (const [name, reach] of gallery) {
    it(name, async (t) => {
      const visitor = await home.visitor(t);
      await reach(visitor);
      await assertGood(visitor);
    });
  }
});
