// A broker's gate over the registry's file: who comes in, who may stay, and what is noted of them.
#include "gate.h"
#include "pki/issued_extras.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace registry;
using app::hub_gate;
using crypto::signature_algorithm;

class Gate : public testing::Test {
protected:
    Gate() : hub(got(store::sqlite_hub_store::open((directory.path() / "hub.db").string()))), statuses(*hub) {
        EXPECT_TRUE(hub->add_ca(ca));
        open();
    }
    void open() { gate = got(hub_gate::open(directory.path() / "hub.db", {}, time)); }
    identity add(const std::string& name, identity_settings settings = {}) {
        auto out = make_identity(got(parse_identity_name(name)), std::move(settings), random, time.now());
        EXPECT_EQ(name_of_error(hub->add(out)), "accepted");
        return out;
    }
    static pki::certificate leaf(const authority& by, const std::string& name, pki::validity v = usual) {
        return issue(by, pki::client_template("Test", name, v),
                     signature_key("of " + name, signature_algorithm::ecdsa_p256_sha256).public_key().spki());
    }
    std::string login(const char& session, const std::string& name, const std::vector<pki::certificate>& chain,
                      bool standing = false) {
        auto judged = gate->judge(chain);
        const auto answer = gate->login(&session, name, judged, std::nullopt, standing);
        return answer.in ? "in" : std::string(to_string(answer.refusal));
    }
    void ask_by_ocsp(bool required) {
        EXPECT_EQ(name_of_error(statuses.set_rule(ca, ocsp_rule{"http://x/", required, 60})), "accepted");
        EXPECT_TRUE(gate->look_again().empty());
    }
    // What berthd does with what the gate wishes.
    void say_good(const pki::certificate& of, unix_seconds until) {
        const certificate_id which{root.certificate.spki_sha256(), of.serial()};
        EXPECT_EQ(name_of_error(statuses.want({which, to_bytes(of.der()), of.not_after()}, time.now())), "accepted");
        const certificate_status good{pki::ocsp_state::good, 0, pki::revocation_reason::unspecified, time.now(), until};
        EXPECT_TRUE(statuses.learn(which, good, until));
    }

    temporary_directory directory;
    manual_clock time{test_now};
    named_random random{"gate"};
    authority root = make_root("Fleet", signature_algorithm::ecdsa_p256_sha256);
    registered_ca ca{"fleet", root.certificate, ca_state::verified, "", 0, test_now, test_now, 0, 1};
    std::unique_ptr<store::sqlite_hub_store> hub;
    store::certificate_statuses statuses;
    std::unique_ptr<hub_gate> gate;
    const char one = 1, other = 2;  // sessions
};

TEST_F(Gate, AResponderThatIsSilentEndsNoSessionThatStands) {
    add("dev1");
    ask_by_ocsp(true);
    const auto mine = leaf(root, "dev1");
    EXPECT_EQ(login(one, "dev1", {mine}), "revocation_unknown");
    say_good(mine, test_now + 60);
    EXPECT_EQ(login(one, "dev1", {mine}), "in");
    time.advance(61'000);
    // A broker that reads its configuration again asks about everybody.
    EXPECT_EQ(login(one, "dev1", {mine}, true), "in");
    EXPECT_TRUE(gate->is_here(&one));
    EXPECT_EQ(login(other, "dev1", {mine}, true), "revocation_unknown") << "that is no session of his";
    gate->left(&one);
    EXPECT_EQ(login(one, "dev1", {mine}, true), "revocation_unknown") << "nor that any longer";
}

TEST_F(Gate, WhoIsAskedAboutAgainHasNotComeAgain) {
    add("dev1");
    const auto mine = leaf(root, "dev1");
    EXPECT_EQ(login(one, "dev1", {mine}), "in");
    EXPECT_EQ(gate->take_arrivals().size(), 1U);
    EXPECT_EQ(gate->take_presences().size(), 1U);
    time.advance(3'600'000);
    EXPECT_EQ(login(one, "dev1", {mine}, true), "in");
    EXPECT_TRUE(gate->take_arrivals().empty());
    EXPECT_TRUE(gate->take_presences().empty());
    EXPECT_EQ(gate->sessions(), 1U);
    EXPECT_EQ(gate->devices_here(), 1U);
    // Nor has he stayed whose entry is another one now.
    const auto before = got(hub->find({"dev1", ""}));
    EXPECT_TRUE(hub->remove(*before, time.now()));
    add("dev1");
    EXPECT_EQ(login(one, "dev1", {mine}, true), "in");
    EXPECT_EQ(gate->take_arrivals().size(), 1U);
    EXPECT_EQ(gate->take_presences().size(), 1U);
    EXPECT_EQ(gate->devices_here(), 1U);
    gate->left(&one);
    EXPECT_EQ(gate->devices_here(), 0U);
}

// What a device sends along is its own to choose: it has no say in whom berthd asks about what.
TEST_F(Gate, TheCertificatesThatWereVerifiedAreAskedAbout) {
    add("dev1");
    ask_by_ocsp(false);
    const auto line = make_issuing_ca(root, "Line 1", signature_algorithm::ecdsa_p256_sha256);
    const auto own_root = make_root("Its own root", signature_algorithm::ecdsa_p256_sha256);
    // The same serial number is drawn once more.
    named_random again("ca " + root.certificate.subject() + "Line 1");
    (void)crypto::signing_key::generate(signature_algorithm::ecdsa_p256_sha256, again);
    const auto key = signature_key("its own", signature_algorithm::ecdsa_p256_sha256).public_key();
    const auto planted = value_of(
        pki::issue(pki::issuing_ca_template("Test", "Its own", usual), key.spki(), own_root.certificate, own_root.key, again));
    ASSERT_EQ(planted.serial(), line.certificate.serial());
    EXPECT_EQ(login(one, "dev1", {leaf(line, "dev1"), planted, line.certificate}), "in");
    const auto wishes = gate->take_wishes();
    ASSERT_EQ(wishes.size(), 1U) << "of the leaf's CA nobody asks";
    EXPECT_EQ(wishes.front().der, to_bytes(line.certificate.der()));
    EXPECT_EQ(wishes.front().ends, line.certificate.not_after());
    EXPECT_EQ(wishes.front().holder, "");
    EXPECT_EQ(login(one, "dev1", {leaf(root, "dev1")}), "in");
    EXPECT_EQ(gate->take_wishes().front().holder, "dev1");
}

// A broker that has its sessions to itself asks with nothing but a name.
TEST_F(Gate, WhoseCertificatesWereEndedHasNoTopicsUntilHeComesByAnother) {
    add("dev1");
    const auto allowed = [this](const std::string& name) {
        return gate->may_by_name(name, hub::direction::publish, "devices/" + name + "/messages/events/").allowed;
    };
    EXPECT_TRUE(hub->note_login({"dev1", ""}, {}, time.now()));
    EXPECT_TRUE(allowed("dev1"));
    EXPECT_TRUE(hub->raise_epoch({"dev1", ""}, time.now()));
    EXPECT_FALSE(allowed("dev1"));
    time.advance(1'000);
    EXPECT_FALSE(allowed("dev1"));
    EXPECT_TRUE(hub->note_login({"dev1", ""}, {}, time.now()));
    EXPECT_TRUE(allowed("dev1"));
}

TEST_F(Gate, WhereKeysAreSwitchedOffWhoHasOneHasNoTopics) {
    identity_settings by_key;
    by_key.login.way = login_way::shared_key;
    const auto take_keys = [this](bool yes) {
        auto settings = got(hub->settings());
        settings.device_sas = yes;
        EXPECT_TRUE(hub->set(settings));
    };
    take_keys(true);
    add("dev2", by_key);
    const auto allowed = [this] {
        return gate->may_by_name("dev2", hub::direction::publish, "devices/dev2/messages/events/").allowed;
    };
    EXPECT_TRUE(allowed());
    take_keys(false);
    EXPECT_FALSE(allowed());
}

TEST_F(Gate, KeepsNoChainsOfSessionsThatStand) {
    add("dev1");
    ask_by_ocsp(false);
    auto judged = gate->judge(std::vector{leaf(root, "dev1")});
    ASSERT_TRUE(judged.sent);
    EXPECT_TRUE(gate->login(&one, "dev1", judged).in);
    EXPECT_FALSE(judged.sent);
    EXPECT_FALSE(gate->take_wishes().front().der.empty()) << "berthd has it";
}

// A broker of a hundred thousand sessions writes each of them down: not all at once, and not for each change of the registry.
TEST_F(Gate, SaysOfEverybodyThatHeIsHereALittleAtATime) {
    add("dev1");
    ask_by_ocsp(false);
    const auto judged = gate->judge(std::vector{leaf(root, "dev1")});
    constexpr size_t many = 2 * hub_gate::wish_at_once + 500;
    const std::vector<char> sessions(many);
    for (const char& at : sessions) {
        auto chain = judged;
        EXPECT_TRUE(gate->login(&at, "dev1", chain).in);
    }
    EXPECT_EQ(gate->take_wishes().size(), many);
    ask_by_ocsp(true);
    EXPECT_TRUE(gate->take_wishes().empty()) << "everybody was judged again";
    time.advance(1'000 * hub_gate::wish_again);
    for (const size_t expected : {hub_gate::wish_at_once, hub_gate::wish_at_once, size_t{500}, size_t{0}}) {
        EXPECT_TRUE(gate->look_again().empty());
        EXPECT_TRUE(gate->look_again().empty());
        EXPECT_EQ(gate->take_wishes().size(), expected);
        time.advance(1'000);
    }
}

}  // namespace
}  // namespace berth::test
