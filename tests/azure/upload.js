'use strict';
// A device that uploads files, by Azure's device SDK.
//
// {"host": "localhost", "port",          of HTTPS, which the SDK knows at 443 alone: its connections to the hub are turned there. Where
//                                        octets go the hub says, port included
//  "deviceId", "cert": FILE, "key": FILE
//  "files": [{"name", "file": FILE}]     uploadToBlob, one after the other
//  "steps": {"name"}                     getBlobSharedAccessSignature, then notifyBlobUploadStatus of an upload that failed
//  "groups"}
//
// Says uploaded (one for each file), started with what it was told, notified; refused, with the error, and ends with 3. Storage's part takes
// no CA: run it with NODE_EXTRA_CA_CERTS.

const fs = require('node:fs');
const { NoRetry } = require('azure-iot-common');
const { Client } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const { say, mistake, settings, pem } = require('./say');

const wanted = settings();

const https = require('node:https');
const request = https.request;
https.request = (options, ...more) =>
    request(options.host === wanted.host && !options.port ? { ...options, port: wanted.port } : options, ...more);

async function main() {
    const client = Client.fromConnectionString(`HostName=${wanted.host};DeviceId=${wanted.deviceId};x509=true`, Mqtt);
    await client.setOptions({ cert: pem(wanted.cert), key: pem(wanted.key) });
    client.setRetryPolicy(new NoRetry());
    for (const one of wanted.files ?? []) {
        const octets = fs.statSync(one.file).size;
        await client.uploadToBlob(one.name, fs.createReadStream(one.file), octets);
        say('uploaded', { name: one.name, octets, node: process.versions.node, openssl: process.versions.openssl });
    }
    if (wanted.steps) {
        const told = await client.getBlobSharedAccessSignature(wanted.steps.name);
        say('started', { told });
        await client.notifyBlobUploadStatus(told.correlationId, false, 500, 'it has changed its mind');
        say('notified');
    }
}

main().then(
    () => process.exit(0),
    (error) => {
        say('refused', { ...mistake(error), inner: mistake(error?.innerError), body: error?.innerError?.responseBody });
        process.exit(3);
    });
