// A manufacturer and a customer, set up by commands and served by berthd, wherever their keys are.
#pragma once

#include "key_places.h"

#include <csignal>
#include <fstream>

namespace berth::test {

namespace fs = std::filesystem;

// berthd in the background, and the port that it has bound.
class running_berthd {
public:
    explicit running_berthd(const std::string& config)
        : child_(*app::child_process::start(fs::path(BERTH_BIN_DIR) / "berthd", {"--config", config})) {
        const milliseconds until = system_clock().steady() + 30'000;
        for (bool ready = false; !ready && !child_.ended() && system_clock().steady() < until;) {
            app::poll_children({&child_}, 50);
            for (const auto& line : child_.take_output_lines()) {
                const auto event = wire::parse_json_object(line);
                if (event && event->contains("port")) {
                    port_ = event->at("port").as_int64();
                }
                ready = ready || (event && event->at("event").as_string() == "ready");
            }
        }
    }
    [[nodiscard]] int64_t port() const { return port_; }
    // All that it has said so far.
    std::string errors() {
        app::poll_children({&child_}, 50);
        for (const auto& line : child_.take_error_lines()) {
            errors_ += line + "\n";
        }
        return errors_;
    }
    // Reads its configuration again.
    void reload() {
        const auto said = [this](const char* event) {
            size_t out = 0;
            const std::string all = errors();
            for (size_t from = all.find(event); from != std::string::npos; from = all.find(event, from + 1)) {
                ++out;
            }
            return out;
        };
        const size_t before = said("\"event\":\"reloaded\"");
        ::kill(child_.pid(), SIGHUP);
        const milliseconds until = system_clock().steady() + 30'000;
        while (said("\"event\":\"reloaded\"") == before) {
            ASSERT_LT(system_clock().steady(), until) << errors_;
        }
    }

private:
    std::string errors_;
    app::child_process child_;
    int64_t port_ = 0;
};

class KeyWorld : public testing::Test {
protected:
    [[nodiscard]] std::string at(const std::string& name) const { return (directory.path() / name).string(); }
    void put(const std::string& name, const std::string& text) const {
        fs::create_directories(fs::path(at(name)).parent_path());
        std::ofstream(at(name)) << text << "\n";
    }
    static void must(const std::vector<std::string>& arguments) {
        const auto r = berth(arguments);
        ASSERT_EQ(r.exit, 0) << r.all();
    }
    [[nodiscard]] std::string text_of(const std::string& file) const {
        std::ifstream in(at(file), std::ios::binary);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }
    // How many files below a directory hold a private key.
    [[nodiscard]] size_t private_keys(const std::string& below) const {
        size_t out = 0;
        for (const auto& entry : fs::recursive_directory_iterator(at(below))) {
            if (!entry.is_regular_file()) {
                continue;
            }
            const std::string text = text_of(fs::relative(entry.path(), directory.path()).string());
            out += text.find("PRIVATE KEY") != std::string::npos ? 1 : 0;
        }
        return out;
    }

    // Into makers.pem: the CAs of its maker.
    void put_makers(const swtpm& of) const {
        for (const char* ca : {"swtpm-localca-rootca-cert.pem", "issuercert.pem"}) {
            std::ofstream(at("makers.pem"), std::ios::app) << of.read(std::string("ca/") + ca);
        }
    }

    // Sets up what is not there yet, each at its place below the directory, and starts both berthds.
    void serve(const std::string& algorithm) {
        must({"factory", "init", "--dir", at("factory"), "--maker", "Acme", "--algorithm", algorithm});
        must({"masa", "init", "--dir", at("masa"), "--factory", at("factory"), "--host", "localhost", "--listen", "127.0.0.1:0"});
        if (!fs::exists(at("ca/ca.pem"))) {
            must({"ca", "init", "--dir", at("ca"), "--customer", "Birch", "--algorithm", algorithm});
        }
        masa.emplace(at("masa/berthd.toml"));
        ASSERT_NE(masa->port(), 0) << masa->errors();
        must({"ca", "prove", "--dir", at("ca"), "--customer", "Birch", "--maker-root", at("factory/z1.pem"), "--out",
              at("proof")});
        must({"customer", "register", "Birch", "--masa", at("masa"), "--root", at("ca/z2.pem"), "--proof", at("proof"),
              "--maker-root", at("factory/z1.pem")});
        must({"registrar", "init", "--dir", at("registrar"), "--ca", at("ca"), "--host", "localhost", "--maker-root",
              at("factory/z1.pem"), "--masa", fmt::format("127.0.0.1:{}", masa->port()), "--masa-host", "localhost", "--listen",
              "127.0.0.1:0"});
        const auto checked = run_program("berthd", {"check", at("registrar/berthd.toml")});
        EXPECT_EQ(checked.exit, 0) << checked.all();
        registrar.emplace(at("registrar/berthd.toml"));
        ASSERT_NE(registrar->port(), 0) << registrar->errors();
    }

    // A factory make whose bundle is named like the serial.
    [[nodiscard]] std::vector<std::string> order(const std::string& serial, const std::vector<std::string>& more) const {
        std::vector<std::string> out{"--json",
                                     "factory",
                                     "make",
                                     "--dir",
                                     at("factory"),
                                     "--masa",
                                     at("masa"),
                                     "--serial",
                                     serial,
                                     "--out",
                                     at(serial),
                                     "--registrar",
                                     fmt::format("127.0.0.1:{}", registrar->port())};
        out.insert(out.end(), more.begin(), more.end());
        return out;
    }
    void onboard(const std::string& serial) {
        must({"ownership", "assign", serial, "Birch", "--masa", at("masa")});
        const auto onboarded = berth({"--json", "device", "onboard", "--bundle", at(serial)});
        EXPECT_EQ(onboarded.exit, 0) << onboarded.all() << registrar->errors() << masa->errors();
        EXPECT_TRUE(fs::exists(at(serial + "/installed/device.pem")));
    }

    temporary_directory directory;
    std::optional<running_berthd> masa, registrar;
};

}  // namespace berth::test
