// Who has signed, how many of them it takes, and what is refused besides.
#include "makers.h"

namespace berth::firmware {
namespace {

using test::maker;
using test::name_of;

TEST(FirmwareDocuments, ComeBackAsTheyWereWritten) {
    const maker by;
    auto m = maker::manifest();
    m.revisions = {"A", "B"};
    m.components[0].deltas = {{{std::string(64, 'b'), 9}, {std::string(64, 'c'), 2}}};
    m.dependencies = {{"modem", 3}};
    m.data = {true, 7};
    m.needs = {100, 40};
    const auto d = maker::sign(m, {by.alice, by.bob, by.bob_es});
    const auto again = document::read(d.text());
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->text(), d.text());
    const auto read = read_manifest(again->payload());
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(wire::to_text(to_json(*read)), wire::to_text(to_json(m)));
    const auto root = read_root(to_json(by.root()));
    ASSERT_TRUE(root) << root.error().message;
    EXPECT_EQ(wire::to_text(to_json(*root)), wire::to_text(to_json(by.root())));
    auto l = maker::list();
    l.releases = {{"Acme", "gw-1", "lab", 7, "1.7", {std::string(64, 'd'), 500}},
                  {"Acme", "gw-1", "", 6, "1.6", {std::string(64, 'e'), 500}}};
    const auto list = read_list(to_json(l));
    ASSERT_TRUE(list) << list.error().message;
    EXPECT_EQ(wire::to_text(to_json(*list)), wire::to_text(to_json(l)));
    EXPECT_EQ(list->newest("Acme", "gw-1", "lab")->seq, 7U);
    EXPECT_EQ(list->newest("Acme", "gw-1", "")->seq, 6U);
    EXPECT_EQ(list->newest("Acme", "gw-2", ""), nullptr);
}

TEST(FirmwareDocuments, AThresholdIsOfSignersAndNotOfSignatures) {
    const maker by;
    const auto root = by.trusted();
    const auto m = maker::manifest();
    EXPECT_TRUE(verify_manifest(root, maker::sign(m, {by.alice, by.bob, by.bob_es})));
    EXPECT_EQ(name_of(verify_manifest(root, maker::sign(m, {by.alice}))), "too_few_signers");
    // Twice the same key is one signature: the second takes the first one's place.
    EXPECT_EQ(name_of(verify_manifest(root, maker::sign(m, {by.alice, by.alice}))), "too_few_signers");
    // Whoever has two keys has signed with both, or not at all.
    EXPECT_EQ(name_of(verify_manifest(root, maker::sign(m, {by.alice, by.bob}))), "too_few_signers");
    EXPECT_EQ(name_of(verify_manifest(root, maker::sign(m, {by.alice, by.bob_es}))), "too_few_signers");
    EXPECT_EQ(name_of(verify_manifest(root, maker::sign(m, {by.alice, by.stranger}))), "too_few_signers");
    EXPECT_EQ(name_of(verify_manifest(root, maker::sign(m, {by.alice, by.online}))), "too_few_signers");
    EXPECT_EQ(name_of(verify_manifest(root, maker::sign(m, {}))), "too_few_signers");
    // Others' signatures are passed over.
    EXPECT_TRUE(verify_manifest(root, maker::sign(m, {by.stranger, by.alice, by.bob, by.bob_es})));
    // A text in which one key signs twice is none.
    auto d = maker::sign(m, {by.alice});
    auto text = wire::parse_json_object(d.text()).value();
    auto& signatures = text.at("signatures").as_array();
    signatures.push_back(wire::json::value(signatures[0]));
    EXPECT_EQ(name_of(document::read(wire::to_text(text))), "bad_document");
}

TEST(FirmwareDocuments, AWrongSignatureOfOneWhoCountsIsRefused) {
    const maker by;
    const auto root = by.trusted();
    const auto good = maker::sign(maker::manifest(7), {by.alice, by.bob, by.bob_es});
    const auto other = maker::sign(maker::manifest(8), {by.alice, by.bob, by.bob_es});
    auto text = wire::parse_json_object(good.text()).value();
    text["payload"] = wire::parse_json_object(other.text()).value().at("payload");
    const auto swapped = document::read(wire::to_text(text));
    ASSERT_TRUE(swapped);
    EXPECT_EQ(name_of(verify_manifest(root, *swapped)), "bad_signature");
    // A signature that the key made for something else.
    auto token = jose::sign(by.alice, as_bytes(wire::to_text(good.payload())), {{"typ", "report+jwt"}}).value();
    auto& first = text.at("signatures").as_array()[0].as_object();
    text["payload"] = wire::parse_json_object(good.text()).value().at("payload");
    first["protected"] = token.substr(0, token.find('.'));
    first["signature"] = token.substr(token.rfind('.') + 1);
    EXPECT_EQ(name_of(verify_manifest(root, document::read(wire::to_text(text)).value())), "wrong_type");
    // A document of another kind.
    EXPECT_EQ(name_of(verify_manifest(root, maker::sign(maker::list(), {by.alice, by.bob, by.bob_es}))), "wrong_document");
    EXPECT_EQ(name_of(verify_list(root, good, {}, 5000)), "wrong_document");
    EXPECT_EQ(name_of(trust_root(good)), "wrong_document");
}

TEST(FirmwareDocuments, RootsFollowOneAfterAnother) {
    const maker by;
    const auto first = by.trusted();
    EXPECT_EQ(name_of(trust_root(maker::sign(by.root(), {by.stranger}))), "too_few_signers");

    auto second = by.root(2);
    second.signers[0] = {"alice", {by.stranger.pub}};  // Alice has a new key
    second.root = {{"alice"}, 1};
    EXPECT_EQ(name_of(next_root(first, maker::sign(second, {by.stranger}))), "too_few_signers") << "the old ones have not signed";
    EXPECT_EQ(name_of(next_root(first, maker::sign(second, {by.alice}))), "too_few_signers") << "the new ones have not signed";
    const auto trusted = next_root(first, maker::sign(second, {by.alice, by.stranger}));
    ASSERT_TRUE(trusted) << trusted.error().message;
    EXPECT_EQ(trusted->content().version, 2U);

    EXPECT_EQ(name_of(next_root(first, maker::sign(by.root(3), {by.alice}))), "root_not_consecutive");
    EXPECT_EQ(name_of(next_root(first, maker::sign(by.root(1), {by.alice}))), "root_not_consecutive");
    EXPECT_EQ(name_of(next_root(*trusted, maker::sign(by.root(3), {by.alice}))), "too_few_signers") << "Alice's old key";
    auto other = by.root(2);
    other.repository = "other";
    EXPECT_EQ(name_of(next_root(first, maker::sign(other, {by.alice}))), "wrong_repository");
    EXPECT_EQ(name_of(check_time("root", 100, 100)), "root_expired");
    EXPECT_TRUE(check_time("root", 100, 99));
    EXPECT_TRUE(check_time("root", 100, 0)) << "no clock";
}

TEST(FirmwareDocuments, RootsThatAreNone) {
    const maker by;
    const auto refused = [](const root_content& r, std::string_view why) {
        const auto read = read_root(to_json(r));
        EXPECT_EQ(name_of(read), "bad_document") << why;
        return read ? "" : read.error().message;
    };
    auto r = by.root();
    r.signers.push_back({"eve", {by.alice.pub}});
    EXPECT_NE(refused(r, "a key of two signers").find("twice"), std::string::npos);
    r = by.root();
    r.release.threshold = 3;
    refused(r, "a threshold that nobody reaches");
    r.release.threshold = 0;
    refused(r, "a threshold of nobody");
    r = by.root();
    r.list.signers = {"online", "online"};
    refused(r, "somebody twice");
    r.list.signers = {"nobody"};
    refused(r, "somebody that there is not");
    r = by.root();
    r.signers[1].keys = {by.bob_es.pub};
    refused(r, "no post-quantum key");
    r.signers[1].keys = {by.bob_es.pub, by.bob.pub};
    refused(r, "in the wrong order");
    r.signers[1].keys = {by.bob.pub, by.stranger.pub};
    refused(r, "two of one kind");
    r = by.root();
    r.expires = r.issued;
    refused(r, "no life");
    auto payload = to_json(by.root());
    payload["schema"] = 2;
    EXPECT_EQ(name_of(read_root(payload)), "unsupported_schema");
    payload = to_json(by.root());
    payload["delegations"] = "new";
    EXPECT_EQ(name_of(read_root(payload)), "unknown_member");
}

TEST(FirmwareDocuments, AListIsNeitherOldNorTwoThings) {
    const maker by;
    const auto root = by.trusted();
    const auto list = [&](uint64_t version) { return maker::sign(maker::list(version), {by.online}); };
    const auto third = verify_list(root, list(3), {}, 5000);
    ASSERT_TRUE(third) << third.error().message;
    const auto seen = third->as_seen();
    EXPECT_TRUE(verify_list(root, list(3), seen, 5000));
    EXPECT_TRUE(verify_list(root, list(4), seen, 5000));
    EXPECT_EQ(name_of(verify_list(root, list(2), seen, 5000)), "list_rollback");
    auto other = maker::list(3);
    other.expires += 1;
    EXPECT_EQ(name_of(verify_list(root, maker::sign(other, {by.online}), seen, 5000)), "list_changed");
    EXPECT_EQ(name_of(verify_list(root, list(4), seen, 10'000)), "list_expired");
    EXPECT_TRUE(verify_list(root, list(4), seen, 0)) << "no clock";
    EXPECT_EQ(name_of(verify_list(root, maker::sign(maker::list(4), {by.alice}), seen, 5000)), "too_few_signers");
    auto ahead = maker::list(4);
    ahead.root = 2;
    EXPECT_EQ(name_of(verify_list(root, maker::sign(ahead, {by.online}), seen, 5000)), "root_missing");
    auto foreign = maker::list(4);
    foreign.repository = "other";
    EXPECT_EQ(name_of(verify_list(root, maker::sign(foreign, {by.online}), seen, 5000)), "wrong_repository");

    // Whoever had the list's key has counted up to the sky: with another key it begins anew.
    auto next = by.root(2);
    next.signers[2] = {"online", {by.stranger.pub}};
    const auto rotated = next_root(root, maker::sign(next, {by.alice})).value();
    auto sky = seen;
    sky.list_version = most_document;
    EXPECT_TRUE(verify_list(rotated, maker::sign(maker::list(1), {by.stranger}), sky, 5000));
    EXPECT_EQ(name_of(verify_list(root, list(4), sky, 5000)), "list_rollback");
}

TEST(FirmwareDocuments, AManifestIsTheOneThatIsListed) {
    const maker by;
    const auto m = verify_manifest(by.trusted(), maker::sign(maker::manifest(7), {by.alice, by.bob, by.bob_es})).value();
    release r{"Acme", "gw-1", "", 7, "1.7", {}};
    EXPECT_TRUE(check_listed(m, r));
    r.seq = 8;
    EXPECT_EQ(name_of(check_listed(m, r)), "mixed_documents");
    r = {"Acme", "gw-2", "", 7, "1.7", {}};
    EXPECT_EQ(name_of(check_listed(m, r)), "mixed_documents");
}

TEST(FirmwareDocuments, WhatADeviceMayHave) {
    const maker by;
    const auto verified = [&](const manifest& m) {
        return verify_manifest(by.trusted(), maker::sign(m, {by.alice, by.bob, by.bob_es})).value();
    };
    const auto seventh = verified(maker::manifest(7));
    device_facts device;
    device.vendor = "Acme";
    device.device_class = "gw-1";
    device.installed_seq = 6;
    EXPECT_TRUE(acceptable(seventh, device));
    const auto refused = [&](const auto& change, const verified_manifest& m) {
        auto d = device;
        change(d);
        return name_of(acceptable(m, d));
    };
    EXPECT_EQ(refused([](auto& d) { d.vendor = "Other"; }, seventh), "wrong_device");
    EXPECT_EQ(refused([](auto& d) { d.device_class = "gw-2"; }, seventh), "wrong_device");
    EXPECT_EQ(refused([](auto& d) { d.installed_seq = 7; }, seventh), "up_to_date");
    EXPECT_EQ(refused([](auto& d) { d.installed_seq = 8; }, seventh), "rollback");
    EXPECT_EQ(refused([](auto& d) { d.security_counter = 1; }, seventh), "security_rollback");
    EXPECT_EQ(refused([](auto& d) { d.returned = {7}; }, seventh), "has_returned");
    EXPECT_EQ(refused([](auto& d) { d.returned = {7}, d.again = true; }, seventh), "accepted");
    EXPECT_EQ(refused([](auto& d) { d.free_space = 4; }, seventh), "no_space");
    EXPECT_EQ(refused([](auto& d) { d.free_space = 5; }, seventh), "accepted");
    auto m = maker::manifest(7);
    m.min_seq = 6;
    m.revisions = {"B"};
    m.needs = {10, 40};
    m.dependencies = {{"modem", 3}};
    const auto wants_more = verified(m);
    EXPECT_EQ(refused([](auto&) {}, wants_more), "wrong_device");
    device.revision = "B";
    EXPECT_EQ(refused([](auto& d) { d.installed_seq = 5; }, wants_more), "too_old");
    EXPECT_EQ(refused([](auto&) {}, wants_more), "dependency_missing");
    device.others["modem"] = 2;
    EXPECT_EQ(refused([](auto&) {}, wants_more), "dependency_missing");
    device.others["modem"] = 3;
    EXPECT_EQ(refused([](auto&) {}, wants_more), "accepted");
    EXPECT_EQ(refused([](auto& d) { d.battery_percent = 39; }, wants_more), "battery_low");
    EXPECT_EQ(refused([](auto& d) { d.free_space = 14; }, wants_more), "no_space");
}

TEST(FirmwareDocuments, ManifestsThatAreNone) {
    const auto refused = [](const auto& change) {
        auto payload = to_json(maker::manifest());
        change(payload);
        return name_of(read_manifest(payload));
    };
    EXPECT_EQ(refused([](auto&) {}), "accepted");
    EXPECT_EQ(refused([](auto& p) { p["seq"] = 0; }), "bad_document");
    EXPECT_EQ(refused([](auto& p) { p["seq"] = -1; }), "bad_document");
    EXPECT_EQ(refused([](auto& p) { p["seq"] = 1.5; }), "bad_document");
    EXPECT_EQ(refused([](auto& p) { p["seq"] = (int64_t{1} << 53) + 1; }), "bad_document");
    EXPECT_EQ(refused([](auto& p) { p["min_seq"] = 7; }), "bad_document");
    EXPECT_EQ(refused([](auto& p) { p["class"] = "../../etc"; }), "bad_document");
    EXPECT_EQ(refused([](auto& p) { p["components"] = wire::json::array(); }), "bad_document");
    EXPECT_EQ(refused([](auto& p) { p["components"].as_array().push_back(p["components"].as_array()[0]); }), "bad_document");
    EXPECT_EQ(refused([](auto& p) { p["components"].as_array()[0].as_object()["id"] = "a/b"; }), "bad_document");
    EXPECT_EQ(refused([](auto& p) { p["components"].as_array()[0].as_object()["digest"] = "AA"; }), "bad_document");
    EXPECT_EQ(refused([](auto& p) { p["components"].as_array()[0].as_object()["size"] = 0; }), "bad_document");
    EXPECT_EQ(refused([](auto& p) { p["components"].as_array()[0].as_object()["encrypted"] = true; }), "unknown_member");
    EXPECT_EQ(refused([](auto& p) { p.erase("vendor"); }), "bad_document");
    EXPECT_EQ(refused([](auto& p) { p["schema"] = 2; }), "unsupported_schema");
}

}  // namespace
}  // namespace berth::firmware
