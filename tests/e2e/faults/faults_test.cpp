// kill -9 of each process at each place where something is about to be, or has just been, stored; then a restart that ends in
// success, with no certificate issued twice and no audit entry lost (docs/onboarding.md section 7).
#include "crypto/random.h"
#include "pki/private_key_file.h"
#include "scene/world.h"
#include "store/sqlite/masa_store.h"
#include "store/sqlite/registrar_store.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"
#include "support/small_world.h"

#include <set>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

constexpr int killed = 128 + 9;

struct fault {
    std::string point;
    int count = 1;
    std::string after = {};  // a point that is reached before it
};

std::string name_of(const testing::TestParamInfo<fault>& info) {
    std::string out = info.param.point + "_" + std::to_string(info.param.count);
    out += info.param.after.empty() ? "" : "_behind_" + info.param.after;
    std::replace(out.begin(), out.end(), '.', '_');
    return out;
}

class Faults : public testing::TestWithParam<fault> {
protected:
    static void SetUpTestSuite() {
        directory = std::make_unique<temporary_directory>();
        world = start_world(directory->path(), {"Birch"}, [](auto& how) {
            how.programs = BERTH_FAULTS_DIR;
            how.berthd = "berthd-faults";
        });
        ASSERT_TRUE(world);
    }
    static void TearDownTestSuite() {
        world.reset();
        directory.reset();
    }

    static std::vector<std::pair<std::string, std::string>> environment() {
        std::vector<std::pair<std::string, std::string>> out{{"BERTH_FAULT", "berth-fault-point:" + GetParam().point},
                                                             {"BERTH_FAULT_COUNT", std::to_string(GetParam().count)}};
        if (!GetParam().after.empty()) {
            out.emplace_back("BERTH_FAULT_AFTER", "berth-fault-point:" + GetParam().after);
        }
        return out;
    }

    fs::path make_device() {
        static int made = 0;
        serial = fmt::format("F-{:03}", ++made);
        auto bundle = world->make_device(world->order_for(serial, "Birch"), "Birch");
        EXPECT_TRUE(bundle) << bundle.error().message;
        return *bundle;
    }

    // Comes again and again, as a device does, and brings back whoever was killed.
    void onboard_until_done(const fs::path& bundle, const std::string& victim) {
        bool onboarded = false;
        std::optional<app::child_process> agent;
        const milliseconds until = system_clock().steady() + 60'000;
        while (!(onboarded && (victim.empty() || fired)) && system_clock().steady() < until) {
            if (!onboarded && !agent) {
                auto started =
                    app::child_process::start(fs::path(BERTH_BIN_DIR) / "berth-agent", {"--bundle", bundle.string(), "--once"});
                ASSERT_TRUE(started);
                agent.emplace(std::move(*started));
            }
            std::vector<app::child_process*> listened;
            if (agent) {
                listened.push_back(&*agent);
            }
            (void)world->events(50, listened);
            bring_back(victim);  // whoever was killed is back at once, as under a service manager
            if (agent && agent->ended()) {
                onboarded = agent->exit_code() == 0;
                agent.reset();
            }
        }
        EXPECT_TRUE(onboarded) << "the device was not onboarded in the end";
    }

    void bring_back(const std::string& victim) {
        if (victim.empty()) {
            return;
        }
        if (const auto code = world->ended(victim)) {
            EXPECT_EQ(*code, killed) << "it ended otherwise than by the fault";
            fired = true;
            ASSERT_TRUE(world->restart(victim));
        }
    }

    // Everybody agrees, nothing is there twice, nothing is missing.
    void expect_one_clean_onboarding(const std::string& victim) {
        EXPECT_TRUE(victim.empty() || fired) << "the fault point was never reached: this test proved nothing";
        auto masa = store::sqlite_masa_store::open((world->masa() / "masa.db").string());
        auto registrar = store::sqlite_registrar_store::open((world->customer("Birch").registrar / "registrar.db").string());
        ASSERT_TRUE(masa && registrar);
        registry::ownership record;
        for (int i = 0; i < 200; ++i) {  // the result may still be on its way
            record = (*masa)->find_serial(serial)->front();
            if (record.state == registry::ownership_state::onboarded) {
                break;
            }
            bring_back(victim);
            (void)world->events(100);
        }
        EXPECT_EQ(record.state, registry::ownership_state::onboarded);
        std::map<std::string, int> names;
        for (const auto& c : got((*registrar)->certificates_of(record.device))) {
            ++names[c.name];
        }
        EXPECT_EQ(names, (std::map<std::string, int>{{"device", 1}, {"device-pq", 1}, {"device-kem", 1}}))
            << "a certificate was issued twice, or lost";
        expect_a_whole_log(**masa);
    }

    // The chain holds, which says that nothing is missing between two entries; and what must be there is there: that a chain
    // is whole does not tell that an entry was never written.
    void expect_a_whole_log(store::sqlite_masa_store& masa) const {
        registry::audit_verifier walk;
        std::set<std::string> authorized;
        size_t installed = 0;
        for (;;) {
            const auto entries = got(masa.audit_entries(walk.count(), 500));
            if (entries.empty()) {
                break;
            }
            for (const auto& e : entries) {
                ASSERT_TRUE(walk.next(e));
                if (e.what.device.serial != serial) {
                    continue;
                }
                if (e.what.event == "authorized") {
                    EXPECT_TRUE(authorized.insert(e.what.log_id).second) << "authorized twice";
                    EXPECT_EQ(e.what.customer, "Birch");
                } else if (e.what.event == "result") {
                    EXPECT_TRUE(authorized.contains(e.what.log_id)) << "a result of what was never authorized";
                    installed += e.what.outcome == "installed" ? 1 : 0;
                }
            }
        }
        EXPECT_EQ(installed, 1u);
        // One entry for each authorization that the records hold, and none for others.
        auto db = got(store::database::open((world->masa() / "masa.db").string(), {}));
        auto read = got(db->prepare("SELECT kk3_id FROM authorization WHERE serial = ?"));
        read.bind(serial);
        std::set<std::string> stored;
        while (got(read.step())) {
            stored.insert(to_hex(read.blob(0)));
        }
        EXPECT_EQ(authorized, stored);
    }

    std::string serial;
    bool fired = false;
    static std::unique_ptr<temporary_directory> directory;
    static std::unique_ptr<app::world> world;
};
std::unique_ptr<temporary_directory> Faults::directory;
std::unique_ptr<app::world> Faults::world;

class MasaFaults : public Faults {};
TEST_P(MasaFaults, EndInSuccess) {
    const auto bundle = make_device();
    ASSERT_TRUE(world->restart("masa", environment()));
    onboard_until_done(bundle, "masa");
    expect_one_clean_onboarding("masa");
}
INSTANTIATE_TEST_SUITE_P(Masa, MasaFaults,
                         testing::Values(fault{"masa.before_kk3"}, fault{"masa.after_kk3"}, fault{"masa.before_authorize"},
                                         fault{"masa.after_authorize"}, fault{"masa.before_result"}, fault{"masa.after_result"},
                                         fault{"store.before_commit", 1}, fault{"store.before_commit", 2},
                                         fault{"store.before_commit", 3}, fault{"store.after_commit", 1},
                                         fault{"store.after_commit", 2}, fault{"store.after_commit", 3}),
                         name_of);

class RegistrarFaults : public Faults {};
TEST_P(RegistrarFaults, EndInSuccess) {
    const auto bundle = make_device();
    ASSERT_TRUE(world->restart("Birch", environment()));
    onboard_until_done(bundle, "Birch");
    expect_one_clean_onboarding("Birch");
}
INSTANTIATE_TEST_SUITE_P(Registrar, RegistrarFaults,
                         testing::Values(fault{"registrar.before_requests"}, fault{"registrar.before_certificates"},
                                         fault{"registrar.after_certificates"}, fault{"registrar.before_grant"},
                                         fault{"registrar.after_grant"}, fault{"registrar.before_result"},
                                         fault{"registrar.after_result"}, fault{"registrar.before_delivered"},
                                         fault{"store.before_commit", 1}, fault{"store.before_commit", 2},
                                         fault{"store.before_commit", 3}, fault{"store.before_commit", 4},
                                         fault{"store.before_commit", 5}, fault{"store.after_commit", 1},
                                         fault{"store.after_commit", 2}, fault{"store.after_commit", 3},
                                         fault{"store.after_commit", 4}, fault{"store.after_commit", 5}),
                         name_of);

class DeviceFaults : public Faults {};
TEST_P(DeviceFaults, EndInSuccess) {
    const auto bundle = make_device();
    std::vector<std::string> extra;
    for (const auto& [key, value] : environment()) {
        extra.push_back(key + "=" + value);
    }
    auto agent = app::child_process::start(fs::path(BERTH_FAULTS_DIR) / "berth-agent-faults",
                                           {"--bundle", bundle.string(), "--once"}, extra);
    ASSERT_TRUE(agent);
    while (!agent->ended()) {
        app::poll_children({&*agent}, 50);
    }
    EXPECT_EQ(agent->exit_code(), killed);
    onboard_until_done(bundle, "");
    expect_one_clean_onboarding("");
}
INSTANTIATE_TEST_SUITE_P(Device, DeviceFaults,
                         testing::Values(fault{"device.before_pending"}, fault{"device.after_pending_key", 1},
                                         fault{"device.after_pending_key", 3}, fault{"device.before_install"},
                                         fault{"device.after_install"}, fault{"device.before_reported"},
                                         fault{"device.after_reported"}),
                         name_of);

// A device that cannot install says so, and the registrar dies while it revokes what it has granted.
class RevokingRegistrarFaults : public Faults {
protected:
    // The certificates of a device that are revoked; the list, which is published anew at each start, names them and no others.
    static size_t revoked(store::sqlite_registrar_store& records, const onboarding::device_identity& device) {
        const auto lists = got(app::read_crls({world->customer("Birch").registrar / "ca.crl"}));
        size_t out = 0;
        for (const auto& c : got(records.certificates_of(device))) {
            const auto serial_number = got(pki::certificate::parse(c.chain.front())).serial();
            EXPECT_EQ(lists.front().find(serial_number).has_value(), c.revoked);
            out += c.revoked ? 1 : 0;
        }
        return out;
    }
};
TEST_P(RevokingRegistrarFaults, KeepResultAndRevocationTogether) {
    const auto bundle = make_device();
    fs::create_directories(bundle / "time" / "in-the-way");
    ASSERT_TRUE(world->restart("Birch", environment()));
    {
        auto agent = app::child_process::start(fs::path(BERTH_BIN_DIR) / "berth-agent", {"--bundle", bundle.string(), "--once"});
        ASSERT_TRUE(agent);
        const milliseconds until = system_clock().steady() + 30'000;
        while (!(fired && agent->ended()) && system_clock().steady() < until) {
            (void)world->events(50, {&*agent});
            bring_back("Birch");
        }
        EXPECT_NE(agent->exit_code(), 0);
    }
    ASSERT_TRUE(fired) << "the fault point was never reached: this test proved nothing";
    EXPECT_FALSE(fs::exists(bundle / "installed"));
    auto records = got(store::sqlite_registrar_store::open((world->customer("Birch").registrar / "registrar.db").string()));
    const auto device = got(records->find_serial(serial)).front();
    // All of it or nothing of it: a result that is known has revoked, and one that is not has not.
    const bool committed = GetParam().point == "store.after_commit";
    EXPECT_EQ(device.last_result == "install_failed", committed) << device.last_result;
    EXPECT_EQ(revoked(*records, device.device), committed ? 3u : 0u);
    fs::remove_all(bundle / "time");
    onboard_until_done(bundle, "");
    const auto leaf =
        pki::certificate::parse_pem_chain(as_text(got(pki::read_file((bundle / "installed" / "device.pem").string(), 100'000))));
    ASSERT_TRUE(leaf);
    const auto issued = got(records->certificates_of(device.device));
    EXPECT_EQ(issued.size(), 6u) << "new keys after a refusal, and nothing issued twice for one";
    EXPECT_EQ(std::count_if(issued.begin(), issued.end(),
                            [&](const auto& c) { return !c.revoked && same_octets(c.chain.front(), leaf->front().der()); }),
              1);
    const auto masa = got(store::sqlite_masa_store::open((world->masa() / "masa.db").string()));
    for (int i = 0; i < 100 && masa->find_serial(serial)->front().state != registry::ownership_state::onboarded; ++i) {
        (void)world->events(100);
    }
    expect_a_whole_log(*masa);
}
INSTANTIATE_TEST_SUITE_P(Registrar, RevokingRegistrarFaults,
                         testing::Values(fault{"registrar.before_revoked"}, fault{"registrar.after_revoked"},
                                         fault{"store.before_commit", 1, "registrar.after_revoked"},
                                         fault{"store.after_commit", 1, "registrar.after_revoked"}),
                         name_of);

}  // namespace
}  // namespace berth::test
