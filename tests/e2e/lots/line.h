// A factory, a MASA, and a production line whose stations take a new chip for each unit.
#pragma once

#include "../keys/key_world.h"

#include <csignal>

namespace berth::test {

class LineWorld : public KeyWorld {
protected:
    void SetUp() override {
        must({"factory", "init", "--dir", at("factory"), "--maker", "Acme", "--algorithm", "mldsa44"});
        must({"masa", "init", "--dir", at("masa"), "--factory", at("factory"), "--host", "localhost"});
    }
    void TearDown() override {
        for (const auto& entry : fs::directory_iterator(directory.path())) {
            if (entry.path().filename().string().starts_with("pid-")) {
                ::kill(static_cast<pid_t>(std::stol(text_of(entry.path().filename().string()))), SIGKILL);
            }
        }
    }

    // The station's chip is this unit's from now on: stsafe-sim, whose memory is the unit's. What the station had before is gone.
    // `but`: what is done first.
    void put_station(const std::string& but = "") {
        put("attach",
            "cd " + directory.path().string() + "\n" + but + R"(
sh ./detach
mkdir -p chips
)" + std::string(BERTH_BIN_DIR) +
                R"(/stsafe-sim --socket station-$BERTH_STATION --state chips/"$BERTH_SERIAL" >/dev/null 2>&1 &
echo $! > pid-$BERTH_STATION
n=0
until )" + BERTH_BIN_DIR +
                R"(/berth key random "stsafe:slot=1;device=station-$BERTH_STATION" --octets 1 --out /dev/null 2>/dev/null; do
    n=$((n + 1)); [ $n -lt 100 ] || exit 1
    sleep 0.05
done)");
        put("detach", "cd " + directory.path().string() + R"(
if [ -s pid-$BERTH_STATION ]; then kill -9 $(cat pid-$BERTH_STATION) 2>/dev/null; rm -f pid-$BERTH_STATION station-$BERTH_STATION; fi
exit 0)");
    }
    // Each station has its chip, which stays there whatever unit is meant. `but`: what is done then.
    void put_stations_with_chips(const std::string& but = "") {
        put("attach",
            "cd " + directory.path().string() + R"(
mkdir -p chips
if [ ! -e station-$BERTH_STATION ]; then
    )" + std::string(BERTH_BIN_DIR) +
                R"(/stsafe-sim --socket station-$BERTH_STATION --state chips/station-$BERTH_STATION >/dev/null 2>&1 &
    echo $! > pid-$BERTH_STATION
fi
n=0
until )" + BERTH_BIN_DIR +
                R"(/berth key random "stsafe:slot=1;device=station-$BERTH_STATION" --octets 1 --out /dev/null 2>/dev/null; do
    n=$((n + 1)); [ $n -lt 100 ] || exit 1
    sleep 0.05
done
)" + but);
        put("detach", "exit 0");
    }
    [[nodiscard]] std::string in_station(unsigned station, unsigned slot) const {
        return fmt::format("stsafe:slot={};device={}", slot, at(fmt::format("station-{}", station)));
    }
    // As if the process had been killed when the log was as long as this: behind the last line with `text`.
    void cut_log_behind(const std::string& text) const {
        const std::string log = text_of("lot/production.jsonl");
        const size_t found = log.rfind(text);
        ASSERT_NE(found, std::string::npos) << log;
        fs::resize_file(at("lot/production.jsonl"), log.find('\n', found) + 1);
    }
    [[nodiscard]] std::vector<std::string> in_stations() const {
        return {"--station",         "device=" + at("station-{station}"), "--attach", "sh " + at("attach"), "--detach",
                "sh " + at("detach")};
    }

    [[nodiscard]] std::vector<std::string> lot(const std::string& backend, size_t count,
                                               std::vector<std::string> more = {}) const {
        std::vector<std::string> out{
            "--json",  "factory",   "personalise", "--dir",   at("factory"),         "--masa",     at("masa"), "--out",
            at("lot"), "--backend", backend,       "--count", std::to_string(count), "--parallel", "4"};
        if (backend == "stsafe") {
            const auto stations = in_stations();
            out.insert(out.end(), stations.begin(), stations.end());
        }
        out.insert(out.end(), more.begin(), more.end());
        return out;
    }
    static program_result run(const std::vector<std::string>& arguments, milliseconds most = 120'000) {
        return run_program("berth", arguments, most);
    }
    // The last line that it printed.
    static wire::json::object last(const program_result& r) {
        const auto line = r.output.empty() ? result<wire::json::object>(fail(error_category::usage, "none", ""))
                                           : wire::parse_json_object(r.output.back());
        EXPECT_TRUE(line) << r.all();
        return line ? *line : wire::json::object{};
    }
    [[nodiscard]] program_result verified(const std::string& log = "lot") const {
        return berth({"--json", "factory", "log", "verify", at(log), "--dir", at("factory")});
    }
    [[nodiscard]] size_t bundles() const {
        size_t out = 0;
        for (const auto& entry : fs::directory_iterator(at("lot"))) {
            out += fs::exists(entry.path() / "device.toml") && !entry.path().filename().string().starts_with('.') ? 1 : 0;
        }
        return out;
    }
    [[nodiscard]] size_t records() const { return berth({"--json", "ownership", "show", "--masa", at("masa")}).output.size(); }

    // Birch is a customer of the MASA.
    void register_birch() {
        must({"ca", "init", "--dir", at("ca"), "--customer", "Birch", "--algorithm", "mldsa44"});
        must({"ca", "prove", "--dir", at("ca"), "--customer", "Birch", "--maker-root", at("factory/z1.pem"), "--out",
              at("proof")});
        must({"customer", "register", "Birch", "--masa", at("masa"), "--root", at("ca/z2.pem"), "--proof", at("proof"),
              "--maker-root", at("factory/z1.pem")});
    }
    // order.toml, for Birch.
    void put_order(const std::string& backend, const std::string& root = "ca/z2.pem") const {
        put("order.toml", fmt::format("name = \"March\"\nmodel = \"gw-1\"\nfirmware = \"1.2.0\"\nbackend = \"{}\"\nimage = "
                                      "\"sha256:{}\"\n[customer]\nname = \"Birch\"\nroot = \"{}\"\n[pcrs]\n7 = "
                                      "\"{}\"\n[settings]\ninterval = 60\n",
                                      backend, std::string(64, 'a'), root, std::string(64, 'b')));
    }

    // Each unit is made, once: in the log, as a bundle, and at the MASA.
    void expect_made(size_t count) {
        const auto report = verified();
        EXPECT_EQ(report.exit, 0) << report.all();
        EXPECT_EQ(report.json().at("made").to_number<size_t>(), count) << report.all();
        EXPECT_EQ(report.json().at("failed").to_number<size_t>() + report.json().at("interrupted").to_number<size_t>(), 0U)
            << report.all();
        EXPECT_EQ(report.json().at("unsigned_lines").to_number<size_t>(), 0U);
        EXPECT_EQ(bundles(), count);
        EXPECT_EQ(records(), count);
    }
    // Kills the line when its log has `lines` lines.
    void kill_at(const std::vector<std::string>& command, size_t lines) {
        auto child = *app::child_process::start(fs::path(BERTH_BIN_DIR) / "berth", command);
        const milliseconds until = system_clock().steady() + 600'000;
        const auto so_far = [this] {
            const std::string text = fs::exists(at("lot/production.jsonl")) ? text_of("lot/production.jsonl") : "";
            return static_cast<size_t>(std::ranges::count(text, '\n'));
        };
        while (!child.exit_code() && so_far() < lines && system_clock().steady() < until) {
            app::poll_children({&child}, 5);
        }
        ASSERT_FALSE(child.exit_code()) << "it was at its end before it could be killed";
        ASSERT_GE(so_far(), lines) << "it is too slow to be killed there";
        ::kill(child.pid(), SIGKILL);
        while (!child.exit_code()) {
            app::poll_children({&child}, 10);
        }
        // Its stations' commands go on without it, and would change a chip under the next run's hands.
        const auto busy = [this] {
            return std::ranges::any_of(fs::directory_iterator("/proc"), [this](const auto& entry) {
                std::ifstream in(entry.path() / "cmdline");
                return std::string(std::istreambuf_iterator<char>(in), {}).find(directory.path().string()) != std::string::npos;
            });
        };
        const milliseconds until_ended = system_clock().steady() + 60'000;
        while (busy() && system_clock().steady() < until_ended) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        ASSERT_FALSE(busy()) << "a station's command did not end";
    }
};

}  // namespace berth::test
