// What the gate keeps of a session to judge its telemetry by: it is what the policy of now says, and may() says the same.
#include "gate.h"
#include "pki/issued_extras.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace registry;
using app::hub_gate;

class Telemetry : public testing::Test {
protected:
    // As another process does.
    identity add(const std::string& name, const std::string& group = "") {
        identity_settings settings;
        settings.login = {login_way::thumbprint, leaf(name).sha256(), std::nullopt};
        settings.group = group;
        auto out = make_identity(got(parse_identity_name(name)), settings, random, test_now);
        EXPECT_EQ(name_of_error(store->add(out)), "accepted");
        return out;
    }
    const pki::certificate& leaf(const std::string& name) {
        auto found = leaves.find(name);
        if (found == leaves.end()) {
            const auto contents = pki::client_template("Test", name, usual);
            found = leaves.emplace(name, issue(root(), contents, signature_key("of " + name).public_key().spki())).first;
        }
        return found->second;
    }
    static const authority& root() {
        static const authority out = make_root("Fleet");
        return out;
    }
    void policy(const std::string& group, operation_set allowed) {
        EXPECT_EQ(name_of_error(store->set_policy({group, allowed, {}, {}})), "accepted");
    }
    void let_in(hub_gate::handle at, const std::string& name) {
        auto chain = gate->judge(std::vector{leaf(name)});
        const auto answer = gate->login(at, name, chain);
        EXPECT_TRUE(answer.in) << name << ": " << answer.why;
    }
    static operation_set all_but_telemetry() {
        auto out = operation_set::none();
        out.add(operation::twin);
        return out;
    }
    // Whoever may not by this alone is not asked about by it: never more than may() says.
    bool may_tell(hub_gate::handle at, const std::string& topic) {
        const bool out = gate->may_tell(at, topic);
        const auto judged = gate->may(at, hub::direction::publish, topic);
        EXPECT_TRUE(!out || (judged.allowed && judged.door == operation::telemetry)) << topic;
        return out;
    }

    const int one = 0, other = 0;
    const std::string own = "devices/dev1/messages/events/";
    std::map<std::string, pki::certificate> leaves;
    temporary_directory directory;
    named_random random{"telemetry"};
    manual_clock time{test_now};
    const std::filesystem::path file = directory.path() / "hub.db";
    std::unique_ptr<store::sqlite_hub_store> store = got(store::sqlite_hub_store::open(file.string()));
    std::unique_ptr<hub_gate> gate = got(hub_gate::open(file, {}, time));
};

TEST_F(Telemetry, IsToItsOwnTopicAlone) {
    add("dev1");
    add("dev1/mod1");
    EXPECT_FALSE(may_tell(&one, own)) << "nobody is there";
    let_in(&one, "dev1");
    for (const auto* const bag : {"", "a=b", "$.ct=application%2Fjson&$.ce=utf-8"}) {
        EXPECT_TRUE(may_tell(&one, own + bag)) << bag;
    }
    for (const auto* const topic :
         {"", "devices/dev2/messages/events/", "devices/dev1/messages/events", "devices/dev1/messages/events/a/b",
          "devices/dev1/messages/events/+", "devices/dev1/messages/events/a#", "devices/dev10/messages/events/",
          "devices/dev1/modules/mod1/messages/events/", "$iothub/twin/GET/?$rid=1", "devices/dev1/messages/devicebound/"}) {
        EXPECT_FALSE(may_tell(&one, topic)) << topic;
    }
    EXPECT_TRUE(may_tell(&one, own + std::string(hub::most_topic - own.size(), 'x')));
    EXPECT_FALSE(may_tell(&one, own + std::string(hub::most_topic - own.size() + 1, 'x')));
    let_in(&other, "dev1/mod1");
    EXPECT_TRUE(may_tell(&other, "devices/dev1/modules/mod1/messages/events/"));
    EXPECT_FALSE(may_tell(&other, own));
}

TEST_F(Telemetry, EndsAndBeginsWithThePolicy) {
    add("dev1", "meters");
    let_in(&one, "dev1");
    EXPECT_TRUE(may_tell(&one, own));
    policy("meters", all_but_telemetry());
    EXPECT_TRUE(gate->look_again().empty());
    EXPECT_FALSE(may_tell(&one, own));
    let_in(&other, "dev1");
    EXPECT_FALSE(may_tell(&other, own)) << "who comes later, too";
    policy("meters", operation_set::all());
    EXPECT_TRUE(gate->look_again().empty());
    EXPECT_TRUE(may_tell(&one, own));
    EXPECT_TRUE(may_tell(&other, own));
    EXPECT_TRUE(got(store->remove_policy("meters")));
    policy("default", all_but_telemetry());
    EXPECT_TRUE(gate->look_again().empty());
    EXPECT_FALSE(may_tell(&one, own)) << "a group without a policy has the default one's";
}

TEST_F(Telemetry, EndsAndBeginsWithTheGroup) {
    policy("quiet", all_but_telemetry());
    EXPECT_TRUE(gate->look_again().empty());
    const auto before = add("dev1");
    let_in(&one, "dev1");
    EXPECT_TRUE(may_tell(&one, own));
    auto settings = before.settings;
    settings.group = "quiet";
    const auto quiet = got(store->change(before, settings, test_now));
    EXPECT_TRUE(gate->look_again().empty());
    EXPECT_FALSE(may_tell(&one, own));
    EXPECT_TRUE(store->change(quiet, before.settings, test_now));
    EXPECT_TRUE(gate->look_again().empty());
    EXPECT_TRUE(may_tell(&one, own));
}

TEST_F(Telemetry, EndsWithTheSession) {
    const auto dev1 = add("dev1");
    add("dev2");
    let_in(&one, "dev1");
    auto settings = dev1.settings;
    settings.enabled = false;
    EXPECT_TRUE(store->change(dev1, settings, test_now));
    ASSERT_EQ(gate->look_again().size(), 1U);
    EXPECT_FALSE(may_tell(&one, own)) << "it is told to go, and is not gone yet";
    gate->left(&one);
    EXPECT_FALSE(may_tell(&one, own));
    let_in(&one, "dev2");
    EXPECT_FALSE(may_tell(&one, own)) << "another comes under the same handle";
    EXPECT_TRUE(may_tell(&one, "devices/dev2/messages/events/"));
    gate->left(&one);
    EXPECT_FALSE(may_tell(&one, "devices/dev2/messages/events/")) << "a Will is for may() to judge";
    EXPECT_TRUE(gate->may(&one, hub::direction::publish, "devices/dev2/messages/events/").allowed);
}

}  // namespace
}  // namespace berth::test
