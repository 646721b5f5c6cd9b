'use strict';
// A device that asks where it belongs, by Azure's provisioning SDK.
//
// {"host": "localhost:8883", "idScope", "registrationId", "ca": FILE, "cert": FILE, "key": FILE,
//  "over": "mqtt" | "http",
//  "port",                               of http, which the SDK knows at 443 alone: its connections are turned there
//  "payload": {...},                     what it sends along
//  "groups"}
//
// Says registered, with what it was told; refused, with the error and the body of the answer, and ends with 3. The SDK takes no CA: run it
// with NODE_EXTRA_CA_CERTS.

const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { X509Security } = require('azure-iot-security-x509');
const { say, mistake, settings, pem } = require('./say');

const wanted = settings();

if (wanted.port) {
    const https = require('node:https');
    const request = https.request;
    https.request = (options, ...more) => request({ ...options, port: wanted.port }, ...more);
}

async function main() {
    const { Mqtt } = require('azure-iot-provisioning-device-mqtt');
    const { Http } = require('azure-iot-provisioning-device-http');
    const transport = wanted.over === 'http' ? new Http() : new Mqtt();
    const security = new X509Security(wanted.registrationId, { cert: pem(wanted.cert), key: pem(wanted.key) });
    const client = ProvisioningDeviceClient.create(wanted.host, wanted.idScope, transport, security);
    if (wanted.payload !== undefined) {
        client.setProvisioningPayload(wanted.payload);
    }
    const state = await client.register();
    say('registered', { state });
}

main().then(
    () => process.exit(0),
    (error) => {
        say('refused', { ...mistake(error), body: error?.result ?? error?.responseBody });
        process.exit(3);
    });
