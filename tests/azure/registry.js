'use strict';
// A back end that manages devices, by Azure's service SDK (azure-iothub): everything of its registry, one after the other.
//
// {"connectionString",                   of a policy of the hub's
//  "port",                               the SDK knows 443 alone: its connections are turned there
//  "groups"}
//
// Says of each step what it was told, or {"error"}. The SDK takes no CA: run it with NODE_EXTRA_CA_CERTS.

const { say, mistake, settings } = require('./say');

const wanted = settings();
const https = require('node:https');
const request = https.request;
https.request = (options, ...more) => request({ ...options, port: wanted.port }, ...more);

const { Registry } = require('azure-iothub');

const by_ca = { type: 'certificateAuthority' };

async function main() {
    const registry = Registry.fromConnectionString(wanted.connectionString);
    const step = async (event, work) => {
        try {
            const { responseBody } = await work();
            say(event, { told: responseBody });
            return responseBody;
        } catch (error) {
            say(event, { error: mistake(error).name, body: error?.responseBody });
            return undefined;
        }
    };
    await step('created', () => registry.create({ deviceId: 'sdk-1', status: 'enabled', authentication: by_ca }));
    await step('created again', () => registry.create({ deviceId: 'sdk-1', authentication: by_ca }));
    await step('created without a way to log in', () => registry.create({ deviceId: 'sdk-2' }));
    const print = 'ab'.repeat(32);
    await step('created by thumbprint',
        () => registry.create({ deviceId: 'sdk-2', authentication: { x509Thumbprint: { primaryThumbprint: print } } }));
    const device = await step('got', () => registry.get('sdk-1'));
    await step('updated', () => registry.update({ ...device, status: 'disabled', statusReason: 'lost' }));
    await step('got what is not there', () => registry.get('nobody'));

    const several = ['a', 'b', 'c'].map((name) => ({ deviceId: 'bulk-' + name, status: 'enabled', authentication: by_ca }));
    await step('bulk added', () => registry.addDevices(several));
    await step('bulk added again', () => registry.addDevices(several));
    await step('bulk updated', () => registry.updateDevices(several.map((one) => ({ ...one, status: 'disabled' })), true));
    await step('bulk removed', () => registry.removeDevices(several.slice(0, 2).map((one) => ({ ...one, etag: '*' })), true));
    await step('listed', () => registry.list());

    const module = await step('module added', () => registry.addModule({ deviceId: 'sdk-1', moduleId: 'm', authentication: by_ca }));
    await step('module got', () => registry.getModule('sdk-1', 'm'));
    await step('modules listed', () => registry.getModulesOnDevice('sdk-1'));
    await step('module updated', () => registry.updateModule({ ...module, managedBy: '' }, true));
    // With the etag that it was added with.
    await step('module updated too late', () => registry.updateModule(module, false));
    await step('module removed', () => registry.removeModule('sdk-1', 'm'));

    await step('statistics', () => registry.getRegistryStatistics());
    await step('deleted', () => registry.delete('sdk-1'));
    await step('deleted again', () => registry.delete('sdk-1'));
    say('ended');
}

main().then(
    () => process.exit(0),
    (error) => {
        say('refused', mistake(error));
        process.exit(3);
    });
