// The owner gives a device away, through its registrar.
#include "store/sqlite/masa_store.h"
#include "store/sqlite/registrar_store.h"
#include "support/small_world.h"

namespace berth::test {
namespace {

class Release : public small_world {
protected:
    static void SetUpTestSuite() { begin({"Birch", "Cedar"}); }

    static program_result release(const std::string& serial, const std::string& from, const std::string& to,
                                  std::vector<std::string> more = {}) {
        std::vector<std::string> arguments{"--json", "registrar", "release", serial,
                                           "--to",   to,          "--dir",   world->customer(from).registrar.string()};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return berth(arguments);
    }
    static wire::json::object record_of(const std::string& serial) {
        return berth({"--json", "ownership", "show", serial, "--masa", world->masa().string()}).json();
    }
    static std::string state_of(const std::string& serial) { return std::string(record_of(serial).at("state").as_string()); }
    static std::string owner_of(const std::string& serial) { return std::string(record_of(serial).at("owner").as_string()); }
    // How many certificates the customer's published CRL holds.
    static size_t listed(const std::string& customer) {
        const auto lists = got(app::read_crls({world->customer(customer).registrar / "ca.crl"}));
        return lists.front().revoked().size();
    }
    static size_t revoked(const std::string& customer, const std::string& serial) {
        auto store = got(store::sqlite_registrar_store::open((world->customer(customer).registrar / "registrar.db").string()));
        size_t out = 0;
        for (const auto& c : got(store->certificates_of(got(store->find_serial(serial)).front().device))) {
            out += c.revoked;
        }
        return out;
    }
};

TEST_F(Release, DeviceGoesToTheSuccessorAndOnboardsThere) {
    const auto bundle = make("L-1", "Birch");
    ASSERT_EQ(onboard(bundle).exit, 0);
    ASSERT_TRUE(eventually([] { return state_of("L-1") == "onboarded"; }));
    const size_t before_release = listed("Birch");
    const auto released = release("L-1", "Birch", "Cedar");
    ASSERT_EQ(released.exit, 0) << released.all();
    EXPECT_EQ(released.json().at("released_to").as_string(), "Cedar");
    // Its one voucher was used, so nothing is waited for.
    EXPECT_EQ(owner_of("L-1"), "Cedar");
    EXPECT_EQ(revoked("Birch", "L-1"), 3u) << "the former owner's certificates are withdrawn";
    const auto shown = berth({"--json", "registrar", "devices", "L-1", "--dir", world->customer("Birch").registrar.string()});
    EXPECT_EQ(shown.json().at("status").as_string(), "released");
    EXPECT_TRUE(hear("Birch", "release", "L-1"));
    EXPECT_TRUE(eventually([&] { return listed("Birch") == before_release + 3; })) << "and stand on the customer's list";
    // Nor does it learn the former owner's configuration any more: the buyer can read what it has.
    const auto before_fetch = got(app::read_text(bundle / "installed" / "config.json"));
    const auto fetched = berth({"--json", "device", "config", "--bundle", bundle.string()});
    EXPECT_EQ(fetched.exit, 1) << fetched.all();
    EXPECT_EQ(fetched.error_name(), "withdrawn");
    EXPECT_EQ(got(app::read_text(bundle / "installed" / "config.json")), before_fetch);
    // The manufacturer's own word for it changes nothing more.
    EXPECT_EQ(berth({"ownership", "assign", "L-1", "Cedar", "--masa", world->masa().string()}).exit, 0);

    ASSERT_EQ(berth({"device", "reset", "--bundle", bundle.string()}).exit, 0);
    const auto former = onboard(bundle);
    EXPECT_EQ(former.exit, 1) << former.all();
    EXPECT_EQ(former.error_name(), "not_assigned") << "the former owner cannot take it back";
    auto toml = got(app::read_text(bundle / "device.toml"));
    const std::string before = world->customer("Birch").kk2.text();
    toml.replace(toml.find(before), before.size(), world->customer("Cedar").kk2.text());
    ASSERT_TRUE(app::write_text(bundle / "device.toml", toml));
    const auto after = onboard(bundle);
    ASSERT_EQ(after.exit, 0) << after.all();
    EXPECT_EQ(after.json().at("customer").as_string(), "Cedar");
}

TEST_F(Release, RevokingKeepsTheDevice) {
    const auto bundle = make("L-3", "Birch");
    ASSERT_EQ(onboard(bundle).exit, 0);
    ASSERT_TRUE(eventually([] { return state_of("L-3") == "onboarded"; }));
    const std::string dir = world->customer("Birch").registrar.string();
    const auto shown = [&] { return berth({"--json", "registrar", "devices", "L-3", "--dir", dir}).json(); };
    EXPECT_EQ(shown().at("status").as_string(), "installed");
    EXPECT_EQ(shown().at("certificates").to_number<int>(), 3);
    // A denial takes nothing away, and says what does.
    const auto denied = berth({"registrar", "deny", "L-3", "--dir", dir});
    EXPECT_THAT(denied.all(), testing::HasSubstr("berth registrar revoke L-3"));
    EXPECT_EQ(revoked("Birch", "L-3"), 0u);
    const size_t before = listed("Birch");
    const auto done = berth({"--json", "registrar", "revoke", "L-3", "--dir", dir});
    ASSERT_EQ(done.exit, 0) << done.all();
    EXPECT_EQ(done.json().at("revoked").to_number<int>(), 3);
    EXPECT_TRUE(eventually([&] { return listed("Birch") == before + 3; })) << "the running berthd publishes them";
    EXPECT_EQ(shown().at("status").as_string(), "revoked");
    EXPECT_EQ(owner_of("L-3"), "Birch");
    EXPECT_EQ(berth({"--json", "device", "config", "--bundle", bundle.string()}).error_name(), "withdrawn");
    EXPECT_EQ(berth({"--json", "registrar", "revoke", "L-3", "--dir", dir}).json().at("revoked").to_number<int>(), 0);
    ASSERT_EQ(berth({"device", "reset", "--bundle", bundle.string()}).exit, 0);
    EXPECT_EQ(onboard(bundle).error_name(), "approval_denied");
    ASSERT_EQ(berth({"registrar", "approve", "L-3", "--dir", dir}).exit, 0);
    ASSERT_EQ(onboard(bundle).exit, 0);
    EXPECT_EQ(shown().at("status").as_string(), "installed");
    // Said once more, it is told so.
    const auto again = onboard(bundle);
    EXPECT_TRUE(again.json().at("already_onboarded").as_bool()) << again.all();
}

TEST_F(Release, ForeignDeviceIsRefusedAndNothingChanges) {
    const auto bundle = make("L-2", "Cedar");
    ASSERT_EQ(onboard(bundle).exit, 0);
    ASSERT_TRUE(eventually([] { return state_of("L-2") == "onboarded"; }));
    const auto before = record_of("L-2");
    const std::string z1 = (world->factory() / "z1.pem").string();
    const auto refused = release("L-2", "Birch", "Cedar", {"--maker-root", z1});
    EXPECT_EQ(refused.error_name(), "not_owner") << refused.all();
    EXPECT_EQ(refused.exit, 1);
    EXPECT_EQ(record_of("L-2"), before);
    EXPECT_EQ(revoked("Cedar", "L-2"), 0u);
    // Its owner, to somebody whom nobody knows: the same.
    EXPECT_EQ(release("L-2", "Cedar", "Nobody").error_name(), "not_owner");
    EXPECT_EQ(record_of("L-2"), before);
    EXPECT_EQ(revoked("Cedar", "L-2"), 0u);
}

TEST_F(Release, MistakesAreNamedBeforeAnybodyIsAsked) {
    EXPECT_EQ(release("L-9", "Birch", "Cedar").error_name(), "unknown_device");
    EXPECT_EQ(release("L-9", "Birch", "Cedar").exit, 2);
    EXPECT_EQ(release("L-9", "Birch", std::string(65, 'x')).error_name(), "bad_customer_name");
    // A maker whom this registrar does not serve.
    const auto other = directory->path() / "other-maker";
    ASSERT_EQ(berth({"factory", "init", "--dir", other.string(), "--maker", "Other"}).exit, 0);
    const auto unknown = release("L-9", "Birch", "Cedar", {"--maker-root", (other / "z1.pem").string()});
    EXPECT_EQ(unknown.error_name(), "unknown_device_root") << unknown.all();
    EXPECT_EQ(unknown.exit, 2);
}

TEST_F(Release, WithoutARunningRegistrarItIsWithdrawn) {
    const auto away = directory->path() / "stopped";
    ASSERT_EQ(berth({"registrar", "init", "--dir", away.string(), "--ca", world->customer("Birch").ca.string(), "--host",
                     "localhost", "--maker-root", (world->factory() / "z1.pem").string(), "--masa", world->kk1().text(),
                     "--masa-host", world->masa_host()})
                  .exit,
              0);
    const auto r = berth({"--json", "registrar", "release", "L-1", "--to", "Cedar", "--dir", away.string(), "--maker-root",
                          (world->factory() / "z1.pem").string(), "--wait", "1"});
    EXPECT_EQ(r.error_name(), "registrar_not_running") << r.all();
    EXPECT_EQ(r.exit, 3);
    auto store = got(store::sqlite_registrar_store::open((away / "registrar.db").string()));
    EXPECT_TRUE(got(store->waiting_releases()).empty()) << "a berthd that is started later does not give the device away";
}

}  // namespace
}  // namespace berth::test
