// A device's whole life, at each of its parties: factory, first owner, operation, another owner, end.
#include "est_of_birch.h"

namespace berth::test {
namespace {

class Circle : public EstOfBirch {
protected:
    static std::string registrar(const std::string& customer) { return world->customer(customer).registrar.string(); }
    static wire::json::object life(const std::vector<std::string>& of) {
        std::vector<std::string> all{"device", "lifecycle", "show"};
        all.insert(all.end(), of.begin(), of.end());
        const auto said = run(all);
        EXPECT_EQ(said.exit, 0) << said.all();
        return said.json();
    }
    static std::string phase(const wire::json::object& life) { return std::string(life.at("phase").as_string()); }
    static std::string steps(const wire::json::object& life) {
        std::string out;
        for (const auto& e : life.at("history").as_array()) {
            out += (out.empty() ? "" : " ") + std::string(e.at("step").as_string());
        }
        return out;
    }
    static std::string phase_in(const std::string& directory, const std::string& serial) {
        return phase(life({"--serial", serial, "--dir", directory}));
    }
    // Its registrar is another from now on.
    static void lead_to(const fs::path& bundle, const std::string& from, const std::string& to) {
        auto toml = got(app::read_text(bundle / "device.toml"));
        const std::string before = world->customer(from).kk2.text();
        toml.replace(toml.find(before), before.size(), world->customer(to).kk2.text());
        ASSERT_TRUE(app::write_text(bundle / "device.toml", toml));
    }
};

TEST_F(Circle, FromTheFactoryToTheEndAtEachParty) {
    const std::string serial = "C-1";
    const auto bundle = got(world->make_device(world->order_for(serial, "Birch"), ""));
    const std::string masa = world->masa().string();
    const auto at_device = [&] { return life({"--bundle", bundle.string()}); };

    // ---- made
    EXPECT_EQ(phase(at_device()), "manufacturing");
    EXPECT_EQ(phase_in(masa, serial), "manufacturing");
    const auto unknown = run({"device", "lifecycle", "show", "--serial", serial, "--dir", registrar("Birch")});
    EXPECT_EQ(unknown.error_name(), "unknown_device");

    // ---- sold, and onboarded
    ASSERT_EQ(run({"ownership", "assign", serial, "Birch", "--masa", masa}).exit, 0);
    EXPECT_EQ(phase_in(masa, serial), "enrolment");
    ASSERT_TRUE(app::write_text(bundle / "est.toml", keeping()));
    const auto onboarded = onboard(bundle);
    ASSERT_EQ(onboarded.exit, 0) << onboarded.all();
    EXPECT_EQ(phase(at_device()), "provisioning") << "what est.toml wants is not there yet";
    EXPECT_EQ(steps(at_device()), "made asked onboarded");
    EXPECT_EQ(phase_in(registrar("Birch"), serial), "operational");
    EXPECT_TRUE(eventually([&] { return phase_in(masa, serial) == "operational"; }));

    // ---- operational
    const auto renewed = run_program("berth-agent", {"--bundle", bundle.string(), "--renew-once", "--json"});
    ASSERT_EQ(renewed.exit, 0) << renewed.all();
    EXPECT_EQ(phase(at_device()), "operational");
    EXPECT_EQ(steps(at_device()), "made asked onboarded operational");
    EXPECT_EQ(at_device().at("history").as_array().back().at("about").as_string(), "Birch");
    EXPECT_EQ(phase_in(at("est-ca"), serial), "operational");
    const auto early = run({"device", "lifecycle", "recommission", "--bundle", bundle.string(), "--yes"});
    EXPECT_EQ(early.error_name(), "wrong_phase") << early.all();

    // ---- given away
    const auto released = run({"registrar", "release", serial, "--to", "Cedar", "--dir", registrar("Birch")});
    ASSERT_EQ(released.exit, 0) << released.all();
    EXPECT_EQ(phase_in(registrar("Birch"), serial), "reassignment");
    EXPECT_EQ(phase_in(masa, serial), "reassignment");
    const auto ended =
        run({"registrar", "decommission", serial, "--dir", registrar("Birch"), "--reason", "sold", "--ca", at("est-ca")});
    ASSERT_EQ(ended.exit, 0) << ended.all();
    EXPECT_TRUE(ended.json().at("withdrawn_at_ca").as_bool());
    EXPECT_EQ(phase_in(registrar("Birch"), serial), "decommissioned");
    EXPECT_EQ(phase_in(at("est-ca"), serial), "decommissioned");
    // Its CA knows it by two names, its maker's and its owner's, and its life ended once.
    const auto at_ca = steps(life({"--serial", serial, "--dir", at("est-ca")}));
    EXPECT_EQ(at_ca.find("decommissioned"), at_ca.rfind("decommissioned")) << at_ca;
    EXPECT_THAT(steps(life({"--serial", serial, "--dir", registrar("Birch")})), testing::EndsWith("decommissioned"));
    // Its EST certificate, and the one of before, are worth nothing there any more.
    const auto refused = run_program("berth-agent", {"--bundle", bundle.string(), "--renew-once", "--json"});
    const auto enrol = run({"est", "enrol", "--server", fmt::format("localhost:{}", est_port), "--ca", at("web.pem"), "--cert",
                            (bundle / "installed/device.pem").string(), "--key", (bundle / "installed/device.key").string(),
                            "--new-key", at("thief.key"), "--alg", "p256", "--out", at("thief.pem")});
    EXPECT_EQ(enrol.error_name(), "refused") << enrol.all() << refused.all();

    // ---- the next owner's
    ASSERT_EQ(run({"device", "reset", "--bundle", bundle.string()}).exit, 0);
    EXPECT_EQ(phase(at_device()), "reassignment");
    const auto back = onboard(bundle);
    EXPECT_EQ(back.exit, 1) << back.all();
    lead_to(bundle, "Birch", "Cedar");
    fs::remove(bundle / "est.toml");
    const auto again = onboard(bundle);
    ASSERT_EQ(again.exit, 0) << again.all();
    EXPECT_EQ(again.json().at("customer").as_string(), "Cedar");
    EXPECT_EQ(phase(at_device()), "operational");
    EXPECT_EQ(phase_in(registrar("Cedar"), serial), "operational");
    EXPECT_EQ(phase_in(registrar("Birch"), serial), "decommissioned");
    EXPECT_TRUE(eventually([&] { return phase_in(masa, serial) == "operational"; }));

    // ---- the end
    const auto unsaid = run({"device", "lifecycle", "decommission", "--bundle", bundle.string()});
    EXPECT_EQ(unsaid.error_name(), "not_confirmed");
    EXPECT_TRUE(fs::exists(bundle / "installed/device.key"));
    const auto done = run({"device", "lifecycle", "decommission", "--bundle", bundle.string(), "--yes", "--reason", "scrapped"});
    ASSERT_EQ(done.exit, 0) << done.all();
    EXPECT_EQ(phase(at_device()), "decommissioned");
    EXPECT_EQ(steps(at_device()), "made asked onboarded operational reset asked onboarded operational ending decommissioned");
    EXPECT_EQ(at_device().at("history").as_array().back().at("about").as_string(), "scrapped");
    for (const char* gone : {"installed", "credentials", "pending", "est.toml"}) {
        EXPECT_FALSE(fs::exists(bundle / gone)) << gone;
    }
    for (const char* kept : {"z1.pem", "z3.pem", "p3.pem", "device.toml"}) {
        EXPECT_TRUE(fs::exists(bundle / kept)) << kept;
    }
    ASSERT_EQ(run({"registrar", "decommission", serial, "--dir", registrar("Cedar")}).exit, 0);
    const auto dead = onboard(bundle);
    EXPECT_EQ(dead.exit, 2);
    EXPECT_EQ(dead.error_name(), "decommissioned") << dead.all();
    // Whoever does without the device's own word for it is refused by the owner's.
    fs::remove(bundle / "lifecycle.log");
    const auto refused_there = onboard(bundle);
    EXPECT_EQ(refused_there.error_name(), "approval_denied") << refused_there.all();
}

TEST_F(Circle, AnOwnerTakesItBackExplicitly) {
    const auto bundle = make("C-2", "Birch");
    ASSERT_EQ(onboard(bundle).exit, 0);
    const std::string dir = registrar("Birch");
    const auto never = run({"registrar", "recommission", "C-2", "--dir", dir});
    EXPECT_EQ(never.exit, 2);
    EXPECT_EQ(never.error_name(), "not_decommissioned");
    const auto ended = run({"registrar", "decommission", "C-2", "--dir", dir, "--reason", "flooded"});
    ASSERT_EQ(ended.exit, 0) << ended.all();
    EXPECT_EQ(ended.json().at("revoked").to_number<int>(), 3);
    EXPECT_EQ(run({"registrar", "devices", "C-2", "--dir", dir}).json().at("status").as_string(), "decommissioned");
    EXPECT_EQ(run({"registrar", "decommission", "C-2", "--dir", dir}).error_name(), "decommissioned");
    EXPECT_EQ(run({"registrar", "approve", "C-2", "--dir", dir}).error_name(), "decommissioned");
    ASSERT_EQ(run({"device", "reset", "--bundle", bundle.string()}).exit, 0);
    EXPECT_EQ(onboard(bundle).error_name(), "approval_denied");
    ASSERT_EQ(run({"registrar", "recommission", "C-2", "--dir", dir, "--reason", "dried"}).exit, 0);
    const auto again = onboard(bundle);
    ASSERT_EQ(again.exit, 0) << again.all();
    const auto told = life({"--serial", "C-2", "--dir", dir});
    EXPECT_EQ(phase(told), "operational");
    // In whole seconds: what was certified in the second of the recommissioning is told before it.
    EXPECT_THAT(steps(told), testing::ContainsRegex("revoked decommissioned .*recommissioned")) << wire::to_text(told);
}

TEST_F(Circle, WrongOrdersAreRefusedAndSayWhatToDo) {
    const auto bundle = make("C-3", "Birch").string();
    // As a line leaves a unit whose certificates have not come back.
    fs::create_directories(at("unit"));
    ASSERT_TRUE(app::write_text(at("unit/p3.uri"), "tpm2:0x81020002\n"));
    EXPECT_EQ(phase(life({"--bundle", at("unit")})), "supply_chain");
    const auto unborn = run({"device", "lifecycle", "decommission", "--bundle", bundle, "--yes"});
    EXPECT_EQ(unborn.exit, 2);
    EXPECT_EQ(unborn.error_name(), "wrong_phase") << unborn.all();
    EXPECT_THAT(unborn.all(), testing::HasSubstr("berth ownership revoke"));
    EXPECT_EQ(run({"device", "lifecycle", "recommission", "--bundle", bundle, "--yes"}).error_name(), "wrong_phase");
    ASSERT_EQ(onboard(bundle).exit, 0);
    ASSERT_EQ(run({"device", "lifecycle", "decommission", "--bundle", bundle, "--yes"}).exit, 0);
    const auto twice = run({"device", "lifecycle", "decommission", "--bundle", bundle, "--yes"});
    EXPECT_EQ(twice.exit, 2);
    EXPECT_EQ(twice.error_name(), "decommissioned") << twice.all();
    EXPECT_THAT(twice.all(), testing::HasSubstr("recommission"));
    EXPECT_EQ(run({"device", "reset", "--bundle", bundle}).error_name(), "decommissioned");
    EXPECT_EQ(run({"device", "ldevid", "request", "--bundle", bundle, "--out", at("r")}).error_name(), "decommissioned");
    ASSERT_EQ(run({"device", "lifecycle", "recommission", "--bundle", bundle, "--yes"}).exit, 0);
    EXPECT_EQ(phase(life({"--bundle", bundle})), "reassignment");
    const auto again = onboard(bundle);
    ASSERT_EQ(again.exit, 0) << again.all();
    for (const std::vector<std::string>& wrong :
         {std::vector<std::string>{}, {"--serial", "C-3"}, {"--dir", at("masa")}, {"--bundle", bundle, "--serial", "C-3"}}) {
        std::vector<std::string> all{"device", "lifecycle", "show"};
        all.insert(all.end(), wrong.begin(), wrong.end());
        EXPECT_EQ(run(all).error_name(), "bad_arguments");
    }
    EXPECT_EQ(run({"device", "lifecycle", "show", "--serial", "C-3", "--dir", at("devices")}).error_name(), "file_not_found");
}

}  // namespace
}  // namespace berth::test
