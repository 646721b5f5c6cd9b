// Certificates that do not hold, on KK1, KK2 and KK3 of the real programs and in both directions: refused with the named error
// and the alert, and nothing is stored.
#include "support.h"

#include "common/files.h"
#include "onboarding/device/session.h"
#include "pki/crl.h"

#include <deque>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

constexpr unix_seconds day = 86'400;

// A certificate that is refused: how it is made, and what its judge says.
struct bad {
    const char* name;
    std::function<void(pki::certificate_template&)> change;
    const char* error;
    const char* alert;
};

std::vector<bad> bad_ones() {
    const unix_seconds now = system_clock().now();
    return {{"expired", [=](auto& t) { t.not_before = now - 2 * day, t.not_after = now - 60; }, "certificate_expired",
             "certificate_expired"},
            {"early", [=](auto& t) { t.not_before = now + day; }, "certificate_not_yet_valid", "certificate_expired"},
            {"signing", [](auto& t) { t.key_usage = pki::digital_signature; }, "bad_key_usage", "bad_certificate"},
            {"revoked", {}, "certificate_revoked", "certificate_revoked"}};
}

class HostileCertificates : public testing::Test {
protected:
    static void SetUpTestSuite() {
        directory = std::make_unique<temporary_directory>();
        world = start_world(directory->path(), {"Birch"});
    }
    static void TearDownTestSuite() {
        world.reset();
        directory.reset();
    }
    void SetUp() override { ASSERT_TRUE(world) << "the daemons did not start"; }

    static fs::path made_here() {
        const fs::path out = directory->path() / "bad";
        EXPECT_TRUE(app::make_directory(out));
        return out;
    }
    // name.pem and name.key under `by`; revoked ones are on a list beside.
    static authkem::credential leaf(const std::string& name, const pki::certificate_template& contents,
                                    const app::authority& by) {
        const fs::path out = made_here();
        got(app::make_kem_leaf(out, name, contents, by, crypto::kem_algorithm::mlkem768_p256, crypto::system_random()));
        return credential_of(out / (name + ".pem"), out / (name + ".key"));
    }
    // The list of `by` with these certificates.
    static fs::path revoke(const std::string& name, const app::authority& by, const std::vector<pki::certificate>& leaves) {
        pki::crl_template list;
        list.this_update = system_clock().now() - day;
        list.next_update = system_clock().now() + day;
        for (const auto& c : leaves) {
            list.revoked.push_back({to_bytes(c.serial()), list.this_update, pki::revocation_reason::key_compromise});
        }
        const fs::path file = made_here() / (name + ".crl");
        const auto issued = got(pki::issue_crl(list, by.certificate(), by.key->as_signing_key()));
        EXPECT_TRUE(app::write_text(file, issued.to_pem()));
        return file;
    }
    static void configure(const fs::path& file, const std::string& was, const std::string& is) {
        std::string toml = got(app::read_text(file));
        const size_t where = toml.find(was);
        ASSERT_NE(where, std::string::npos) << file << " has no " << was;
        toml.replace(where, was.size(), is);
        ASSERT_TRUE(app::write_text(file, toml));
    }

    // With new configurations; KK1 stands again.
    void restart_both() {
        ASSERT_TRUE(world->restart("masa"));
        ASSERT_TRUE(world->restart("Birch"));
        log.forget();
        ASSERT_TRUE(log.wait_for("Birch", "kk1_opened", "", 1, 20'000)) << log.said("Birch");
    }

    // What a refused peer must not change.
    static std::string state() {
        auto masa = got(store::sqlite_masa_store::open((world->masa() / "masa.db").string()));
        auto registrar = got(store::sqlite_registrar_store::open((world->customer("Birch").registrar / "registrar.db").string()));
        std::string out = fmt::format("audit {}\n", got(masa->audit_entries(0, 1000)).size());
        for (const auto& d : got(masa->list_devices(100, {}))) {
            out += fmt::format("{} {} {}\n", d.device.serial, static_cast<int>(d.state), d.owner(system_clock().now()));
        }
        for (const auto& d : got(registrar->list_devices(100, {}))) {
            out += "seen " + d.device.serial + "\n";
        }
        return out;
    }
    // The peer is refused, both sides say why, and nothing has changed.
    void expect_refused(const std::string& daemon, uint16_t port, const authkem::client_config& config, const bad& c) {
        SCOPED_TRACE(c.name);
        const std::string before = state();
        hostile_peer peer(port, config);
        if (peer.handshake()) {
            (void)peer.say(as_bytes("anything"));
            (void)peer.wait_for_refusal();
        }
        EXPECT_EQ(peer.server_alert(), c.alert);
        EXPECT_TRUE(log.wait_for(daemon, "handshake_failed", c.error, 1, 20'000)) << log.said(daemon);
        log.forget();
        EXPECT_EQ(state(), before);
    }

    log_watch log{*world};
    static std::unique_ptr<temporary_directory> directory;
    static std::unique_ptr<app::world> world;
};
std::unique_ptr<temporary_directory> HostileCertificates::directory;
std::unique_ptr<app::world> HostileCertificates::world;

pki::validity usual() {
    return {system_clock().now() - day, system_clock().now() + day};
}

// ---- who knocks at KK2 and at KK3 by the direct way: a device

TEST_F(HostileCertificates, OfADeviceOnKk2AndKk3) {
    const auto issuer = got(app::open_authority(world->factory(), "idevid-ca"));
    const auto root = got(app::open_authority(world->factory(), "z1"));
    std::vector<std::pair<bad, authkem::credential>> peers;
    for (const auto& c : bad_ones()) {
        auto contents = pki::idevid_kem_template("Acme Devices", std::string("BAD-") + c.name, std::nullopt, usual());
        if (c.change) {
            c.change(contents);
        }
        peers.emplace_back(c, leaf(std::string("device-") + c.name, contents, issuer));
    }
    const fs::path list = revoke("idevid-ca", issuer, {peers.back().second.chain.front()});
    const fs::path none = revoke("z1", root, {});
    // Serves as a server too, which no device may.
    auto two_purposes = pki::idevid_kem_template("Acme Devices", "BAD-server", std::nullopt, usual());
    two_purposes.extended_key_usages.emplace_back(pki::oid_server_auth);
    peers.emplace_back(bad{"server", {}, "bad_extended_key_usage", "bad_certificate"},
                       leaf("device-server", two_purposes, issuer));
    // Of somebody else's factory.
    const fs::path elsewhere = directory->path() / "elsewhere";
    ASSERT_TRUE(app::factory_init(elsewhere, {"Acme Devices"}, system_clock(), crypto::system_random()));
    peers.emplace_back(bad{"foreign", {}, "unknown_issuer", "unknown_ca"},
                       leaf("device-foreign", pki::idevid_kem_template("Acme Devices", "BAD-foreign", std::nullopt, usual()),
                            got(app::open_authority(elsewhere, "idevid-ca"))));

    const std::string lists = fmt::format("crls = [\"{}\", \"{}\"]", list.string(), none.string());
    const std::string masa_host = "masa_host = \"" + world->masa_host() + "\"";
    const std::string issuers = fmt::format("issuers = [\"{}\"]\n", (world->factory() / "idevid-ca.pem").string());
    configure(world->customer("Birch").registrar / "berthd.toml", masa_host, masa_host + "\n" + issuers + lists);
    configure(world->masa() / "berthd.toml", "store_key", "device_" + lists + "\nstore_key");
    restart_both();
    const auto keys = got(app::device_bundle::open(got(world->make_device(world->order_for("C-1", "Birch"), "Birch")))).masa_keys;
    for (const auto& [c, own] : peers) {
        expect_refused("Birch", world->customer("Birch").kk2.port, kk2_client(own), c);
        authkem::client_config kk3 = kk2_client({{own.chain.front()}, own.key});
        kk3.alpn = {std::string(onboarding::alpn_kk3)};
        kk3.pdk = authkem::client_config::predistributed_key{keys.front(), true, true};
        expect_refused("masa", world->direct().port, kk3, c);
    }
    // By the same rules a good one is onboarded, by both ways.
    auto direct = world->order_for("C-2", "Birch");
    direct.direct = true;
    const auto good = onboard(log, got(world->make_device(direct, "Birch")));
    EXPECT_EQ(good.exit, 0) << good.all();
}

// ---- who knocks at KK1: a registrar

TEST_F(HostileCertificates, OfARegistrarOnKk1) {
    const auto issuer = got(app::open_authority(world->customer("Birch").ca, "ca"));
    const auto root = got(app::open_authority(world->customer("Birch").ca, "z2"));
    std::vector<std::pair<bad, authkem::credential>> peers;
    const auto usual_template = [] { return pki::registrar_kem_template("Birch", "r", {"localhost"}, usual()); };
    for (const auto& c : bad_ones()) {
        auto contents = usual_template();
        if (c.change) {
            c.change(contents);
        }
        peers.emplace_back(c, leaf(std::string("registrar-") + c.name, contents, issuer));
    }
    const fs::path list = revoke("ca", issuer, {peers.back().second.chain.front()});
    const fs::path none = revoke("z2", root, {});
    auto no_registrar = usual_template();
    std::erase(no_registrar.extended_key_usages, std::string(pki::oid_cmc_ra));
    peers.emplace_back(bad{"device", {}, "bad_extended_key_usage", "bad_certificate"},
                       leaf("registrar-device", no_registrar, issuer));
    const fs::path elsewhere = directory->path() / "unregistered";
    ASSERT_TRUE(app::ca_init(elsewhere, {"Birch"}, system_clock(), crypto::system_random()));
    peers.emplace_back(bad{"foreign", {}, "unknown_issuer", "unknown_ca"},
                       leaf("registrar-foreign", usual_template(), got(app::open_authority(elsewhere, "ca"))));
    configure(world->masa() / "berthd.toml", "store_key",
              fmt::format("registrar_crls = [\"{}\", \"{}\"]\nstore_key", list.string(), none.string()));
    restart_both();
    for (const auto& [c, own] : peers) {
        expect_refused("masa", world->kk1().port, kk1_client(*world, own), c);
    }
    const auto good = onboard(log, got(world->make_device(world->order_for("C-3", "Birch"), "Birch")));
    EXPECT_EQ(good.exit, 0) << good.all();
}

// ---- who answers: `berth authkem server` plays the other side and takes whoever comes

class impostor {
public:
    impostor(const std::string& alpn, const fs::path& chain, const fs::path& key)
        : process_(got(app::child_process::start(fs::path(BERTH_BIN_DIR) / "berth",
                                                 {"authkem", "server", "--port", "0", "--json", "--mutual", "--provisional",
                                                  "--alpn", alpn, "--cert", chain.string(), "--key", key.string()}))) {
        for (int i = 0; i < 200 && port == 0; ++i) {
            const auto line = next_line();
            port = line.contains("port") ? static_cast<uint16_t>(line.at("port").as_int64()) : uint16_t{0};
        }
    }
    // The report of the next connection.
    wire::json::object report() {
        for (int i = 0; i < 200; ++i) {
            if (auto line = next_line(); line.contains("alert")) {
                return line;
            }
        }
        return {};
    }
    uint16_t port = 0;

private:
    wire::json::object next_line() {
        if (lines_.empty()) {
            app::poll_children({&process_}, 100);
            for (auto& line : process_.take_output_lines()) {
                lines_.push_back(std::move(line));
            }
        }
        if (lines_.empty()) {
            return {};
        }
        auto out = wire::parse_json_object(lines_.front());
        lines_.pop_front();
        return out.value_or(wire::json::object());
    }
    app::child_process process_;
    std::deque<std::string> lines_;
};

void expect_told(impostor& peer, const char* alert) {
    const auto report = peer.report();
    ASSERT_TRUE(report.contains("alert"));
    EXPECT_EQ(report.at("alert"), wire::json::value(alert));
    EXPECT_EQ(report.at("alert_from"), wire::json::value("peer"));
    EXPECT_EQ(report.at("received"), wire::json::value("")) << "nothing was said to an impostor";
}

TEST_F(HostileCertificates, OfAMasaThatARegistrarReaches) {
    const auto root = got(app::open_authority(world->factory(), "z1"));
    const auto issuer = got(app::open_authority(world->factory(), "idevid-ca"));
    const auto template_for = [&](const std::string& host) { return pki::masa_kem_template("Acme Devices", host, usual()); };
    std::vector<bad> cases = bad_ones();
    cases.push_back({"device", [](auto& t) { t.extended_key_usages = {std::string(pki::oid_client_auth)}; }, "wrong_key_purpose",
                     "bad_certificate"});
    cases.push_back({"host", [&](auto& t) { t.alt_names.dns = {"elsewhere.example"}; }, "wrong_server_name", "bad_certificate"});
    cases.push_back({"foreign", {}, "unknown_issuer", "unknown_ca"});
    const fs::path elsewhere = directory->path() / "elsewhere-masa";
    ASSERT_TRUE(app::factory_init(elsewhere, {"Acme Devices"}, system_clock(), crypto::system_random()));
    std::vector<pki::certificate> revoked;
    for (const auto& c : cases) {
        auto contents = template_for(world->masa_host());
        if (c.change) {
            c.change(contents);
        }
        const bool foreign = std::string_view(c.name) == "foreign";
        const auto made =
            leaf(std::string("masa-") + c.name, contents, foreign ? got(app::open_authority(elsewhere, "idevid-ca")) : issuer);
        if (std::string_view(c.name) == "revoked") {
            revoked.push_back(made.chain.front());
        }
    }
    const fs::path list = revoke("idevid-ca-masa", issuer, revoked);
    const fs::path none = revoke("z1-masa", root, {});
    const fs::path file = world->customer("Birch").registrar / "berthd.toml";
    const std::string kept = got(app::read_text(file));
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        impostor masa(std::string(onboarding::alpn_kk1), made_here() / (std::string("masa-") + c.name + ".pem"),
                      made_here() / (std::string("masa-") + c.name + ".key"));
        ASSERT_NE(masa.port, 0);
        const std::string before = state();
        ASSERT_TRUE(app::write_text(file, kept));
        configure(file, "\"" + world->kk1().text() + "\"", fmt::format("\"127.0.0.1:{}\"", masa.port));
        if (kept.find("crls = ") == std::string::npos) {
            configure(file, "masa_host",
                      fmt::format("issuers = [\"{}\"]\ncrls = [\"{}\", \"{}\"]\nmasa_host",
                                  (world->factory() / "idevid-ca.pem").string(), list.string(), none.string()));
        } else {
            configure(file, "crls = [", fmt::format("crls = [\"{}\", \"{}\"] # ", list.string(), none.string()));
        }
        ASSERT_TRUE(world->restart("Birch"));
        EXPECT_TRUE(log.wait_for("Birch", "kk1_lost", c.error, 1, 20'000)) << log.said("Birch");
        EXPECT_EQ(log.said("Birch").find("customer register"), std::string::npos) << "it is the registrar who refuses";
        expect_told(masa, c.alert);
        log.forget();
        EXPECT_EQ(state(), before);
    }
    ASSERT_TRUE(app::write_text(file, kept));
    restart_both();
}

TEST_F(HostileCertificates, OfARegistrarThatAnOnboardedDeviceReaches) {
    const auto bundle = got(world->make_device(world->order_for("C-4", "Birch"), "Birch"));
    const auto first = onboard(log, bundle);
    ASSERT_EQ(first.exit, 0) << first.all();
    const auto issuer = got(app::open_authority(world->customer("Birch").ca, "ca"));
    const fs::path elsewhere = directory->path() / "elsewhere-registrar";
    ASSERT_TRUE(app::ca_init(elsewhere, {"Birch"}, system_clock(), crypto::system_random()));
    std::vector<bad> cases = bad_ones();
    cases.pop_back();  // a device is told of no revocation of its own registrar
    cases.push_back(
        {"device",
         [](auto& t) { t.extended_key_usages = {std::string(pki::oid_client_auth), std::string(pki::oid_server_auth)}; },
         "bad_extended_key_usage", "bad_certificate"});
    cases.push_back({"foreign", {}, "unknown_issuer", "unknown_ca"});
    const fs::path file = bundle / "installed" / "state.json";
    const std::string kept = got(app::read_text(file));
    const std::string configuration = got(app::read_text(bundle / "installed" / "config.json"));
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        auto contents = pki::registrar_kem_template("Birch", "r", {"localhost"}, usual());
        if (c.change) {
            c.change(contents);
        }
        const std::string name = std::string("kk2-") + c.name;
        (void)leaf(name, contents, std::string_view(c.name) == "foreign" ? got(app::open_authority(elsewhere, "ca")) : issuer);
        impostor registrar(std::string(onboarding::alpn_kk2), made_here() / (name + ".pem"), made_here() / (name + ".key"));
        ASSERT_NE(registrar.port, 0);
        ASSERT_TRUE(app::write_text(file, kept));
        configure(file, world->customer("Birch").kk2.text(), fmt::format("127.0.0.1:{}", registrar.port));
        const std::string before = state();
        const auto asked = berth({"--json", "device", "config", "--bundle", bundle.string()});
        EXPECT_EQ(asked.exit, 1) << asked.all();
        EXPECT_EQ(asked.error_name(), c.error) << asked.all();
        expect_told(registrar, c.alert);
        EXPECT_EQ(got(app::read_text(bundle / "installed" / "config.json")), configuration);
        EXPECT_EQ(state(), before);
    }
}

}  // namespace
}  // namespace berth::test
