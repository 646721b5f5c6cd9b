'use strict';
// A back end that calls devices, by Azure's service SDK (azure-iothub).
//
// {"connectionString",                   of a policy of the hub's with serviceConnect
//  "port",                               the SDK knows 443 alone: its connections are turned there
//  "calls": [{"deviceId", "moduleId", "parameters": {"methodName", "payload", "responseTimeoutInSeconds", ...}}]}
//
// Says called for each, with the result or the error, in their order. The SDK takes no CA: run it with NODE_EXTRA_CA_CERTS.

const { say, mistake, settings } = require('./say');

const wanted = settings();
const https = require('node:https');
const request = https.request;
https.request = (options, ...more) => request({ ...options, port: wanted.port }, ...more);

const { Client } = require('azure-iothub');

async function main() {
    const client = Client.fromConnectionString(wanted.connectionString);
    for (const call of wanted.calls) {
        try {
            const to = call.moduleId ? [call.deviceId, call.moduleId] : [call.deviceId];
            const { result } = await client.invokeDeviceMethod(...to, call.parameters);
            say('called', { result });
        } catch (error) {
            say('called', { error: mistake(error).name, body: error?.responseBody });
        }
    }
    say('ended');
}

main().catch((error) => {
    say('refused', mistake(error));
    process.exit(3);
});
