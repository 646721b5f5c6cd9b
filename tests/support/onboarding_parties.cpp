#include "support/onboarding_parties.h"

#include "common/files.h"
#include "crypto/hkdf.h"
#include "keystore/key_uri.h"
#include "keystore/software.h"
#include "pki/private_key_file.h"

#include <gtest/gtest.h>

namespace berth::test {

namespace fs = std::filesystem;
using namespace onboarding;

namespace {

// A result that must hold, in set-up code.
template <class T>
T must(result<T> r) {
    if (!r) {
        throw std::runtime_error(r.error().name + ": " + r.error().message);
    }
    return std::move(*r);
}
void must(result<void> r) {
    if (!r) {
        throw std::runtime_error(r.error().name + ": " + r.error().message);
    }
}

}  // namespace

temporary_directory::temporary_directory() {
    std::string name = (fs::temp_directory_path() / "berth-test-XXXXXX").string();
    if (!::mkdtemp(name.data())) {
        throw std::runtime_error("no temporary directory");
    }
    path_ = name;
}

temporary_directory::~temporary_directory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

// ---- parties

pki::certificate parties::load_maker_root() {
    must(app::factory_init(factory(), {"Acme Devices"}, clock, crypto::system_random()));
    return must(app::read_certificate(factory() / "z1.pem"));
}

parties::parties() : maker_root(load_maker_root()) {
    app::masa_setup setup;
    setup.factory = factory();
    setup.host = "masa.acme.example";
    const fs::path dir = directory.path() / "masa";
    must(app::masa_init(dir, setup, clock, crypto::system_random()));
    auto settings = masa_files();
    for (const auto& c : settings.keys) {
        masa_keys.push_back(c.key->public_key());
    }
    masa_store = must(store::sqlite_masa_store::open((dir / "masa.db").string()));
    masa = std::make_unique<masa_service>(std::move(settings), *masa_store, clock, crypto::system_random());
}

masa_settings parties::masa_files() const {
    const fs::path dir = directory.path() / "masa";
    masa_settings settings;
    for (const std::string name : {"z5", "z5-spare"}) {
        settings.keys.push_back({must(app::read_chain(dir / (name + ".pem"))),
                                 must(keystore::open_kem_key("file:" + (dir / (name + ".key")).string()))});
    }
    settings.device_roots = {maker_root};
    settings.device_issuers = {must(app::read_certificate(factory() / "idevid-ca.pem"))};
    settings.store_key = must(pki::read_secret_file((dir / "store.key").string(), 32));
    return settings;
}

pki::crl parties::revoked_registrar(const customer_party& c) const {
    const auto key = must(pki::load_signing_key((c.directory / "ca" / "z2.key").string()));
    const unix_seconds now = clock.now();
    return must(pki::issue_crl(
        {1, now - 60, now + 3600, {{c.z4.front().serial(), now - 30, pki::revocation_reason::key_compromise}}}, c.root, key));
}

customer_party& parties::add_customer(const std::string& name) {
    const fs::path base = directory.path() / name;
    must(app::ca_init(base / "ca", {name}, clock, crypto::system_random()));
    app::registrar_setup setup;
    setup.ca = base / "ca";
    setup.hosts = {"registrar.example"};
    setup.maker_root = factory() / "z1.pem";
    setup.masa = "masa.acme.example:9443";
    must(app::registrar_init(base / "registrar", setup, clock, crypto::system_random()));
    auto root = must(app::read_certificate(base / "ca" / "z2.pem"));
    auto c = std::unique_ptr<customer_party>(
        new customer_party{name,
                           base,
                           root,
                           must(app::read_chain(base / "registrar" / "z4.pem")),
                           must(keystore::open_kem_key("file:" + (base / "registrar" / "z4.key").string())),
                           must(store::sqlite_registrar_store::open((base / "registrar" / "registrar.db").string())),
                           std::nullopt,
                           {}});
    app::ca_config ca;
    ca.issuer = {base / "ca" / "ca.pem", "file:" + (base / "ca" / "ca.key").string()};
    c->ca.emplace(must(app::embedded_ca::open(ca)));
    c->settings.own_leaf_hash = c->z4.front().sha256();
    c->settings.domain = got(pki::trust_store::from_root(root));
    must(masa_store->register_customer({name, to_bytes(root.der()), {}}, clock.now()));
    auto& out = *c;
    customers[name] = std::move(c);
    return out;
}

std::vector<device_credential> parties::fresh_credentials() {
    auto& random = crypto::system_random();
    return {{"device", keystore::software_signing_key(
                           crypto::signing_key::generate(crypto::signature_algorithm::ecdsa_p256_sha256, random))},
            {"device-pq",
             keystore::software_signing_key(crypto::signing_key::generate(crypto::signature_algorithm::mldsa65, random))},
            {"device-kem",
             keystore::software_kem_key(crypto::kem_private_key::generate(crypto::kem_algorithm::mlkem768_p256, random))}};
}

device_party parties::make_device(const std::string& serial, const std::string& customer) {
    app::device_order order;
    order.serial = serial;
    const fs::path out = directory.path() / "devices" / serial;
    device_party d;
    const std::string keys = must(app::read_text(directory.path() / "masa" / "masa-kem.pem"));
    d.identity = must(app::factory_make(factory(), out, order, keys, clock, crypto::system_random()));
    d.z3 = must(app::read_chain(out / "z3.pem"));
    d.p3 = must(keystore::open_kem_key("file:" + (out / "p3.pem").string()));
    d.credentials = fresh_credentials();
    registry::ownership record;
    record.device = d.identity;
    record.model = order.model;
    must(masa_store->add_device(record, "", clock.now()));
    if (!customer.empty()) {
        must(masa_store->assign(d.identity, customer, clock.now()));
    }
    return d;
}

device_settings parties::settings_of(const device_party& d) const {
    return {.identity = d.identity,
            .model = "model-1",
            .firmware = "1.0.0",
            .z3 = d.z3.front(),
            .p3 = d.p3,
            .masa_key = masa_keys.front(),
            .credentials = d.credentials,
            .earliest = 0,
            .has_clock = true,
            .direct_kk3 = false,
            .pending_jitter_ms = 0,
            .quote = {}};
}

registry::ownership parties::ownership(const device_party& d) {
    return *must(masa_store->find_device(d.identity));
}

std::vector<std::string> parties::audit_outcomes(const device_party& d) {
    std::vector<std::string> out;
    for (const auto& e : must(masa_store->audit_entries(0, 10000))) {
        if (e.what.device == d.identity) {
            out.push_back(e.what.event + " " + e.what.outcome);
        }
    }
    return out;
}

// ---- a scene

onboarding_scene::onboarding_scene(parties& p, const device_party& d, customer_party& r, customer_party* kk1)
    : world(p), registrar_party(r), kk1_party(kk1 ? *kk1 : r) {
    // Both ends of a KK2 export the same; every KK2 exports something else.
    const auto secret = std::make_shared<secret_bytes>(size_t{48});
    crypto::system_random().fill(secret->writable());
    kk2_ = [secret](std::string_view label, size_t length) {
        return crypto::hkdf_expand(crypto::hash_algorithm::sha384, secret->reveal(), as_bytes(label), length);
    };
    device = std::make_unique<device_session>(p.settings_of(d), channel{kk2_, r.z4}, p.clock, crypto::system_random());
    registrar = std::make_unique<registrar_session>(r.settings, *r.store, kk2_device{d.identity, d.z3.front().sha256()},
                                                    channel{kk2_, d.z3}, p.clock, crypto::system_random());
    registrar_link = std::make_unique<onboarding::registrar_link>(*r.store, p.maker_root.spki_sha256(), p.clock);
    masa_link = std::make_unique<onboarding::masa_link>(*p.masa, kk1_peer{kk1_party.z4});
}

void onboarding_scene::start() {
    device->start();
}

bytes onboarding_scene::pass(leg l, bytes octets) {
    append(recorded[l], octets);
    return tamper && !octets.empty() ? tamper(l, std::move(octets)) : octets;
}

bool onboarding_scene::turn() {
    bool moved = false;
    const auto move = [&](leg l, bytes octets, auto&& into) {
        if (octets.empty()) {
            return;
        }
        moved = true;
        octets = pass(l, std::move(octets));
        if (!octets.empty()) {
            into(octets);
        }
    };
    move(leg::device_to_registrar, device->take_output(), [&](bytes_view o) { registrar->receive(o); });
    if (registrar->wants_masa() && !registrar->closing() && !registrar_link->has(*registrar)) {
        registrar_link->attach(*registrar);
    }
    if (auto asked = registrar->take_order()) {
        if (auto_ca) {
            registrar->ca_answered(registrar_party.ca->issue(*asked, world.clock, crypto::system_random()));
        } else {
            order = std::move(asked);
        }
    }
    registrar_link->collect();
    move(leg::registrar_to_masa, registrar_link->take_output(), [&](bytes_view o) { kk1_alive = masa_link->receive(o); });
    move(leg::masa_to_registrar, masa_link->take_output(), [&](bytes_view o) { (void)registrar_link->receive(o); });
    move(leg::registrar_to_device, registrar->take_output(), [&](bytes_view o) { device->receive(o); });
    if (auto_install && device->state() == device_state::installing) {
        install_accepted();
        moved = true;
    }
    return moved;
}

void onboarding_scene::install_accepted() {
    accepted = device->take_accepted();
    device->installed();
}

void onboarding_scene::run() {
    for (int i = 0; i < 200 && turn(); ++i) {
    }
}

void onboarding_scene::reopen_kk1() {
    registrar_link->lost();
    registrar_link =
        std::make_unique<onboarding::registrar_link>(*registrar_party.store, world.maker_root.spki_sha256(), world.clock);
    masa_link = std::make_unique<onboarding::masa_link>(*world.masa, kk1_peer{kk1_party.z4});
    if (registrar->wants_masa() && !registrar->closing()) {
        registrar_link->attach(*registrar);
    }
    (void)registrar_link->deliver_results();
}

}  // namespace berth::test
