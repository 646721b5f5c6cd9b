// The next certificate, over the session that a device has at its hub.
#include "provisioning/renewal.h"
#include "provisioning_world.h"
#include "wire/base64.h"

#include <gmock/gmock.h>

namespace berth::test {
namespace {

class line_issuer final : public provisioning::certificate_issuer {
public:
    explicit line_issuer(const authority& by) : by_(by) {}
    result<std::vector<pki::certificate>> issue(const provisioning::issue_order& order) override {
        if (why_not) {
            return fail(*why_not);
        }
        ++asked;
        shown = order.shown.size();
        epoch = order.epoch;
        return std::vector{
            test::issue(by_, pki::client_template("Test", order.identity.text(), usual), order.request.key().spki()),
            by_.certificate};
    }
    int asked = 0;
    size_t shown = 0;
    uint32_t epoch = 99;
    std::optional<error> why_not;

private:
    const authority& by_;
};

class Renewal : public ProvisioningWorld {
protected:
    Renewal() {
        for (const auto& name : {identity_name{"dev1", ""}, identity_name{"dev1", "mod"}, identity_name{"dev2", ""}}) {
            EXPECT_TRUE(hub->add(make_identity(name, {}, random, now)));
        }
    }
    static std::string request(const std::string& name, const std::string& key = "next",
                               signature_algorithm alg = signature_algorithm::ecdsa_p256_sha256) {
        pki::csr_template contents;
        contents.subject.add("CN", name);
        return wire::base64(value_of(pki::build_csr(contents, signature_key(key, alg))));
    }
    static std::string body(const std::string& csr, const std::string& more = "") {
        return R"({"csr":")" + csr + '"' + more + "}";
    }
    // "STATUS" with which all ends, or "STATUS CODE"; what was told is in `told`.
    std::string asks(const std::string& name, const std::string& payload, const std::string& rid = "1") {
        const auto who = got(parse_identity_name(name));
        const auto cert = shown ? *shown : leaf(line, name);
        const auto question = hub::parse_hub_request("$iothub/credentials/POST/issueCertificate/?$rid=" + rid);
        auto answer = next.answer(who, by_key ? nullptr : &cert, *question, as_bytes(payload), now);
        const bool accepted = answer.topic == "$iothub/credentials/res/202/?$rid=" + rid;
        if (accepted) {
            EXPECT_EQ(answer.more.size(), 1U);
            const auto first = got(wire::parse_json_object(as_text(answer.payload)));
            EXPECT_NE(text(first, "operationExpires"), "");
            answer = answer.more.front();
            EXPECT_EQ(text(got(wire::parse_json_object(as_text(answer.payload))), "correlationId"), text(first, "correlationId"));
        }
        told = got(wire::parse_json_object(as_text(answer.payload)));
        constexpr std::string_view start = "$iothub/credentials/res/";
        EXPECT_TRUE(answer.topic.starts_with(start) && answer.topic.ends_with("/?$rid=" + rid)) << answer.topic;
        const std::string status = answer.topic.substr(start.size(), 3);
        return accepted ? status : status + " " + std::to_string(told.at("errorCode").to_number<uint32_t>());
    }
    std::vector<pki::certificate> issued() const {
        std::vector<pki::certificate> out;
        for (const auto& one : told.at("certificates").as_array()) {
            out.push_back(got(pki::certificate::parse(got(wire::from_base64(std::string_view(one.as_string()))))));
        }
        return out;
    }

    line_issuer made{line};
    provisioning::renewals next{{}, *hub, made, random};
    bool by_key = false;
    std::optional<pki::certificate> shown;  // instead of the usual one
    wire::json::object told;
};

TEST_F(Renewal, IsAcceptedAndThenTold) {
    EXPECT_EQ(asks("dev1", body(request("dev1"), R"(,"id":"dev1","replace":null)")), "200");
    ASSERT_EQ(issued().size(), 2U);
    EXPECT_EQ(issued()[0].common_name(), "dev1");
    EXPECT_EQ(issued()[1], line.certificate);
    EXPECT_EQ(made.shown, 1U);
    EXPECT_EQ(made.epoch, 0U);
    EXPECT_EQ(asks("dev1/mod", body(request("dev1/mod"), R"(,"id":"dev1")")), "200") << "a module's, whose id says its device";
    EXPECT_EQ(asks("dev2", body(request("dev2", "large", signature_algorithm::mldsa87))), "200");
}

TEST_F(Renewal, AnAnswerThatWasLostIsTheSameAgain) {
    const std::string one = body(request("dev1"));
    EXPECT_EQ(asks("dev1", one), "200");
    const auto first = issued();
    EXPECT_EQ(asks("dev1", one, "2"), "200");
    EXPECT_EQ(issued(), first);
    EXPECT_EQ(made.asked, 1);
    now += 600;
    EXPECT_EQ(asks("dev1", one, "3"), "200");
    EXPECT_NE(issued(), first) << "by then it is another question";
    EXPECT_EQ(made.asked, 2);
}

TEST_F(Renewal, AnAnswerThatCountsNoMoreIsNotToldAgain) {
    const std::string one = body(request("dev1"));
    EXPECT_EQ(asks("dev1", one), "200");
    const auto first = issued();
    // Its operator ends what it has, and it comes back with one of afterwards.
    ASSERT_TRUE(hub->raise_epoch({"dev1", ""}, now));
    shown = leaf(line, "dev1", {now + 1, now + 86'400});
    EXPECT_EQ(asks("dev1", one, "2"), "200") << "not what was ended, nor that this is under way";
    EXPECT_NE(issued(), first);
    EXPECT_EQ(made.epoch, 1U);
    const auto second = issued();
    EXPECT_EQ(asks("dev1", one, "3"), "200");
    EXPECT_EQ(issued(), second);
    EXPECT_EQ(made.asked, 2);
    // A namesake, later.
    ASSERT_TRUE(hub->remove(*known("dev1"), now));
    ASSERT_TRUE(hub->add(make_identity({"dev1", ""}, {}, random, now)));
    shown = leaf(line, "dev1", {now + 2, now + 86'400});
    EXPECT_EQ(asks("dev1", one, "4"), "200");
    EXPECT_NE(issued(), second);
    EXPECT_EQ(made.asked, 3);
}

TEST_F(Renewal, TheLogSaysWhoWasRefused) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(asks("dev1/mod", "[]"), "400 400040");
    EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("dev1/mod"));
}

TEST_F(Renewal, ASecondRequestSaysThatItReplacesTheFirst) {
    EXPECT_EQ(asks("dev1", body(request("dev1", "a")), "first"), "200");
    EXPECT_EQ(asks("dev1", body(request("dev1", "b")), "second"), "409 409005");
    EXPECT_EQ(text(told.at("info").as_object(), "requestId"), "first");
    EXPECT_EQ(asks("dev1", body(request("dev1", "b"), R"(,"replace":"other")")), "412 412001");
    EXPECT_EQ(asks("dev1", body(request("dev1", "b"), R"(,"replace":"first")"), "second"), "200");
    EXPECT_EQ(asks("dev1", body(request("dev1", "c"), R"(,"replace":"*")"), "third"), "200");
    EXPECT_EQ(asks("dev2", body(request("dev2"), R"(,"replace":"*")")), "200") << "there is none, and that is well";
    EXPECT_EQ(asks("dev2", body(request("dev2", "d"), R"(,"replace":"third")")), "412 412001") << "another device's";
    now += 60;
    EXPECT_EQ(asks("dev1", body(request("dev1", "e"))), "200");
    EXPECT_EQ(asks("dev1", body(request("dev1", "f"), R"(,"replace":"*")")), "200");
    EXPECT_EQ(asks("dev1", body(request("dev1", "g"), R"(,"replace":"*")")), "429 429002");
    EXPECT_GT(told.at("retryAfter").to_number<int>(), 0);
    now += 600;
    EXPECT_EQ(asks("dev1", body(request("dev1", "g"), R"(,"replace":"*")")), "200");
}

TEST_F(Renewal, RequestsThatAreNone) {
    for (const auto& one : {std::string(), std::string("[]"), std::string("{}"), body(""), body("AAAA"), body(request("dev2")),
                            body(request("DEV1")), body(request("dev1"), R"(,"id":"dev2")"), body(request("dev1"), R"(,"id":1)"),
                            body(request("dev1"), R"(,"replace":1)"), R"({"csr":null})" + std::string()}) {
        EXPECT_EQ(asks("dev1", one), "400 400040") << one;
        EXPECT_NE(text(told.at("info").as_object(), "credentialMessage"), "");
    }
    auto forged = got(wire::from_base64(request("dev1")));
    forged.back() ^= 1;
    EXPECT_EQ(asks("dev1", body(wire::base64(forged))), "400 400040") << "possession is proved by its signature";
    EXPECT_EQ(made.asked, 0);
}

TEST_F(Renewal, OnlyWhoLogsInByACa) {
    auto s = known("dev1")->settings;
    s.login = {login_way::thumbprint, thumbprint{1}, std::nullopt};
    ASSERT_TRUE(hub->change(*known("dev1"), s, now));
    EXPECT_EQ(asks("dev1", body(request("dev1"))), "412 412001");
    by_key = true;
    EXPECT_EQ(asks("dev2", body(request("dev2"))), "412 412001");
    EXPECT_EQ(made.asked, 0);
}

TEST_F(Renewal, NotForWhoDoesNotCountAnyMore) {
    ASSERT_TRUE(hub->raise_epoch({"dev1", ""}, now));
    EXPECT_EQ(asks("dev1", body(request("dev1"))), "400 400040") << "its session is about to be cut";
    auto off = known("dev2")->settings;
    off.enabled = false;
    ASSERT_TRUE(hub->change(*known("dev2"), off, now));
    EXPECT_EQ(asks("dev2", body(request("dev2"))), "400 400040");
    ASSERT_TRUE(hub->remove(*known("dev2"), now));
    EXPECT_EQ(asks("dev2", body(request("dev2"))), "400 400040");
    EXPECT_EQ(made.asked, 0);
}

TEST_F(Renewal, WhatTheIssuerSays) {
    made.why_not = error{error_category::peer, "request_refused", "It asks for too much."};
    EXPECT_EQ(asks("dev1", body(request("dev1"))), "400 400040");
    EXPECT_EQ(text(told, "message"), "It asks for too much.");
    made.why_not = error{error_category::environment, "key_unavailable", "/secret/path is locked"};
    EXPECT_EQ(asks("dev1", body(request("dev1"))), "503 503001");
    EXPECT_EQ(text(told, "message").find("secret"), std::string::npos);
    made.why_not = error{error_category::incompatible, "no_issuer", "none"};
    EXPECT_EQ(asks("dev1", body(request("dev1"))), "403 403010");
    made.why_not.reset();
    EXPECT_EQ(asks("dev1", body(request("dev1"))), "200") << "what failed is not under way";
}

TEST_F(Renewal, RemembersSoMany) {
    provisioning::renewals few({.most_operations = 2}, *hub, made, random);
    for (const char* const name : {"dev1", "dev2", "dev1/mod"}) {
        const auto cert = leaf(line, name);
        const auto question = hub::parse_hub_request("$iothub/credentials/POST/issueCertificate/?$rid=1");
        const auto answer = few.answer(got(parse_identity_name(name)), &cert, *question, as_bytes(body(request(name))), now);
        EXPECT_EQ(answer.more.size(), 1U) << name;
    }
    EXPECT_EQ(few.operations(), 2U);
}

}  // namespace
}  // namespace berth::test
