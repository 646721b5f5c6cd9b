// Which names a CA leaves to those below it.
#include "pki/constraints.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

class Constraints : public testing::Test {
protected:
    static authority ca(const std::string& name, const authority& above, pki::name_constraints names) {
        auto contents = pki::issuing_ca_template("Test", name, usual);
        contents.path_length = 3;
        contents.constraints = std::move(names);
        return make_ca(above, contents, crypto::signature_algorithm::ecdsa_p256_sha256);
    }
    std::string judge(pki::subject_alt_names names, const std::vector<pki::certificate>& above) {
        return name_of_error(pki::check_names_left(names, above));
    }
    std::string dns(const std::string& name) { return judge({{name}, {}, {}}, {factory.certificate, root.certificate}); }

    authority root = make_root("Root", crypto::signature_algorithm::ecdsa_p256_sha256);
    authority factory = ca("Factory", root, {{"factory.example"}, {"secret.factory.example"}, {".hosts.example"}});
};

TEST_F(Constraints, AreReadAsTheyWereWritten) {
    const auto names = pki::constraints_of(factory.certificate);
    EXPECT_EQ(names.permitted_dns, std::vector<std::string>{"factory.example"});
    EXPECT_EQ(names.excluded_dns, std::vector<std::string>{"secret.factory.example"});
    EXPECT_EQ(names.permitted_uri_hosts, std::vector<std::string>{".hosts.example"});
    EXPECT_TRUE(pki::constraints_of(root.certificate).empty());
}

TEST_F(Constraints, ByLabels) {
    EXPECT_EQ(dns("factory.example"), "accepted");
    EXPECT_EQ(dns("a.b.Factory.Example"), "accepted");
    EXPECT_EQ(dns("otherfactory.example"), "name_constraint_violated") << "a label more, not a letter";
    EXPECT_EQ(dns("factory.example.evil"), "name_constraint_violated");
    EXPECT_EQ(dns("example"), "name_constraint_violated");
    EXPECT_EQ(dns("secret.factory.example"), "name_constraint_violated");
    EXPECT_EQ(dns("x.secret.factory.example"), "name_constraint_violated");
    EXPECT_EQ(dns("notsecret.factory.example"), "accepted");
}

TEST_F(Constraints, HostsOfUris) {
    const auto uri = [this](const std::string& text) { return judge({{}, {text}, {}}, {factory.certificate}); };
    EXPECT_EQ(uri("https://a.hosts.example:8443/x?y"), "accepted");
    EXPECT_EQ(uri("https://me@a.hosts.example/"), "accepted");
    EXPECT_EQ(uri("https://hosts.example/"), "name_constraint_violated") << "the dot wants a label more";
    EXPECT_EQ(uri("urn:berth:device:x"), "name_constraint_violated") << "it has no host";
}

TEST_F(Constraints, OfAllAbove) {
    const auto technician = ca("Technician", factory, {{"north.factory.example"}, {}, {}});
    const std::vector<pki::certificate> above{technician.certificate, factory.certificate, root.certificate};
    EXPECT_EQ(judge({{"w.north.factory.example"}, {}, {}}, above), "accepted");
    EXPECT_EQ(judge({{"w.factory.example"}, {}, {}}, above), "name_constraint_violated");
    const auto wide = ca("Wide", factory, {{"example"}, {}, {}});
    EXPECT_EQ(judge({{"w.example"}, {}, {}}, {wide.certificate, factory.certificate}), "name_constraint_violated");
}

TEST_F(Constraints, WhoHasNoRoomBelowThoseAboveMaySignNobody) {
    const auto signer = [](const authority& above, const std::string& name, uint32_t path_length) {
        auto contents = pki::issuing_ca_template("Test", name, usual);
        contents.path_length = path_length;
        return make_ca(above, contents, crypto::signature_algorithm::ecdsa_p256_sha256);
    };
    const auto one = signer(root, "One", 1), two = signer(one, "Two", 0), three = signer(two, "Three", 5);
    const auto store = value_of(pki::trust_store::from_root(root.certificate));
    const auto may = [&](const std::vector<pki::certificate>& chain) {
        const auto verified = pki::verify_chain(store, chain, now_as(pki::leaf_rule::ca));
        return verified ? name_of_error(pki::check_may_sign(*verified)) : "verify: " + verified.error().name;
    };
    EXPECT_EQ(may({one.certificate}), "accepted");
    EXPECT_EQ(may({two.certificate, one.certificate}), "accepted");
    EXPECT_EQ(may({three.certificate, two.certificate, one.certificate}), "path_too_long");
    const auto four = signer(one, "Four", 3), five = signer(four, "Five", 0);
    EXPECT_EQ(may({five.certificate, four.certificate, one.certificate}), "path_too_long")
        << "of whoever above, not the next one";
}

// What is said here beforehand is what a path is judged by.
TEST_F(Constraints, AsPathsAreJudged) {
    const auto store = value_of(pki::trust_store::from_root(root.certificate));
    for (const std::string name : {"w.factory.example", "w.other.example", "secret.factory.example", "factory.example"}) {
        auto contents = pki::client_template("Test", "w", usual);
        contents.alt_names.dns = {name};
        const auto leaf = issue(factory, contents,
                                signature_key("w" + name, crypto::signature_algorithm::ecdsa_p256_sha256).public_key().spki());
        const std::vector<pki::certificate> chain{leaf, factory.certificate};
        EXPECT_EQ(name_of_error(pki::verify_chain(store, chain, now_as(pki::leaf_rule::signature))), dns(name)) << name;
    }
}

}  // namespace
}  // namespace berth::test
