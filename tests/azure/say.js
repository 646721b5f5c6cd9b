'use strict';
// What these programs say: one JSON object a line, at once, for the test that started them.

const fs = require('node:fs');

function say(event, more = {}) {
    fs.writeSync(1, JSON.stringify({ event, ...more }) + '\n');
}

// What an error is called by the SDK, and by what lies below it.
function mistake(error) {
    return { name: error?.name, code: error?.code ?? error?.cause?.code, message: String(error?.message ?? error) };
}

// The first argument is a file: what to do, as JSON.
function settings() {
    const out = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
    if (out.groups) {
        require('node:tls').DEFAULT_ECDH_CURVE = out.groups;
    }
    return out;
}

const pem = (path) => fs.readFileSync(path, 'utf8');

module.exports = { say, mistake, settings, pem };
