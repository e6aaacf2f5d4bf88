// What must hold on every page.

import assert from 'node:assert/strict';

import { AxeBuilder } from '@axe-core/playwright';

const PHONE = { width: 320, height: 640 };
const DESK = { width: 1280, height: 900 };
/** What another colour scheme can break: everything else was looked at on the same desk in the light. */
const COLOURS = ['color-contrast', 'link-in-text-block'];

/** The page that is open is accessible and fits, light and dark, on a desk and on a small phone, with nothing to complain about. */
export async function assertGood(visitor) {
  await assertWellMade(visitor);
  for (const [viewport, colorScheme] of [
    [DESK, 'light'],
    [DESK, 'dark'],
    [PHONE, 'light'],
  ]) {
    await visitor.page.setViewportSize(viewport);
    await visitor.page.emulateMedia({ colorScheme });
    await assertAccessible(visitor, colorScheme);
    await assertFits(visitor);
  }
  await visitor.page.setViewportSize(DESK);
  await assertKeyboard(visitor);
  visitor.assertContent();
}

async function assertAccessible({ page }, colorScheme) {
  const builder = new AxeBuilder({ page }).setLegacyMode();
  if (colorScheme === 'dark') builder.withRules(COLOURS);
  const { violations } = await builder.analyze();
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map((node) => `  ${node.html}\n  ${node.failureSummary}`).join('\n')}`);
  assert.deepEqual(found, [], `axe at ${page.viewportSize().width} px, ${colorScheme}, on ${page.url()}`);
}

async function assertFits({ page }) {
  const { content, window } = await page.evaluate(() => ({
    content: document.documentElement.scrollWidth,
    window: document.documentElement.clientWidth,
  }));
  assert.ok(content <= window, `${content} px of content in a window of ${window} px (WCAG 1.4.10)`);
}

async function assertWellMade({ page }) {
  assert.equal(await page.locator('h1').count(), 1, 'one heading of the first level');
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  assert.equal(await page.locator('[style], style, script:not([src])').count(), 0, 'nothing inline');
}

// Everything on the page can be reached by the Tab key, in its order, and one sees where one is.
async function assertKeyboard({ page }) {
  const order = [];
  const reachable = await page.locator('a[href]:visible, button:visible:enabled, input:visible:enabled, summary:visible').count();
  await page.evaluate(() => document.activeElement?.blur());
  for (let step = 0; step < reachable; step += 1) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const all = [...document.querySelectorAll('*')];
      const style = getComputedStyle(element);
      const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
      return { at: all.indexOf(element), name: element.outerHTML.slice(0, 80), ring: ring || style.boxShadow !== 'none' };
    });
    if (!focused) break;
    assert.ok(focused.ring, `focus is invisible on ${focused.name}`);
    order.push(focused.at);
  }
  assert.ok(order.length >= 1, 'something can be reached');
  // An element with autofocus is where Tab starts from; after the last one it starts again at the first.
  const wraps = order.filter((at, index) => index > 0 && at < order[index - 1]).length;
  assert.ok(wraps <= 1, `the order is that of the page: ${order}`);
}
