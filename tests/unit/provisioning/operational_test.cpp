// Operational certificates: a request goes with the registration, a chain comes with the answer.
#include "provisioning_world.h"
#include "wire/base64.h"

namespace berth::test {
namespace {

class test_issuer final : public provisioning::certificate_issuer {
public:
    explicit test_issuer(const authority& by) : by_(by) {}
    result<std::vector<pki::certificate>> issue(const provisioning::issue_order& order) override {
        ++asked;
        if (why_not) {
            return fail(*why_not);
        }
        shown = order.shown.size();
        epoch = order.epoch;
        named = order.identity.text() + " of " + order.enrolment;
        return std::vector{
            test::issue(by_, pki::client_template("Test", order.identity.text(), usual), order.request.key().spki()),
            by_.certificate};
    }
    int asked = 0;
    std::string named;
    size_t shown = 0;
    uint32_t epoch = 99;
    std::optional<error> why_not;

private:
    const authority& by_;
};

class Operational : public EnrolledFleet {
protected:
    Operational() {
        issuer = &own_issuer;
        start();
    }
    static std::string request(const std::string& name, signature_algorithm alg = signature_algorithm::ecdsa_p256_sha256) {
        pki::csr_template contents;
        contents.subject.add("CN", name);
        return wire::base64(value_of(pki::build_csr(contents, signature_key("operational " + name, alg))));
    }
    static std::string with_csr(const std::string& csr) { return R"({"registrationId":"dev1","csr":")" + csr + "\"}"; }
    static std::vector<pki::certificate> issued(const answer& a) {
        std::vector<pki::certificate> out;
        const auto state = state_of(a);
        if (const auto* const chain = state.if_contains("issuedCertificateChain")) {
            for (const auto& one : chain->as_array()) {
                out.push_back(got(pki::certificate::parse(got(wire::from_base64(std::string_view(one.as_string()))))));
            }
        }
        return out;
    }

    test_issuer own_issuer{line};
};

TEST_F(Operational, AChainComesWithTheAnswer) {
    const auto a = registered(device("dev1"), "dev1", with_csr(request("dev1")));
    const auto chain = issued(a);
    ASSERT_EQ(chain.size(), 2U);
    EXPECT_EQ(chain[0].common_name(), "dev1");
    EXPECT_EQ(chain[1], line.certificate);
    EXPECT_EQ(own_issuer.named, "dev1 of fleet");
    // With it the device registers again, too.
    const auto next = registered(shows(chain), "dev1", R"({"payload":{"csr":")" + request("dev1") + "\"}}");
    EXPECT_EQ(issued(next).size(), 2U) << "of SDKs that know no csr";
    EXPECT_TRUE(issued(registered(device("dev1"), "dev1")).empty());
}

TEST_F(Operational, WhoRepeatsItselfIsGivenTheSameOne) {
    const std::string body = with_csr(request("dev1"));
    const std::string operation = text(begin(device("dev1"), "dev1", body), "operationId");
    const auto first = issued(status(device("dev1"), "dev1", operation));
    EXPECT_EQ(issued(status(device("dev1"), "dev1", operation)), first);
    EXPECT_EQ(text(begin(device("dev1"), "dev1", body), "operationId"), operation) << "its answer was lost";
    EXPECT_EQ(own_issuer.asked, 1);
    // Another device's it is not, whatever that sends.
    EXPECT_EQ(status(device("dev2"), "dev2", operation).status, 404U);
    now += settings.webhook_lasts;
    EXPECT_NE(text(begin(device("dev1"), "dev1", body), "operationId"), operation);
    EXPECT_EQ(own_issuer.asked, 2);
}

TEST_F(Operational, TheIssuerIsToldWhatWasShownAndTheEpoch) {
    EXPECT_EQ(assigned(device("dev1"), "dev1", with_csr(request("dev1"))), "dev1 at hub.example");
    EXPECT_EQ(own_issuer.shown, 3U) << "the device's, the line's, the registered root";
    EXPECT_EQ(own_issuer.epoch, 0U);
    const auto own = leaf(root, "dev2");
    individual("dev2", with(own));
    EXPECT_EQ(assigned(shows({own}), "dev2", R"({"csr":")" + request("dev2") + "\"}"), "dev2 at hub.example");
    EXPECT_EQ(own_issuer.shown, 1U) << "nobody vouches for that";
    ASSERT_TRUE(hub->raise_epoch({"dev1", ""}, test_now - 1'000'000'000));
    EXPECT_EQ(assigned(device("dev1"), "dev1", with_csr(request("dev1"))), "dev1 at hub.example");
    EXPECT_EQ(own_issuer.epoch, 1U);
}

TEST_F(Operational, TheLargestPostQuantumRequestFits) {
    const std::string csr = request("dev1", signature_algorithm::mldsa87);
    EXPECT_GT(csr.size(), 8'192U) << "more than other services take";
    EXPECT_EQ(issued(registered(device("dev1"), "dev1", with_csr(csr))).size(), 2U);
}

TEST_F(Operational, AnIndividualDeviceGoesOnByItsNewCertificate) {
    const auto own = leaf(root, "dev1");
    individual("dev1", with(own));
    EXPECT_EQ(issued(registered(shows({own}), "dev1", with_csr(request("dev1")))).size(), 2U);
    EXPECT_EQ(known("dev1")->settings.login.way, login_way::certificate_authority);
    EXPECT_EQ(issued(registered(shows({own}), "dev1", with_csr(request("dev1")))).size(), 2U) << "and may ask again";
}

TEST_F(Operational, RequestsThatAreNone) {
    const auto code = [&](const std::string& body) {
        now += 20;
        const auto a = begin(device("dev1"), "dev1", body);
        return a.status == 202 ? 0 : number(a, "errorCode");
    };
    EXPECT_EQ(code(with_csr("")), 400'040U);
    EXPECT_EQ(code(with_csr("AAAA")), 400'040U);
    EXPECT_EQ(code(with_csr("not base64!")), 400'040U);
    EXPECT_EQ(code(R"({"csr":1})"), 400'040U);
    EXPECT_EQ(code(with_csr(request("dev2"))), 400'040U) << "another's name";
    EXPECT_EQ(code(with_csr(wire::base64(bytes(provisioning::most_csr + 1, 0x30)))), 400'040U) << "too large";
    EXPECT_EQ(code(R"({"csr":")" + request("dev1") + R"(","payload":{"csr":")" + request("dev1") + "\"}}"), 400'040U);
    pki::csr_template two;
    two.subject.add("CN", "dev1").add("CN", "dev2");
    EXPECT_EQ(code(with_csr(wire::base64(value_of(pki::build_csr(two, signature_key("two")))))), 400'040U);
    // Possession is proved by the request's own signature.
    auto forged = got(wire::from_base64(request("dev1")));
    forged.back() ^= 1;
    EXPECT_EQ(code(with_csr(wire::base64(forged))), 400'040U);
    EXPECT_EQ(own_issuer.asked, 0);
    EXPECT_FALSE(known("dev1"));
}

TEST_F(Operational, WithoutAnIssuerItIsRefused) {
    issuer = nullptr;
    start();
    EXPECT_EQ(assigned(device("dev1"), "dev1", with_csr(request("dev1"))), "failed 400501");
    EXPECT_FALSE(known("dev1"));
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "dev1 at hub.example");
}

TEST_F(Operational, WhatTheIssuerSaysOfTheRequestIsTold) {
    own_issuer.why_not = error{error_category::peer, "weak_key", "The key is too small."};
    auto a = registered(device("dev1"), "dev1", with_csr(request("dev1")));
    EXPECT_EQ(text(a, "status"), "failed");
    EXPECT_EQ(state_of(a).at("errorCode").to_number<uint64_t>(), 400'040U);
    EXPECT_EQ(text(state_of(a), "errorMessage"), "The key is too small.");
    EXPECT_FALSE(known("dev1")) << "nothing of it was done";
    own_issuer.why_not = error{error_category::environment, "key_unavailable", "/secret/path is locked"};
    a = registered(device("dev1"), "dev1", with_csr(request("dev1")));
    EXPECT_EQ(state_of(a).at("errorCode").to_number<uint64_t>(), 500'001U);
    EXPECT_EQ(text(state_of(a), "errorMessage").find("secret"), std::string::npos);
}

TEST_F(Operational, ADeviceIsGivenSoManyInAWhile) {
    for (unsigned i = 0; i < settings.most_issued; ++i) {
        EXPECT_EQ(assigned(device("dev1"), "dev1", with_csr(request("dev1"))), "dev1 at hub.example") << i;
        now += settings.webhook_lasts;
    }
    const auto refused = begin(device("dev1"), "DEV1", R"({"csr":")" + request("DEV1") + "\"}");
    EXPECT_EQ(refused.status, 429U) << refused.text();
    EXPECT_EQ(refused.retry_after, static_cast<unsigned>(settings.issuing_window));
    EXPECT_EQ(own_issuer.asked, static_cast<int>(settings.most_issued));
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "dev1 at hub.example") << "without a certificate it may";
    EXPECT_EQ(assigned(device("dev2"), "dev2", R"({"csr":")" + request("dev2") + "\"}"), "dev2 at hub.example");
    // What was refused by the issuer is no certificate.
    own_issuer.why_not = error{error_category::peer, "weak_key", "The key is too small."};
    now += settings.issuing_window;
    for (unsigned i = 0; i <= settings.most_issued; ++i) {
        EXPECT_EQ(assigned(device("dev1"), "dev1", with_csr(request("dev1"))), "failed 400040") << i;
    }
    own_issuer.why_not.reset();
    EXPECT_EQ(assigned(device("dev1"), "dev1", with_csr(request("dev1"))), "dev1 at hub.example");
}

TEST_F(Operational, ADeviceThatWasCutOffIsGivenNone) {
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "dev1 at hub.example");
    ASSERT_TRUE(hub->raise_epoch({"dev1", ""}, now));
    EXPECT_EQ(assigned(device("dev1"), "dev1", with_csr(request("dev1"))), "failed 401002");
    auto off = known("dev1")->settings;
    off.enabled = false;
    ASSERT_TRUE(hub->change(*known("dev1"), off, now));
    EXPECT_EQ(assigned(device("dev1"), "dev1", with_csr(request("dev1"))), "disabled");
    EXPECT_EQ(own_issuer.asked, 0);
}

TEST_F(Operational, AnIssuedChainIsNotToldAfterARestart) {
    const std::string operation = text(begin(device("dev1"), "dev1", with_csr(request("dev1"))), "operationId");
    start();
    EXPECT_EQ(status(device("dev1"), "dev1", operation).status, 404U) << "it is not kept: the device registers again";
}

}  // namespace
}  // namespace berth::test
