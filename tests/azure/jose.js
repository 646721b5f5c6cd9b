'use strict';
// npm's `jose` as a peer of tests/e2e/jose: does one job after the other, and says what became of each.
const jose = require('jose');
const { say, settings } = require('./say.js');

const text = (octets) => new TextDecoder().decode(octets);
const octets = (words) => new TextEncoder().encode(words);

const jobs = {
    async generate({ alg, crv }) {
        const pair = await jose.generateKeyPair(alg, { crv, extractable: true });
        const secret = await jose.exportJWK(pair.privateKey);
        const kid = await jose.calculateJwkThumbprint(secret);
        return { private: { ...secret, alg, kid }, public: { ...(await jose.exportJWK(pair.publicKey)), alg, kid } };
    },
    async sign({ jwk, payload, header }) {
        const key = await jose.importJWK(jwk, jwk.alg);
        return { token: await new jose.CompactSign(octets(payload)).setProtectedHeader({ alg: jwk.alg, kid: jwk.kid, ...header }).sign(key) };
    },
    async verify({ jwk, token }) {
        const done = await jose.compactVerify(token, await jose.importJWK(jwk, jwk.alg), { algorithms: [jwk.alg] });
        return { payload: text(done.payload) };
    },
    async seal({ jwk, enc, payload, header }) {
        const key = await jose.importJWK(jwk, jwk.alg);
        return {
            token: await new jose.CompactEncrypt(octets(payload))
                .setProtectedHeader({ alg: jwk.alg, enc, kid: jwk.kid, ...header })
                .encrypt(key),
        };
    },
    async open({ jwk, enc, token }) {
        const done = await jose.compactDecrypt(token, await jose.importJWK(jwk, jwk.alg), {
            keyManagementAlgorithms: [jwk.alg],
            contentEncryptionAlgorithms: [enc],
        });
        return { payload: text(done.plaintext), header: done.protectedHeader };
    },
};

(async () => {
    for (const job of settings().jobs) {
        try {
            say(job.name, await jobs[job.do](job));
        } catch (error) {
            say(job.name, { error: error?.code ?? String(error) });
        }
    }
})();
