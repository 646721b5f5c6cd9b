// Peers whose certificate does not hold, on a real channel: what each side says and exits with, and that nothing was exchanged.
#include "support.h"

#include "pki/crl.h"

namespace berth::test {
namespace {

// A certificate that is refused, under the name of its files.
struct refused {
    const char* file;
    const char* error;
    const char* alert;
};

constexpr std::array cases{
    refused{"expired", "certificate_expired", "certificate_expired"},
    refused{"early", "certificate_not_yet_valid", "certificate_expired"},
    refused{"signing", "bad_key_usage", "bad_certificate"},
    refused{"revoked", "certificate_revoked", "certificate_revoked"},
    refused{"foreign", "unknown_issuer", "unknown_ca"},
    refused{"forged", "bad_certificate_signature", "bad_certificate"},
};

class refused_certificates : public authkem_command {
protected:
    static const files& peers() {
        static const files all;
        static const bool filled = (fill(all), true);
        std::ignore = filled;
        return all;
    }
    static std::vector<std::string> shows(const std::string& name) {
        return {"--cert", peers().at(name + ".pem"), "--key", peers().at(name + ".key")};
    }
    static std::vector<std::string> judges() { return {"--ca", peers().at("anchor.pem"), "--crl", peers().at("anchor.crl")}; }

private:
    static void fill(const files& all) {
        const authority anchor = authority::make("Anchor");
        const authority elsewhere = authority::make("Elsewhere");
        const unix_seconds now = system_clock().now();
        const auto usual = crypto::kem_algorithm::mlkem768;
        // For both purposes, so that the same file serves either end.
        const auto leaf = [&](const authority& by, const std::string& name,
                              const std::function<void(pki::certificate_template&)>& change = {}) {
            return all.leaf(by, name, usual, pki::oid_server_auth, [&](pki::certificate_template& t) {
                t.extended_key_usages.emplace_back(pki::oid_client_auth);
                if (change) {
                    change(t);
                }
            });
        };
        leaf(anchor, "good");
        leaf(anchor, "expired", [&](auto& t) { t.not_after = now - 60; });
        leaf(anchor, "early", [&](auto& t) { t.not_before = now + day / 2; });
        leaf(anchor, "signing", [](auto& t) { t.key_usage = pki::digital_signature; });
        leaf(elsewhere, "foreign");
        const pki::certificate revoked = leaf(anchor, "revoked");
        pki::certificate forged = leaf(anchor, "forged");
        bytes der = to_bytes(forged.der());
        der.back() ^= 1;  // the last octet of the signature
        all.write("forged.pem", wire::to_pem("CERTIFICATE", der));
        all.write("anchor.pem", anchor.certificate.to_pem());
        const auto list =
            pki::issue_crl({.number = 1,
                            .this_update = now - day,
                            .next_update = now + day,
                            .revoked = {{to_bytes(revoked.serial()), now - 60, pki::revocation_reason::key_compromise}}},
                           anchor.certificate, anchor.key);
        EXPECT_TRUE(list);
        all.write("anchor.crl", list->to_pem());
    }
};

// Nothing of the application came through, and no secret was exported.
void expect_nothing_exchanged(const object& report) {
    EXPECT_FALSE(report.at("ok").as_bool());
    EXPECT_EQ(text(report, "received"), "");
    EXPECT_EQ(text(report, "exporter"), "null");
}

TEST_F(refused_certificates, good_one_is_taken_by_the_same_rules) {
    listening s = serve(join(join(shows("good"), judges()), {"--mutual", "--echo", "--once"}));
    const ended client = ask(s, join(join(shows("good"), judges()), {"--message", "hello"}));
    EXPECT_EQ(client.exit, 0);
    EXPECT_EQ(text(client.json(), "received"), "hello");
    EXPECT_EQ(s.wait().exit, 0);
}

TEST_F(refused_certificates, of_a_server) {
    for (const refused& c : cases) {
        SCOPED_TRACE(c.file);
        listening s = serve(join(shows(c.file), {"--echo", "--once"}));
        const ended client = ask(s, join(judges(), {"--message", "hello"}));
        const ended served = s.wait();
        EXPECT_EQ(client.exit, 1);
        EXPECT_EQ(client.error_name(), c.error);
        EXPECT_EQ(text(client.json(), "alert"), c.alert);
        EXPECT_EQ(text(client.json(), "alert_from"), "us");
        expect_nothing_exchanged(client.json());
        EXPECT_EQ(served.exit, 1);
        EXPECT_EQ(served.error_name(1), "peer_alert");
        EXPECT_EQ(text(served.json(1), "alert"), c.alert);
        EXPECT_EQ(text(served.json(1), "alert_from"), "peer");
        expect_nothing_exchanged(served.json(1));
    }
}

TEST_F(refused_certificates, of_a_client) {
    for (const refused& c : cases) {
        SCOPED_TRACE(c.file);
        listening s = serve(join(join(shows("good"), judges()), {"--mutual", "--echo", "--once"}));
        const ended client = ask(s, join(join(shows(c.file), judges()), {"--message", "hello"}));
        const ended served = s.wait();
        EXPECT_EQ(served.exit, 1);
        EXPECT_EQ(served.error_name(1), c.error);
        EXPECT_EQ(text(served.json(1), "alert"), c.alert);
        EXPECT_EQ(text(served.json(1), "alert_from"), "us");
        EXPECT_EQ(text(served.json(1), "received"), "") << "what a refused client sends is not read";
        EXPECT_EQ(client.exit, 1);
        EXPECT_EQ(client.error_name(), "peer_alert");
        EXPECT_EQ(text(client.json(), "alert"), c.alert);
        EXPECT_EQ(text(client.json(), "received"), "") << "and it is not answered";
    }
}

TEST_F(refused_certificates, of_a_client_that_authenticates_in_its_first_flight) {
    listening s = serve(join(join(shows("good"), judges()), {"--mutual", "--echo", "--once"}));
    const ended client = ask(s, join(shows("revoked"), {"--pdk", peers().at("good.pub"), "--message", "hello"}));
    const ended served = s.wait();
    EXPECT_EQ(served.exit, 1);
    EXPECT_EQ(served.error_name(1), "certificate_revoked");
    expect_nothing_exchanged(served.json(1));
    EXPECT_EQ(client.exit, 1);
    EXPECT_EQ(text(client.json(), "alert"), "certificate_revoked");
    EXPECT_EQ(text(client.json(), "received"), "");
}

TEST_F(refused_certificates, of_another_purpose_where_the_name_is_checked) {
    const authority anchor = authority::make("Purposes");
    peers().write("purposes.pem", anchor.certificate.to_pem());
    peers().leaf(anchor, "clients-only", crypto::kem_algorithm::mlkem768, pki::oid_client_auth);
    listening s = serve(join(shows("clients-only"), {"--echo", "--once"}));
    const ended client = ask(s, {"--ca", peers().at("purposes.pem"), "--server-name", "clients-only.example"});
    EXPECT_EQ(client.exit, 1);
    EXPECT_EQ(client.error_name(), "wrong_key_purpose");
    EXPECT_EQ(text(client.json(), "alert"), "bad_certificate");
    expect_nothing_exchanged(client.json());
    EXPECT_EQ(s.wait().exit, 1);
}

TEST_F(refused_certificates, revocation_lists_are_judged_too) {
    // A list that expired vouches for nobody.
    const authority anchor = authority::make("Stale");
    const unix_seconds now = system_clock().now();
    peers().write("stale.pem", anchor.certificate.to_pem());
    peers().leaf(anchor, "under-stale", crypto::kem_algorithm::mlkem768, pki::oid_server_auth);
    const auto list = pki::issue_crl({.number = 1, .this_update = now - day, .next_update = now - 60, .revoked = {}},
                                     anchor.certificate, anchor.key);
    ASSERT_TRUE(list);
    peers().write("stale.crl", list->to_pem());
    listening s = serve(join(shows("under-stale"), {"--echo", "--once"}));
    const ended client = ask(s, {"--ca", peers().at("stale.pem"), "--crl", peers().at("stale.crl")});
    EXPECT_EQ(client.exit, 1);
    EXPECT_EQ(client.error_name(), "crl_expired");
    EXPECT_EQ(text(client.json(), "alert"), "bad_certificate");
    expect_nothing_exchanged(client.json());
    EXPECT_EQ(s.wait().exit, 1);
}

}  // namespace
}  // namespace berth::test
