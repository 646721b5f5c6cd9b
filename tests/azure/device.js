'use strict';
// A device of a hub, or a module of one, by Azure's device SDK over MQTT, or MQTT over WebSockets, as its documentation has it.
//
// {"host": "localhost:8883", "deviceId", "ca": FILE,
//  "cert": FILE, "key": FILE             its certificate, with the chain, and key; else:
//  "sharedKey": BASE64                   the key that it shares with the hub
//  "moduleId"                            a module of that device: by sharedKey alone, the SDK knows nothing else
//  "port"                                of WebSockets, which are spoken then, and which the SDK knows at 443 alone: its connections are
//                                        turned there
//  "groups": "X25519"                    key exchange groups, else Node's own
//  "messages": [{"body", "properties": {}, "type", "encoding", "id"}]
//  "report": {}                          said of itself in its twin, which is read first
//  "methods": {NAME: {"status", "payload"}}   what it answers to direct methods
//  "listen": true,                       for messages to it: then the SDK comes again by itself when its session has ended
//  "stay": true}                         else it ends when all are sent
//
// Says connected, listens, method, twin, reported, desired, sent (one for each message), message, disconnected, closed; refused, with the error, and ends with 3.

const { Client, Message, ModuleClient } = require('azure-iot-device');
const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');
const { say, mistake, settings, pem } = require('./say');

const wanted = settings();
const transport = wanted.port ? MqttWs : Mqtt;

if (wanted.port) {
    const https = require('node:https');
    const get = https.get;
    https.get = (options, ...more) => get({ ...options, port: wanted.port }, ...more);
}

function message(m) {
    const out = new Message(m.body);
    for (const [name, value] of Object.entries(m.properties ?? {})) {
        out.properties.add(name, value);
    }
    out.contentType = m.type;
    out.contentEncoding = m.encoding;
    out.messageId = m.id;
    return out;
}

async function main() {
    const by = wanted.sharedKey ? `SharedAccessKey=${wanted.sharedKey}` : 'x509=true';
    const who = `HostName=${wanted.host};DeviceId=${wanted.deviceId};`;
    const client = wanted.moduleId
        ? ModuleClient.fromConnectionString(`${who}ModuleId=${wanted.moduleId};${by}`, transport)
        : Client.fromConnectionString(who + by, transport);
    const certificate = wanted.sharedKey ? {} : { cert: pem(wanted.cert), key: pem(wanted.key) };
    await client.setOptions({ ca: pem(wanted.ca), ...certificate });
    client.on('disconnect', (why) => say('disconnected', mistake(why)));
    client.on('error', (why) => say('error', mistake(why)));
    await client.open();
    say('connected', { node: process.versions.node, openssl: process.versions.openssl });
    if (wanted.listen) {
        client.on('message', (m) => {
            say('message', {
                body: m.getData().toString(),
                id: m.messageId,
                correlation: m.correlationId,
                type: m.contentType,
                encoding: m.contentEncoding,
                to: m.to,
                properties: m.properties.propertyList,
            });
            client.complete(m, () => {});
        });
        say('listens');
    }
    for (const [name, answer] of Object.entries(wanted.methods ?? {})) {
        const answers = (request, response) => {
            say('method', { name: request.methodName, payload: request.payload, id: request.requestId });
            response.send(answer.status, answer.payload, (error) => say('answered', error ? mistake(error) : {}));
        };
        wanted.moduleId ? client.onMethod(name, answers) : client.onDeviceMethod(name, answers);
    }
    if (wanted.report) {
        const twin = await client.getTwin();
        say('twin', { desired: twin.properties.desired, reported: twin.properties.reported });
        twin.on('properties.desired', (delta) => say('desired', { delta, whole: twin.properties.desired }));
        await new Promise((done, failed) =>
            twin.properties.reported.update(wanted.report, (error) => (error ? failed(error) : done())));
        say('reported');
    }
    for (const m of wanted.messages ?? []) {
        await client.sendEvent(message(m));
        say('sent', { body: m.body });
    }
    if (!wanted.stay) {
        await client.close();
        say('closed');
    }
}

main().catch((error) => {
    say('refused', mistake(error));
    process.exit(3);
});
