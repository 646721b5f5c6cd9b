// A hub with its broker and a CA behind it that issues, and devices of a fleet that are openssl, curl and Mosquitto's clients.
#pragma once

#include "../hub_api/hub_api_world.h"
#include "common/own_libraries.h"
#include "wire/base64.h"

namespace berth::test {

class OperationalWorld : public HubApi {
protected:
    void SetUp() override {
        HubApi::SetUp();
        make_ca("fleet", ec);
        done({"ca", "register", at("fleet.pem"), "--key", at("fleet.key")});
        done({"linked-hub", "add", "hub.example:8883", "--local"});
        done({"enrolment-group", "add", "line", "--ca", "fleet"});
        must({"ca", "init", "--dir", at("ca"), "--customer", "Birch", "--hierarchy", "customer", "--algorithm", "p256"});
        make_leaf("fleet", "dev-1", "dev-1", "clientAuth");
    }
    void register_issuer() const { done({"ca", "register", at("ca/z2.pem"), "--name", "birch", "--key", at("ca/z2.key")}); }
    static std::string with_issuer(const std::string& more = "authority = \"ca\"\n") {
        return std::string(usual) + "[hub.provisioning]\nid_scope = \"scope1\"\n[hub.issuer]\ndirectory = \"ca\"\n" + more;
    }
    // The error's name; nothing is begun.
    [[nodiscard]] std::string refused_at_check(const std::string& more) const {
        configure(more);
        const auto check = run_program("berthd", {"--json", "check", at("berthd.toml")});
        return check.exit == 0 ? "" : check.error_name();
    }
    // NAME.csr, DER, for NAME.key.
    [[nodiscard]] std::string request(const std::string& file, const std::string& subject, const std::string& key = ec) const {
        openssl("req -new -nodes -subj '" + subject + "' -outform DER -keyout " + file + ".key -out " + file + ".csr -newkey " +
                key);
        return wire::base64(as_bytes(text(file + ".csr")));
    }
    // The registrationState, in two steps as SDKs do it; an error's whole body.
    wire::json::object register_device(const std::string& file, const std::string& id, const wire::json::object& what) {
        put("request.json", wire::to_text(what));
        const auto as_device = [&](std::vector<std::string> more, const std::string& path) {
            more.insert(more.end(), {"--cert", at(file + ".pem"), "--key", at(file + ".key")});
            return curl(std::move(more), path);
        };
        const auto begun =
            as_device({"-X", "PUT", "-H", "Content-Type: application/json", "--data-binary", "@" + at("request.json")},
                      "/scope1/registrations/" + id + "/register?api-version=2021-06-01");
        if (begun != "202") {
            EXPECT_THAT(begun, testing::StartsWith("4")) << text("body");
            return body();
        }
        const std::string operation(body().at("operationId").as_string());
        EXPECT_EQ(as_device({}, "/scope1/registrations/" + id + "/operations/" + operation), "200") << text("body");
        return body().at("registrationState").as_object();
    }
    // FILE.pem, from what a device was given; says how many there are.
    size_t keep_chain(const std::string& file, const wire::json::array& chain) const {
        std::string pem;
        for (const auto& one : chain) {
            pem += got(pki::certificate::parse(got(wire::from_base64(std::string_view(one.as_string()))))).to_pem();
        }
        put(file + ".pem", pem);
        return chain.size();
    }
    [[nodiscard]] std::string shown(const std::string& file, const std::string& what) const {
        const auto r =
            run_program("/bin/sh", {"-c", "cd " + directory.path().string() + " && " BERTH_OPENSSL_COMMAND " x509 -noout -in " +
                                              file + ".pem " + what});
        return r.all();
    }

    static inline const std::string ec = "ec -pkeyopt ec_paramgen_curve:P-256";
};

}  // namespace berth::test
