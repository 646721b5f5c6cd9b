// A hub whose broker is Mosquitto with our plugin, and devices that are Azure's own SDK.
#pragma once

#include "../broker/broker_world.h"
#include "azure_js.h"

namespace berth::test {

class AzureWorld : public BrokerWorld {
protected:
    void SetUp() override {
        BERTH_SKIP_WITHOUT_AZURE();
        BrokerWorld::SetUp();
    }
    // NAME.pem (with the CA's above it, but the root) and NAME.key: an intermediate CA below `root`.
    void make_issuer(const std::string& name, const std::string& root, const std::string& key) const {
        put("issuer.cnf", "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n");
        openssl("req -new -nodes -subj /CN=" + name + " -keyout " + name + ".key -out " + name + ".csr -newkey " + key);
        openssl("x509 -req -in " + name + ".csr -CA " + root + ".pem -CAkey " + root + ".key -days 7 -extfile issuer.cnf -out " +
                name + ".pem");
    }
    // A device's, as makers make it: with the chain, for TLS clients.
    void certify_below(const std::string& file, const std::string& name, const std::string& issuer,
                       const std::string& key) const {
        put("client.cnf", "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n");
        openssl("req -new -nodes -subj '/CN=" + name + "' -keyout " + file + ".key -out " + file + ".csr -newkey " + key);
        openssl("x509 -req -in " + file + ".csr -CA " + issuer + ".pem -CAkey " + issuer +
                ".key -days 7 -extfile client.cnf -out " + file + ".pem");
        put(file + ".pem", text(file + ".pem") + text(issuer + ".pem"));
    }

    // Runs tests/azure/PROGRAM.js. What is in `more` goes over what every device needs.
    js_program run_js(const node_version& node, const std::string& program, wire::json::object what) {
        what.emplace("host", fmt::format("localhost:{}", port));
        what.emplace("ca", at("server.pem"));
        return js_program::start(node, program, what, directory.path());
    }
    js_program device(const node_version& node, const std::string& id, const std::string& file, wire::json::object more = {}) {
        more["deviceId"] = id;
        more["cert"] = at(file + ".pem");
        more["key"] = at(file + ".key");
        return run_js(node, "device", std::move(more));
    }
    // The same by the key that it shares with the hub, its primary one.
    js_program keyed(const node_version& node, const std::string& name, wire::json::object more = {}) {
        const auto shown = done({"device", "show", "--keys", name});
        more["sharedKey"] = shown.at("authentication").at("symmetricKey").at("primaryKey");
        more["deviceId"] = shown.at("deviceId");
        if (const auto* module = shown.if_contains("moduleId")) {
            more["moduleId"] = *module;
        }
        return run_js(node, "device", std::move(more));
    }
    // How the SDK calls the error with which it was refused; "in": it was not.
    static std::string refusal_of(const js_program& one) {
        EXPECT_TRUE(eventually([&] { return one.first("refused") || one.first("connected"); }, 60'000)) << one.said();
        const auto why = one.first("refused");
        return !why ? "in" : std::string(why->at("name").as_string());
    }
    std::string refusal(const node_version& node, const std::string& id, const std::string& file, wire::json::object more = {}) {
        return refusal_of(device(node, id, file, std::move(more)));
    }
};

}  // namespace berth::test
