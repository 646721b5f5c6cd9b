'use strict';
// A device of a hub that sends over HTTPS, by Azure's device SDK.
//
// {"host": "localhost", "port"            where it listens: the SDK knows 443 alone, and its connections are turned there
//  "deviceId", "cert": FILE, "key": FILE}
//
// Says sent for one message, and for two in a batch; refused, with the error, and ends with 3. The SDK takes no CA: run it with
// NODE_EXTRA_CA_CERTS.

const { say, mistake, settings, pem } = require('./say');

const wanted = settings();

const https = require('node:https');
const request = https.request;
https.request = (options, ...more) => request({ ...options, port: wanted.port }, ...more);

const { Client, Message, X509AuthenticationProvider } = require('azure-iot-device');
const { Http } = require('azure-iot-device-http');

async function main() {
    const certificate = { cert: pem(wanted.cert), key: pem(wanted.key) };
    const by = X509AuthenticationProvider.fromX509Options(wanted.deviceId, wanted.host, certificate);
    const client = Client.fromAuthenticationProvider(by, Http);
    await client.open();
    const one = new Message('{"level":7}');
    one.messageId = 'm-1';
    one.contentType = 'application/json';
    one.contentEncoding = 'utf-8';
    one.properties.add('alert', 'yes & no');
    await client.sendEvent(one);
    say('sent', { how: 'alone' });
    const several = ['a', 'b'].map((text) => new Message(text));
    several[1].properties.add('site', 'north');
    await client.sendEventBatch(several);
    say('sent', { how: 'together' });
    say('ended');
}

main().catch((error) => {
    say('refused', mistake(error));
    process.exit(3);
});
