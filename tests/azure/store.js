'use strict';
// A store that speaks S3: s3rver as it is, with an access key of the test's, and in front of it what breaks stores, and what s3rver leaves
// undone: it takes any Signature Version 4, so that is judged here.
//
// {"directory", "bucket", "port": 0 for any
//  "id", "secret"                 of the access key
//  "cert": FILE, "key": FILE      over TLS
//  "stalls": "partNumber=2"       the first request whose target has this in it is never answered
//  "answers": [{"method", "has", "status", "code", "sticks"}]   to requests of that method whose target has `has` in it, all if they are not
//                                 given; without a code, no XML; "sticks": to the target of the first of them, and no other}
//
// Says listening, with its port; asked, for each request; stalled.

const crypto = require('node:crypto');
const http = require('node:http');
const https = require('node:https');
const S3rver = require('s3rver');
const account = require('s3rver/lib/models/account');
const { say, settings, pem } = require('./say');

const wanted = settings();
account.DUMMY_ACCOUNT.createKeyPair(wanted.id, wanted.secret);

const store = new S3rver({
    directory: wanted.directory,
    silent: true,
    vhostBuckets: false,
    configureBuckets: [{ name: wanted.bucket }],
});

const hmac = (key, text) => crypto.createHmac('sha256', key).update(text).digest();

// AWS General Reference, "Create a signed AWS API request", of a request as it came.
function isSigned({ method, url, headers }) {
    const said = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request,SignedHeaders=([^,]+),Signature=([0-9a-f]{64})$/.exec(
        headers.authorization ?? '',
    );
    if (!said || said[1] !== wanted.id) {
        return false;
    }
    const [, , day, region, names, signature] = said;
    const [path, query = ''] = url.split('?');
    const sorted = query.split('&').sort().join('&');
    const lines = names.split(';').map((name) => `${name}:${headers[name]}\n`);
    const canonical = [method, path, sorted, lines.join(''), names, headers['x-amz-content-sha256']].join('\n');
    const digest = crypto.createHash('sha256').update(canonical).digest('hex');
    const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], `${day}/${region}/s3/aws4_request`, digest].join('\n');
    const key = [day, region, 's3', 'aws4_request'].reduce(hmac, 'AWS4' + wanted.secret);
    return ['host', 'x-amz-date', 'x-amz-content-sha256'].every((name) => names.split(';').includes(name)) &&
        hmac(key, text).toString('hex') === signature;
}

let stalls = wanted.stalls;
const answers = wanted.answers ?? [];
async function main() {
    await store.configureBuckets();
    const answer = store.callback();
    const serve = (request, response) => {
        const at = { method: request.method, target: request.url };
        say('asked', at);
        if (!isSigned(request)) {
            request.resume();
            request.on('end', () => {
                response.writeHead(403, { 'Content-Type': 'application/xml' });
                response.end('<Error><Code>SignatureDoesNotMatch</Code><Message>Check your key.</Message></Error>');
            });
            return;
        }
        const asked = `${request.method} ${request.url}`;
        const rule = answers.find(
            (one) => asked.startsWith(one.method ?? '') && asked.includes(one.has ?? '') && (!one.only || one.only === request.url),
        );
        if (rule) {
            rule.only = rule.sticks ? request.url : undefined;
            request.resume();
            request.on('end', () => {
                response.writeHead(rule.status, { 'Content-Type': rule.code ? 'application/xml' : 'text/html' });
                response.end(rule.code ? `<Error><Code>${rule.code}</Code></Error>` : '<html>Not here.</html>');
                say('answered', { ...at, status: rule.status });
            });
            return;
        }
        if (stalls && request.url.includes(stalls)) {
            stalls = undefined;
            request.resume();
            request.on('end', () => say('stalled', at));
            return;
        }
        answer(request, response);
    };
    const server = wanted.cert
        ? https.createServer({ cert: pem(wanted.cert), key: pem(wanted.key) }, serve)
        : http.createServer(serve);
    server.listen(wanted.port, '127.0.0.1', () => say('listening', { port: server.address().port }));
}

main();
