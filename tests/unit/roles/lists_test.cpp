// Which revocation lists a role takes, at start and in the place of others; and the watch over their files.
#include "roles/lists.h"

#include "common/files.h"
#include "pki/crl_scope.h"
#include "roles/list_watch.h"
#include "support.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class RoleLists : public testing::Test {
protected:
    RoleLists() {
        EXPECT_TRUE(app::factory_init(at("acme"), {"Acme", p256}, time, crypto::system_random()));
        EXPECT_TRUE(app::factory_init(at("other"), {"Acme", p256}, time, crypto::system_random())) << "of the same name";
        maker.root = at("acme/z1.pem");
        maker.issuers = {at("acme/idevid-ca.pem")};
        maker.crls = {at("l.crl")};
    }
    [[nodiscard]] fs::path at(const std::string& name) const { return directory.path() / name; }
    void write(const std::string& factory, const char* ca, uint64_t number, const char* file = "l.crl",
               const pki::crl_scope& scope = {}) {
        const auto issuer = got(app::open_authority(at(factory), ca));
        const auto list = got(pki::issue_crl({number, time.now() - 60, time.now() + 3600, {}}, scope, issuer.certificate(),
                                             issuer.key->as_signing_key()));
        ASSERT_TRUE(app::write_text(at(file), list.to_pem()));
    }
    [[nodiscard]] result<app::role_lists> of_maker() const {
        auto read = app::read_maker_lists(maker, got(app::read_certificate(maker.root)));
        return read ? result<app::role_lists>(std::move(read->all)) : fail(read.error());
    }
    static void expect(const result<void>& judged, const std::string& name) {
        ASSERT_FALSE(judged) << name;
        EXPECT_EQ(judged.error().name, name) << judged.error().message;
        EXPECT_EQ(judged.error().category, error_category::usage);
        EXPECT_THAT(judged.error().message, testing::HasSubstr("l.crl"));
    }

    static constexpr auto p256 = crypto::signature_algorithm::ecdsa_p256_sha256;
    temporary_directory directory;
    manual_clock time{1'800'000'000};
    app::maker_config maker;
};

TEST_F(RoleLists, AreOfCasThatTheConfigurationNames) {
    app::masa_config masa;
    masa.device_crls = maker.crls;
    const auto roots = got(app::read_chain(maker.root));
    const auto issuers = got(app::read_certificates({at("acme/idevid-ca.pem")}));
    for (const char* ca : {"z1", "idevid-ca"}) {
        write("acme", ca, 1);
        EXPECT_TRUE(of_maker()) << ca;
        EXPECT_TRUE(app::read_masa_lists(masa, roots, issuers)) << ca;
        write("other", ca, 1);
        const auto by_name_alone = of_maker();
        ASSERT_FALSE(by_name_alone) << ca;
        expect(fail(by_name_alone.error()), "unknown_crl_issuer");
        const auto of_masa = app::read_masa_lists(masa, roots, issuers);
        ASSERT_FALSE(of_masa) << ca;
        EXPECT_EQ(of_masa.error().name, "unknown_crl_issuer");
        EXPECT_THAT(of_masa.error().message, testing::HasSubstr("device_issuers"));
    }
    write("acme", "idevid-ca", 1);
    maker.issuers.clear();
    EXPECT_EQ(of_maker().error().name, "unknown_crl_issuer") << "nobody says whose it is";
}

TEST_F(RoleLists, AreFollowedByNewerOnesOfTheSameCas) {
    write("acme", "idevid-ca", 5);
    const auto former = got(of_maker());
    EXPECT_TRUE(app::must_follow(former, former));
    write("acme", "idevid-ca", 6);
    EXPECT_TRUE(app::must_follow(former, got(of_maker())));
    write("acme", "idevid-ca", 4);
    const auto older = app::must_follow(former, got(of_maker()));
    expect(older, "crl_older");
    EXPECT_THAT(older.error().message, testing::HasSubstr("restart berthd"));
    write("acme", "z1", 9);
    expect(app::must_follow(former, got(of_maker())), "crl_missing");
    maker.crls.clear();
    expect(app::must_follow(former, got(of_maker())), "crl_missing");
}

// Devices bring their CA's certificate: it vouches for them as long as its root is there, whether it is named or not.
TEST_F(RoleLists, AreNeededAsLongAsTheRootIsThere) {
    write("acme", "idevid-ca", 5);
    const auto former = got(of_maker());
    maker.issuers.clear();
    maker.crls.clear();
    expect(app::must_follow(former, got(of_maker())), "crl_missing");
    fs::copy_file(at("acme/z1.pem"), at("acme.pem"));
    maker.root = at("acme.pem");
    expect(app::must_follow(former, got(of_maker())), "crl_missing");
    maker.root = at("other/z1.pem");
    EXPECT_TRUE(app::must_follow(former, got(of_maker())));
}

TEST_F(RoleLists, OfTheMasaAreNeededAsLongAsTheirRootIsThere) {
    app::masa_config masa;
    masa.device_crls = {at("l.crl")};
    const auto acme = got(app::read_certificate(at("acme/z1.pem")));
    const auto other = got(app::read_certificate(at("other/z1.pem")));
    const auto issuer = got(app::read_certificate(at("acme/idevid-ca.pem")));
    write("acme", "idevid-ca", 5);
    const auto former = got(app::read_masa_lists(masa, {acme, other}, {issuer})).all;
    masa.device_crls.clear();
    expect(app::must_follow(former, got(app::read_masa_lists(masa, {acme, other}, {})).all), "crl_missing");
    EXPECT_TRUE(app::must_follow(former, got(app::read_masa_lists(masa, {other}, {})).all));
}

// openssl ca makes them so, unless told otherwise.
TEST_F(RoleLists, WithoutNumbersAreFollowedByThoseOfLaterDates) {
    const auto now = time.now();
    for (const uint64_t number : {0, 5}) {
        time.set(now);
        write("acme", "idevid-ca", number);
        const auto former = got(of_maker());
        time.set(now - 1'000);
        write("acme", "idevid-ca", number);
        expect(app::must_follow(former, got(of_maker())), "crl_older");
        time.set(now + 1'000);
        write("acme", "idevid-ca", number);
        EXPECT_TRUE(app::must_follow(former, got(of_maker())));
    }
}

TEST_F(RoleLists, OfRegistrarsCasThatShareANameAreToldApart) {
    app::masa_config masa;
    masa.registrar_crls = {at("l.crl"), at("m.crl")};
    const auto read = [&] { return got(app::read_masa_lists(masa, {}, {})).all; };
    write("acme", "idevid-ca", 5);
    write("other", "idevid-ca", 100, "m.crl");
    const auto former = read();
    EXPECT_EQ(former.in_force.size(), 2u);
    EXPECT_TRUE(app::must_follow(former, read()));
    write("other", "z1", 7);
    expect(app::must_follow(former, read()), "crl_missing");
    write("acme", "idevid-ca", 4);
    expect(app::must_follow(former, read()), "crl_older");
    write("acme", "idevid-ca", 6);
    EXPECT_TRUE(app::must_follow(former, read()));
    masa.registrar_crls = {at("m.crl")};
    expect(app::must_follow(former, read()), "crl_missing");
}

// A list that was refused because of something else is not forgotten, and told of once.
TEST_F(RoleLists, AreTriedAgainAfterAWhile) {
    net::loop loop;
    int taken = 0;
    bool good = false;
    app::list_watch watch(
        loop, time,
        [&]() -> result<void> {
            ++taken;
            if (!good) {
                return fail(error_category::usage, "unsafe_permissions", "z5.key may be read by others");
            }
            watch.were_read(app::list_watch::look_at(maker.crls), got(of_maker()));
            return {};
        },
        20);
    const auto run_for = [&](milliseconds real) {
        net::timer enough(loop);
        enough.arm(real, [&] { loop.stop(); });
        loop.run();
        loop.restart();
    };
    testing::internal::CaptureStderr();
    write("acme", "idevid-ca", 1);
    watch.were_read(app::list_watch::look_at(maker.crls), got(of_maker()));
    run_for(100);
    EXPECT_EQ(taken, 0);
    write("acme", "idevid-ca", 2);
    run_for(200);
    EXPECT_EQ(taken, 1) << "not at every look";
    time.advance(30'000);
    run_for(100);
    EXPECT_EQ(taken, 2);
    good = true;
    time.advance(30'000);
    run_for(200);
    EXPECT_EQ(taken, 3) << "and then no more";
    const std::string said = testing::internal::GetCapturedStderr();
    const auto times = [&](const std::string& event) {
        size_t out = 0;
        for (size_t at = 0; (at = said.find(event, at)) != std::string::npos; ++at) {
            ++out;
        }
        return out;
    };
    EXPECT_EQ(times("lists_refused"), 1u) << said;
    EXPECT_EQ(times("lists_read"), 1u) << said;
}

// Lists of distribution points stand beside each other, and a delta takes no complete list's place.
TEST_F(RoleLists, FollowTheirOwnScopeOnly) {
    const pki::crl_scope first{{"http://a/1.crl"}, {}}, second{{"http://a/2.crl"}, {}};
    maker.crls = {at("l.crl"), at("2.crl")};
    write("acme", "idevid-ca", 9, "l.crl", first);
    write("acme", "idevid-ca", 3, "2.crl", second);
    const auto points = got(of_maker());
    ASSERT_EQ(points.in_force.size(), 2U);
    EXPECT_TRUE(app::must_follow(points, points));
    write("acme", "idevid-ca", 10, "2.crl", first);
    EXPECT_EQ(app::must_follow(points, got(of_maker())).error().name, "crl_missing") << "nobody speaks for the second point";
    write("acme", "idevid-ca", 2, "2.crl", second);
    EXPECT_EQ(app::must_follow(points, got(of_maker())).error().name, "crl_older");

    write("acme", "idevid-ca", 5);
    write("acme", "idevid-ca", 6, "2.crl", {{}, 5});
    const auto with_delta = got(of_maker());
    ASSERT_EQ(with_delta.in_force.size(), 2U);
    write("acme", "idevid-ca", 7, "l.crl", {{}, 5});
    EXPECT_EQ(app::must_follow(with_delta, got(of_maker())).error().name, "crl_missing") << "deltas alone";
    maker.crls = {at("l.crl")};
    write("acme", "idevid-ca", 5);
    EXPECT_EQ(app::must_follow(with_delta, got(of_maker())).error().name, "crl_older") << "what the delta told is gone";
    write("acme", "idevid-ca", 6);
    EXPECT_TRUE(app::must_follow(with_delta, got(of_maker()))) << "a complete list that knows what the delta told";
}

}  // namespace
}  // namespace berth::test
