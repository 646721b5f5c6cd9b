'use strict';
// A device of a hub by Azure's device SDK over HTTPS: it fetches what waits for it, and says what became of it.
//
// {"host": "localhost", "port"            where it listens: the SDK knows 443 alone, and its connections are turned there
//  "deviceId", "cert": FILE, "key": FILE,
//  "then": ["abandon", "complete", "reject"]}    one for each message, in turn; it ends behind the last one
//
// Says message, and done; refused, with the error, and ends with 3. The SDK takes no CA: run it with NODE_EXTRA_CA_CERTS.

const { say, mistake, settings, pem } = require('./say');

const wanted = settings();

const https = require('node:https');
const request = https.request;
https.request = (options, ...more) => request({ ...options, port: wanted.port }, ...more);

const { Client, X509AuthenticationProvider } = require('azure-iot-device');
const { Http } = require('azure-iot-device-http');

async function main() {
    const certificate = { cert: pem(wanted.cert), key: pem(wanted.key) };
    const by = X509AuthenticationProvider.fromX509Options(wanted.deviceId, wanted.host, certificate);
    const client = Client.fromAuthenticationProvider(by, Http);
    const left = [...wanted.then];
    let open = left.length;
    client.on('error', (why) => say('error', mistake(why)));
    client.on('message', (m) => {
        const what = left.shift();
        if (!what) {
            return;
        }
        say('message', {
            body: m.getData().toString(),
            id: m.messageId,
            correlation: m.correlationId,
            properties: m.properties.propertyList,
        });
        client[what](m, (error) => {
            say(error ? 'refused' : 'done', error ? mistake(error) : { what });
            open -= 1;
            if (error || open === 0) {
                process.exit(error ? 3 : 0);
            }
        });
    });
    await client.open();
}

main().catch((error) => {
    say('refused', mistake(error));
    process.exit(3);
});
