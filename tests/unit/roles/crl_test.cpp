// The customer's list of revoked certificates, as the embedded CA publishes it.
#include "support.h"

#include "common/files.h"
#include "store/sqlite/database.h"
#include "support/authkem_clients.h"

#include <thread>

namespace berth::test {
namespace {

namespace fs = std::filesystem;
using namespace onboarding;

constexpr milliseconds second = 1'000;

class Crl : public roles_here {
protected:
    Crl() : file(birch.directory / "registrar" / "ca.crl"), d(p.make_device("SN-1", "Birch")) {}

    [[nodiscard]] pki::crl published() const { return got(app::read_crls({file})).front(); }
    [[nodiscard]] bool is_published() const { return fs::exists(file); }
    // Several looks of the registrar's.
    void look() { run_for(700); }
    // The serials of all certificates that this device was ever given.
    [[nodiscard]] std::set<bytes> issued(const device_party& to) const {
        std::set<bytes> out;
        for (const auto& c : got(birch.store->certificates_of(to.identity))) {
            out.insert(got(pki::certificate::parse(c.chain.front())).serial());
        }
        return out;
    }
    [[nodiscard]] std::set<bytes> listed() const {
        std::set<bytes> out;
        const auto list = published();
        for (const auto& entry : list.revoked()) {
            EXPECT_EQ(entry.reason, pki::revocation_reason::privilege_withdrawn);
            out.insert(entry.serial);
        }
        return out;
    }
    void expect_lists_all_of(const device_party& of) {
        ASSERT_EQ(issued(of).size(), 3u);
        EXPECT_TRUE(eventually([&] { return listed() == issued(of); })) << listed().size();
        EXPECT_TRUE(published().check_signature(got(app::read_certificate(birch.directory / "ca" / "ca.pem"))));
    }
    // What the registrar logs meanwhile.
    template <class F>
    static size_t not_published_during(F&& work) {
        testing::internal::CaptureStderr();
        work();
        const std::string said = testing::internal::GetCapturedStderr();
        size_t out = 0;
        for (size_t at = 0; (at = said.find("crl_not_published", at)) != std::string::npos; ++at) {
            ++out;
        }
        return out;
    }

    fs::path file;
    device_party d;
};

TEST_F(Crl, ListsWhatADeviceCouldNotInstall) {
    start_registrar();
    ASSERT_TRUE(eventually([&] { return is_published(); }));
    device_peer& device = granted(d);
    look();
    EXPECT_TRUE(listed().empty()) << "what is granted is good";
    device.fail_to_install();
    expect_lists_all_of(d);
}

TEST_F(Crl, ListsWhatTheMasaTookBack) {
    start_registrar();
    device_peer& device = granted(d);
    ASSERT_TRUE(p.masa_store->set_blocked(d.identity, true, p.clock.now()));
    device.install();
    expect_lists_all_of(d);
    EXPECT_NE(p.ownership(d).state, registry::ownership_state::onboarded);
}

TEST_F(Crl, ListsWhatAnOwnerGaveAway) {
    start_registrar();
    device_peer& device = granted(d);
    device.install();
    ASSERT_TRUE(eventually([&] { return p.ownership(d).state == registry::ownership_state::onboarded; }));
    look();
    EXPECT_TRUE(listed().empty());
    const auto before = published().number();
    ASSERT_TRUE(birch.store->ask_release(d.identity, "Cedar", p.clock.now(), p.clock.now() + 60));
    expect_lists_all_of(d);
    EXPECT_GT(published().number(), before) << "although the clock stands still";
    EXPECT_EQ(p.ownership(d).owner(p.clock.now()), "Cedar");
}

TEST_F(Crl, IsRenewedAtHalfItsLifetimeAndNotBefore) {
    start_registrar();
    ASSERT_TRUE(eventually([&] { return is_published(); }));
    const auto first = published();
    EXPECT_EQ(first.next_update(), p.clock.now() + app::embedded_ca::crl_lifetime);
    p.clock.advance(app::embedded_ca::crl_lifetime / 2 * second - second);
    look();
    EXPECT_EQ(to_bytes(published().der()), to_bytes(first.der()));
    p.clock.advance(second);
    EXPECT_TRUE(eventually([&] { return published().next_update() == p.clock.now() + app::embedded_ca::crl_lifetime; }));
    EXPECT_GT(published().number(), first.number());
    // And no more until half of that one's is over.
    const auto next = published();
    look();
    p.clock.advance(app::embedded_ca::crl_lifetime / 2 * second - second);
    look();
    EXPECT_EQ(to_bytes(published().der()), to_bytes(next.der()));
}

TEST_F(Crl, IsTriedAgainUntilItsFileCanBeWritten) {
    file = birch.directory / "no such place" / "ca.crl";
    EXPECT_EQ(not_published_during([&] {
                  start_registrar([&](app::ca_config& ca) { ca.crl = file; });
                  look();
              }),
              1u)
        << "it serves, and says so once";
    EXPECT_EQ(not_published_during([&] {
                  granted(d).fail_to_install();
                  look();
              }),
              0u)
        << "not at every look";
    EXPECT_EQ(not_published_during([&] {
                  p.clock.advance(5 * second);
                  look();
              }),
              1u);
    fs::create_directory(file.parent_path());
    look();
    EXPECT_FALSE(is_published());
    EXPECT_EQ(not_published_during([&] {
                  p.clock.advance(5 * second);
                  EXPECT_TRUE(eventually([&] { return is_published(); }));
              }),
              0u);
    expect_lists_all_of(d);
}

TEST_F(Crl, IsToldOfWhereThereIsOne) {
    start_registrar();
    ASSERT_TRUE(eventually([&] { return is_published(); }));
    look();
    ASSERT_TRUE(registrar->own_list());
    EXPECT_EQ(registrar->own_list()->second, published().next_update());
}

TEST_F(Crl, IsNotToldOfWhereNoneIsConfigured) {
    start_registrar([](app::ca_config& ca) { ca.crl.clear(); });
    look();
    EXPECT_FALSE(registrar->own_list());
    EXPECT_FALSE(is_published());
}

// The registrar looks whether a list is due in the very turn that revokes, and that turn's commit fails.
TEST_F(Crl, WhatWasNotCommittedIsNotPublished) {
    start_registrar();
    device_peer& device = granted(d);
    ASSERT_TRUE(eventually([&] { return is_published(); }));
    const auto before = published();
    const auto generation = got(birch.store->revocation_generation());
    auto db = got(store::database::open((birch.directory / "registrar" / "registrar.db").string(), {}));
    // A constraint that is looked at by COMMIT alone.
    ASSERT_TRUE(db->execute("CREATE TABLE nobody (x INTEGER PRIMARY KEY);"
                            "CREATE TABLE trap (x INTEGER REFERENCES nobody (x) DEFERRABLE INITIALLY DEFERRED);"
                            "CREATE TRIGGER spring AFTER UPDATE OF revoked_at ON certificate BEGIN INSERT INTO trap VALUES (1); "
                            "END"));
    device.fail_to_install();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // now the result and the next look are both due
    EXPECT_TRUE(eventually([&] { return device.kk2->closed; }));
    look();
    EXPECT_EQ(got(birch.store->revocation_generation()), generation);
    EXPECT_NE(birch.store->find_serial("SN-1")->front().last_result, "install_failed");
    EXPECT_THAT(p.audit_outcomes(d), testing::Not(testing::Contains(testing::HasSubstr("install_failed"))))
        << "and nobody was told of it";
    EXPECT_EQ(to_bytes(published().der()), to_bytes(before.der()));
    // The next revocation has the generation that this one would have had.
    ASSERT_TRUE(db->execute("DROP TRIGGER spring"));
    const auto next = p.make_device("SN-2", "Birch");
    granted(next).fail_to_install();
    expect_lists_all_of(next);
    EXPECT_EQ(got(birch.store->revocation_generation()), generation + 1);
}

// The lists of devices' makers, by the policy that [registrar] `revocation` is.
class DeviceLists : public roles_here {
protected:
    void start(app::revocation_rule rule) {
        start_registrar({}, [&](app::registrar_config& config) { config.revocation = rule; });
    }
    // A device's connection, which may come to nothing.
    peer& knock() {
        auto config = client_of_anybody(alpn_kk2, authkem::credential{d.z3, d.p3});
        return connect(registrar->port(), got(authkem::client_context::make(std::move(config))));
    }
    device_party d = p.make_device("SN-1", "Birch");
};

TEST_F(DeviceLists, WhereOneIsAskedForNobodyIsServedWithoutIt) {
    start(app::revocation_rule::crl);
    const peer& device = knock();
    EXPECT_TRUE(eventually([&] { return device.closed; }));
    EXPECT_EQ(registrar->open_sessions(), 0U);
}

TEST_F(DeviceLists, ElseWhoHasNoneIsServed) {
    start(app::revocation_rule::lists_given);
    const peer& device = knock();
    EXPECT_TRUE(eventually([&] { return device.established && registrar->open_sessions() == 1; }));
}

}  // namespace
}  // namespace berth::test
