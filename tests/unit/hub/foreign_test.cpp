// What brokers of other makes ask, as their documentation has it, and what they are answered.
#include "hub/foreign/emqx.h"
#include "hub/foreign/vernemq.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"
#include "wire/base64.h"

#include <gmock/gmock.h>

namespace berth::test {
namespace {

using namespace hub;
using namespace hub::foreign;
using testing::ElementsAre;

TEST(emqx, logins_are_read) {
    const auto asked = got(read_emqx_login(
        R"({"clientid":"dev-1","username":"hub/dev-1/?api-version=1","password":"SharedAccessSignature x","peerhost":"192.0.2.1",)"
        R"("cert_pem":"","cert_common_name":"dev-1"})"));
    EXPECT_EQ(asked.client, "dev-1");
    EXPECT_EQ(asked.user, "hub/dev-1/?api-version=1");
    EXPECT_EQ(asked.password, "SharedAccessSignature x");
    EXPECT_EQ(asked.from, "192.0.2.1");
    EXPECT_EQ(asked.common_name, "dev-1");
    EXPECT_TRUE(asked.chain.empty());
}

TEST(emqx, a_placeholder_without_a_value_is_none) {
    for (const std::string none : {R"("undefined")", R"("")", "null"}) {
        const auto asked = got(read_emqx_login(R"({"clientid":"undefined","username":)" + none + R"(,"password":)" + none +
                                               R"(,"cert_pem":)" + none + R"(,"cert_common_name":)" + none + "}"));
        EXPECT_EQ(asked.client, "undefined") << "which a client may be called";
        EXPECT_EQ(asked.user + asked.password, "");
        EXPECT_EQ(asked.common_name, std::nullopt);
    }
    EXPECT_EQ(got(read_emqx_login(R"({"clientid":"a"})")).password, "");
}

TEST(emqx, certificates_come_as_pem_or_base64_of_it_or_of_der) {
    const auto root = make_root("root", crypto::signature_algorithm::ecdsa_p256_sha256);
    const auto leaf = issue(root, pki::client_template("Test", "dev-1", usual), signature_key("dev-1").public_key().spki());
    for (const auto& text : {leaf.to_pem(), wire::base64(as_bytes(leaf.to_pem())), wire::base64(leaf.der())}) {
        const auto asked = got(read_emqx_login(wire::to_text(wire::json::object{{"clientid", "dev-1"}, {"cert_pem", text}})));
        ASSERT_EQ(asked.chain.size(), 1U);
        EXPECT_EQ(asked.chain.front().sha256(), leaf.sha256());
    }
    EXPECT_EQ(got(read_passed_chain(leaf.to_pem() + root.certificate.to_pem())).size(), 2U);
    for (const std::string bad : {"x", "AAAA", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
        EXPECT_EQ(name_of_error(read_passed_chain(bad)), "bad_certificate") << bad;
    }
    EXPECT_EQ(name_of_error(read_passed_chain(std::string(most_certificate + 1, 'A'))), "too_large");
}

TEST(emqx, topics_are_read) {
    const auto asked = got(read_emqx_topic(R"({"clientid":"d","action":"publish","topic":"a/b","qos":"1","retain":"false"})"));
    EXPECT_EQ(asked.way, direction::publish);
    EXPECT_THAT(asked.topics, ElementsAre("a/b"));
    EXPECT_FALSE(asked.retain);
    EXPECT_EQ(got(read_emqx_topic(R"({"clientid":"d","action":"subscribe","topic":"a/#"})")).way, direction::subscribe);
    for (const std::string yes : {"true", R"("true")", R"("1")"}) {
        EXPECT_TRUE(got(read_emqx_topic(R"({"clientid":"d","action":"publish","topic":"t","retain":)" + yes + "}")).retain)
            << yes;
    }
}

TEST(emqx, what_is_no_question_is_none) {
    for (const std::string bad :
         {"", "[]", "{}", R"({"clientid":1})", R"({"clientid":"a","password":1})", R"({"clientid":null})"}) {
        EXPECT_EQ(name_of_error(read_emqx_login(bad)), "bad_json") << bad;
    }
    EXPECT_EQ(name_of_error(read_emqx_login(R"({"clientid":"a","clientid":"b"})")), "duplicate_json_member");
    EXPECT_EQ(name_of_error(read_emqx_login(R"({"clientid":")" + std::string(most_word + 1, 'a') + "\"}")), "too_large");
    EXPECT_EQ(name_of_error(read_emqx_login(std::string(most_question + 1, ' '))), "too_large");
    for (const std::string bad :
         {"{}", R"({"clientid":"a","action":"all","topic":"t"})", R"({"clientid":"a","action":"publish"})",
          R"({"action":"publish","topic":"t"})", R"({"clientid":"a","action":"publish","topic":"t","retain":"perhaps"})"}) {
        EXPECT_EQ(name_of_error(read_emqx_topic(bad)), "bad_json") << bad;
    }
}

TEST(emqx, answers_say_allow_or_deny_and_nothing_else) {
    EXPECT_EQ(emqx_answer(true, 1'654'254'601), R"({"result":"allow","expire_at":1654254601})");
    EXPECT_EQ(emqx_answer(true), R"({"result":"allow"})");
    EXPECT_EQ(emqx_answer(false, 5), R"({"result":"deny"})");
}

TEST(vernemq, hooks_are_known_by_their_names) {
    EXPECT_EQ(vernemq_hook_from("auth_on_register")->what, vernemq_hook::kind::login);
    EXPECT_FALSE(vernemq_hook_from("auth_on_publish")->mqtt5);
    EXPECT_TRUE(vernemq_hook_from("auth_on_subscribe_m5")->mqtt5);
    for (const std::string other : {"", "_m5", "on_register", "auth_on_register_m5_m5", "auth_on_deliver"}) {
        EXPECT_FALSE(vernemq_hook_from(other)) << other;
    }
}

TEST(vernemq, logins_are_read) {
    const auto asked =
        got(read_vernemq_login(R"({"peer_addr":"127.0.0.1","peer_port":8888,"username":"u","password":"p","mountpoint":"",)"
                               R"("client_id":"dev-1","clean_session":false})"));
    EXPECT_EQ(asked.client, "dev-1");
    EXPECT_EQ(asked.user, "u");
    EXPECT_EQ(asked.password, "p");
    EXPECT_EQ(asked.common_name, std::nullopt) << "who shows a password is judged by that";
    EXPECT_EQ(got(read_vernemq_login(R"({"client_id":"a","username":"a","password":null})")).common_name, "a");
    EXPECT_EQ(got(read_vernemq_login(R"({"client_id":"a","username":null,"password":null})")).common_name, std::nullopt);
    EXPECT_EQ(name_of_error(read_vernemq_login(R"({"username":"a"})")), "bad_json");
}

TEST(vernemq, publications_and_subscriptions_are_read_and_answered) {
    const auto publish = *vernemq_hook_from("auth_on_publish");
    const auto said = got(read_vernemq_topics(
        R"({"username":"u","client_id":"c","mountpoint":"","qos":1,"topic":"a/b","payload":"aGVsbG8=","retain":true})", publish));
    EXPECT_THAT(said.topics, ElementsAre("a/b"));
    EXPECT_TRUE(said.retain);
    EXPECT_EQ(vernemq_publication(""), R"({"result":"ok"})");
    EXPECT_EQ(vernemq_publication("t"), R"({"result":"ok","modifiers":{"topic":"t","retain":false}})");

    const std::string body =
        R"({"client_id":"c","mountpoint":"","username":"u","topics":[{"topic":"a/b","qos":1},{"topic":"c/d","qos":2}]})";
    const auto subscribe = *vernemq_hook_from("auth_on_subscribe");
    EXPECT_THAT(got(read_vernemq_topics(body, subscribe)).topics, ElementsAre("a/b", "c/d"));
    EXPECT_EQ(vernemq_subscription(body, {true, true}, subscribe), R"({"result":"ok"})");
    EXPECT_EQ(vernemq_subscription(body, {false, false}, subscribe), R"({"result":{"error":"not_allowed"}})");
    EXPECT_EQ(vernemq_subscription(body, {true, false}, subscribe),
              R"({"result":"ok","topics":[{"topic":"a/b","qos":1},{"topic":"c/d","qos":128}]})");
    EXPECT_EQ(vernemq_subscription(body, {false, true}, *vernemq_hook_from("auth_on_subscribe_m5")),
              R"({"result":"ok","modifiers":{"topics":[{"topic":"a/b","qos":135},{"topic":"c/d","qos":2}]}})");
    EXPECT_EQ(vernemq_subscription("{}", {true, false}, subscribe), vernemq_refusal());
    for (const std::string bad :
         {R"({"client_id":"c"})", R"({"client_id":"c","topics":[]})", R"({"client_id":"c","topics":["t"]})",
          R"({"client_id":"c","topics":[{"qos":1}]})", R"({"topics":[{"topic":"t"}]})"}) {
        EXPECT_EQ(name_of_error(read_vernemq_topics(bad, subscribe)), "bad_json") << bad;
    }
    EXPECT_EQ(name_of_error(read_vernemq_topics(R"({"client_id":"c","topic":"t","retain":1})", publish)), "bad_json");
}

}  // namespace
}  // namespace berth::test
