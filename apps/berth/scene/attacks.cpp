#include "scene/attacks.h"

#include "common/files.h"
#include "crypto/random.h"
#include "keystore/key_uri.h"
#include "net/authkem_stream.h"
#include "roles/registrar_role.h"

#include <future>
#include <thread>

namespace berth::app {

namespace fs = std::filesystem;

// ---- the registrar in the middle

struct registrar_in_the_middle::impl {
    net::loop loop;
    std::thread thread;
};

registrar_in_the_middle::registrar_in_the_middle(std::unique_ptr<impl> i, net::address kk2)
    : impl_(std::move(i)), kk2_(std::move(kk2)) {}

registrar_in_the_middle::~registrar_in_the_middle() {
    impl_->loop.stop();
    impl_->thread.join();
}

result<std::unique_ptr<registrar_in_the_middle>> registrar_in_the_middle::start(const world& w, const world_customer& insider,
                                                                                const fs::path& directory) {
    random_source& random = crypto::system_random();
    BERTH_CHECK(ca_init(directory / "ca", {"Mallory"}, system_clock(), random));
    registrar_setup setup;
    setup.ca = directory / "ca";
    setup.hosts = {"localhost"};
    setup.listen = "127.0.0.1:0";
    setup.maker_root = w.factory() / "z1.pem";
    setup.masa = w.kk1().text();
    setup.masa_host = w.masa_host();
    BERTH_CHECK(registrar_init(directory / "registrar", setup, system_clock(), random));
    BERTH_TRY(config, read_config(directory / "registrar" / "berthd.toml"));
    config.registrar->kk1_identity =
        key_and_chain{insider.registrar / "z4.pem", "file:" + (insider.registrar / "z4.key").string()};

    auto made = std::make_unique<impl>();
    std::promise<result<uint16_t>> listening;
    auto answer = listening.get_future();
    made->thread = std::thread([&loop = made->loop, config = std::move(config), &listening] {
        auto role = registrar_role::start(loop, *config.registrar, *config.ca, system_clock(), crypto::system_random());
        if (!role) {
            listening.set_value(fail(role.error()));
            return;
        }
        listening.set_value((*role)->port());
        loop.run();
    });
    const auto port = answer.get();
    if (!port) {
        made->thread.join();
        return fail(port.error());
    }
    return std::make_unique<registrar_in_the_middle>(std::move(made), net::address{"127.0.0.1", *port});
}

// ---- the clone

namespace {

class clone_key final : public keystore::kem_key {
public:
    clone_key(crypto::kem_public_key victim, random_source& random)
        : victim_(std::move(victim)), own_(crypto::kem_private_key::generate(victim_.algorithm(), random)) {
        able_.backend = "software";
    }
    crypto::kem_algorithm algorithm() const override { return victim_.algorithm(); }
    const crypto::kem_public_key& public_key() const override { return victim_; }
    result<secret_bytes> decapsulate(bytes_view enc) const override { return own_.decapsulate(enc); }
    const keystore::capabilities& able() const override { return able_; }

private:
    crypto::kem_public_key victim_;
    crypto::kem_private_key own_;
    keystore::capabilities able_;
};

}  // namespace

keystore::kem_key_ptr key_of_a_clone(const crypto::kem_public_key& victim, random_source& random) {
    return std::make_shared<clone_key>(victim, random);
}

// ---- the device that plays registrar

std::optional<error> play_registrar(const world& w, const device_bundle& bundle, const std::string& credential) {
    const fs::path installed = bundle.directory / "installed";
    std::optional<error> answer;
    const auto tried = [&]() -> result<void> {
        BERTH_TRY(chain, read_chain(installed / (credential + ".pem")));
        BERTH_TRY(key, keystore::open_kem_key("file:" + (installed / (credential + ".key")).string()));
        BERTH_TRY(root, read_certificate(w.factory() / "z1.pem"));
        authkem::client_config config;
        config.own = authkem::credential{std::move(chain), std::move(key)};
        config.expect_certificate_request = true;
        BERTH_TRY(trust, pki::trust_store::from_root(root));
        config.server.trust = trust;
        config.alpn = {std::string(onboarding::alpn_kk1)};
        config.alpn_required = true;
        BERTH_TRY(context, authkem::client_context::make(std::move(config)));
        net::loop loop;
        net::stream_events events;
        events.on_established = [&loop] { loop.stop(); };
        events.on_closed = [&](const error* why) {
            answer = why ? *why : error{error_category::peer, "closed", "the MASA closed the connection"};
            loop.stop();
        };
        const auto stream =
            net::authkem_stream::connect(loop, w.kk1(), context, system_clock(), crypto::system_random(), std::move(events));
        loop.run();
        return {};
    }();
    return tried ? answer : std::optional<error>(tried.error());
}

}  // namespace berth::app
