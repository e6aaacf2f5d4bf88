// What a person holds besides a password: an authenticator app, and what keeps their passkeys.

import { createHmac } from 'node:crypto';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The code that an app with this secret shows so many steps from now (RFC 6238). */
export function code(secret, later = 0) {
  const bits = [...secret.replaceAll(' ', '')].map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later));
  const mac = createHmac('sha1', key).update(step).digest();
  const number = mac.readUInt32BE(mac[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

/** Chromium's own authenticator, which keeps passkeys and verifies whoever is there. */
export async function authenticator(visitor, options = {}) {
  const session = await visitor.context.newCDPSession(visitor.page);
  await session.send('WebAuthn.enable');
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
      ...options,
    },
  });
  return {
    /** What it keeps. */
    async passkeys() {
      return (await session.send('WebAuthn.getCredentials', { authenticatorId })).credentials;
    },
    /** Whether it recognises whoever is there from now on. */
    recognise(isUserVerified) {
      return session.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified });
    },
    /** Forgets what it keeps. */
    forget() {
      return session.send('WebAuthn.clearCredentials', { authenticatorId });
    },
  };
}
