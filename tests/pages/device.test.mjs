// Connecting a device in a real browser: the code, what is asked under it, and the answer (RFC 8628 §3.3).

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { ADMIN } from '../clients/support/portcullis.mjs';
import { assertGood } from './support/checks.mjs';
import { house } from './support/house.mjs';

describe('Connecting a device', () => {
  const home = house();

  for (const javaScriptEnabled of [true, false]) {
    it(`a wrong code is said to be wrong, and stays in the field${javaScriptEnabled ? '' : ', without JavaScript'}`, async (t) => {
      const visitor = await home.visitor(t, { javaScriptEnabled });
      await visitor.open('/device?user_code=wdjb-mjht');
      await visitor.signIn(ADMIN);
      assert.equal(await visitor.page.getByLabel('Code').inputValue(), 'WDJB-MJHT');
      await visitor.press('Continue');
      assert.match(await visitor.text(), /Nothing waits under this code/);
      assert.equal(await visitor.page.getByLabel('Code').inputValue(), 'WDJB-MJHT');
    });
  }

  it('the field is good for everybody', async (t) => {
    const visitor = await home.visitor(t);
    await visitor.open('/device');
    await visitor.signIn(ADMIN);
    await assertGood(visitor);
  });
});
