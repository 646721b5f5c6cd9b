#include "pki/crl_scope.h"

#include "pki/issued_extras.h"
#include "support/test_pki.h"

namespace berth::pki {

namespace {

using test::day;
using test::name_of_error;
using test::test_now;
using test::value_of;

constexpr auto p256 = crypto::signature_algorithm::ecdsa_p256_sha256;
const std::string here = "http://ca.example/1.crl";
const std::string elsewhere = "http://ca.example/2.crl";

const test::authority& root() {
    static const test::authority r = test::make_root("scopes", p256);
    return r;
}

certificate leaf(const std::vector<std::string>& points) {
    test::named_random random("leaf of " + (points.empty() ? "no point" : points.front()));
    issued_extras extras;
    extras.crl_urls = points;
    return value_of(issue(client_template("Test", "leaf", test::usual), extras, test::signature_key("scoped").public_key().spki(),
                          root().certificate, root().key, random));
}

crl list(uint64_t number, std::vector<revoked_entry> revoked, const crl_scope& scope = {}, unix_seconds from = test_now - 60) {
    return value_of(issue_crl({number, from, test_now + day, std::move(revoked)}, scope, root().certificate, root().key));
}
revoked_entry entry(const certificate& c, revocation_reason reason = revocation_reason::superseded) {
    return {c.serial(), test_now - 100, reason};
}

std::string judge(const certificate& c, std::vector<crl> lists, crl_policy policy = crl_policy::always) {
    verify_options options = test::now_as(leaf_rule::signature);
    options.revocation = policy;
    const auto store = trust_store::build({{root().certificate}, {}, std::move(lists)});
    return store ? name_of_error(verify_chain(*store, std::vector{c}, options)) : store.error().name;
}

TEST(CrlScope, SurvivesItsEncoding) {
    const crl_scope scope{{here, elsewhere}, 7, {"http://ca.example/delta"}};
    EXPECT_EQ(scope_of(list(9, {}, scope)), scope);
    EXPECT_EQ(scope_of(list(9, {})), crl_scope{});
    EXPECT_EQ(name_of_error(issue_crl({9, test_now, test_now, {}}, {{}, 9}, root().certificate, root().key)), "bad_template");
    EXPECT_EQ(name_of_error(issue_crl({9, test_now, test_now, {}}, {{"no address"}, {}}, root().certificate, root().key)),
              "bad_template");
}

TEST(CrlScope, AListOfAPointSpeaksOfThoseThatNameIt) {
    const certificate first = leaf({here}), second = leaf({elsewhere}), both = leaf({elsewhere, here}), none = leaf({});
    const crl of_here = list(1, {entry(first), entry(second), entry(both), entry(none)}, {{here}, {}});
    EXPECT_EQ(judge(first, {of_here}), "certificate_revoked");
    EXPECT_EQ(judge(both, {of_here}), "certificate_revoked");
    EXPECT_EQ(judge(second, {of_here}), "crl_missing") << "a list of another point says nothing of it";
    EXPECT_EQ(judge(none, {of_here}), "crl_missing");
    const crl of_elsewhere = list(1, {}, {{elsewhere}, {}});
    EXPECT_EQ(judge(first, {of_elsewhere, of_here}), "certificate_revoked");
    EXPECT_EQ(judge(second, {of_here, of_elsewhere}), "accepted");
    // Numbers of one scope tell nothing of another's: whoever is on a list is revoked.
    EXPECT_EQ(judge(first, {of_here, list(1000, {})}), "certificate_revoked");
    EXPECT_EQ(judge(first, {list(1000, {}), of_here}), "certificate_revoked");
    EXPECT_EQ(judge(second, {of_here, list(1000, {entry(second)})}), "certificate_revoked");
    EXPECT_EQ(judge(second, {of_elsewhere, list(1000, {})}), "accepted");
    EXPECT_EQ(judge(first, {list(1, {entry(first)}, {{here}, {}}), list(1, {}, {{here}, {}})}), "duplicate_crl");
}

TEST(CrlScope, DeltasAddAndTakeBack) {
    const certificate held = leaf({}), fresh = leaf({here});
    const crl complete = list(5, {entry(held, revocation_reason::certificate_hold)});
    EXPECT_EQ(judge(held, {complete}), "certificate_revoked");
    const crl delta = list(7, {entry(held, remove_from_crl), entry(fresh)}, {{}, 5});
    EXPECT_EQ(judge(held, {complete, delta}), "accepted");
    EXPECT_EQ(judge(fresh, {complete, delta}), "certificate_revoked");
    // Of two deltas the newer counts.
    EXPECT_EQ(judge(fresh, {complete, delta, list(8, {}, {{}, 5})}), "accepted");
}

TEST(CrlScope, DeltasThatDoNotFitAreNone) {
    const certificate c = leaf({});
    const auto adds = std::vector{entry(c)};
    const crl complete = list(5, {});
    EXPECT_EQ(judge(c, {complete, list(7, adds, {{}, 5})}), "certificate_revoked");
    EXPECT_EQ(judge(c, {complete, list(7, adds, {{}, 6})}), "accepted") << "begins after the list that is there";
    EXPECT_EQ(judge(c, {complete, list(5, adds, {{}, 3})}), "accepted") << "not newer";
    EXPECT_EQ(judge(c, {complete, list(7, adds, {{here}, 5})}), "accepted") << "of another scope";
    EXPECT_EQ(judge(c, {complete, list(7, adds, {{}, 5}, test_now + 3600)}), "accepted") << "of the future";
    EXPECT_EQ(judge(c, {list(7, adds, {{}, 5})}), "crl_missing");
    EXPECT_EQ(judge(c, {list(7, adds, {{}, 5})}, crl_policy::if_present), "accepted");
    // Signed by somebody else who has the name.
    test::named_random random("impostor");
    const auto key = crypto::signing_key::generate(p256, random);
    const auto impostor = value_of(issue_self_signed(root_template("Test", "scopes", test::usual), key, random));
    const crl forged =
        value_of(issue_crl({9, test_now - 60, test_now + day, {entry(c, remove_from_crl)}}, {{}, 5}, impostor, key));
    EXPECT_EQ(judge(c, {list(5, adds), forged}), "certificate_revoked");
}

}  // namespace

}  // namespace berth::pki
