// The three parties of docs/onboarding.md in one process: real keys, certificates, KK3 handshakes and SQLite stores; KK1 and
// KK2 are octet queues whose exporters and peer chains are given, so that a test can stand on either side of them.
#pragma once

#include "base/clock.h"
#include "crypto/random.h"
#include "onboarding/device/session.h"
#include "onboarding/masa/link.h"
#include "onboarding/registrar/link.h"
#include "roles/embedded_ca.h"
#include "setup/customer.h"
#include "setup/factory.h"
#include "setup/masa.h"
#include "store/sqlite/masa_store.h"
#include "store/sqlite/registrar_store.h"

#include <filesystem>

namespace berth::test {

// The value of a result that must hold, by value: for loops over what a call returns.
template <class T>
T got(result<T> r) {
    if (!r) {
        throw std::runtime_error(r.error().name + ": " + r.error().message);
    }
    return std::move(*r);
}

// A directory of its own, removed at the end.
class temporary_directory {
public:
    temporary_directory();
    ~temporary_directory();
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

// A registered customer: root Z2, CA, registrar key Z4, records.
struct customer_party {
    std::string name;
    std::filesystem::path directory;
    pki::certificate root;
    std::vector<pki::certificate> z4;  // leaf first
    keystore::kem_key_ptr z4_key;
    std::unique_ptr<store::sqlite_registrar_store> store;
    std::optional<app::embedded_ca> ca;
    onboarding::registrar_settings settings;
};

// A device as it left the factory.
struct device_party {
    onboarding::device_identity identity;
    std::vector<pki::certificate> z3;
    keystore::kem_key_ptr p3;
    std::vector<onboarding::device_credential> credentials;
};

class parties {
public:
    parties();

    customer_party& add_customer(const std::string& name);
    // Made and recorded; assigned unless `customer` is empty.
    device_party make_device(const std::string& serial, const std::string& customer);
    // Fresh P-256, ML-DSA-65 and hybrid KEM keys.
    static std::vector<onboarding::device_credential> fresh_credentials();
    [[nodiscard]] onboarding::device_settings settings_of(const device_party& d) const;
    // What the MASA's files say.
    [[nodiscard]] onboarding::masa_settings masa_files() const;
    // A list by the customer's root with its Z4 on it.
    [[nodiscard]] pki::crl revoked_registrar(const customer_party& c) const;

    manual_clock clock{1'800'000'000};
    temporary_directory directory;
    std::vector<crypto::kem_public_key> masa_keys;
    pki::certificate maker_root;
    std::unique_ptr<store::sqlite_masa_store> masa_store;
    std::unique_ptr<onboarding::masa_service> masa;
    std::map<std::string, std::unique_ptr<customer_party>> customers;

    [[nodiscard]] registry::ownership ownership(const device_party& d);
    // Names of the audit log's outcomes for a device, in order.
    [[nodiscard]] std::vector<std::string> audit_outcomes(const device_party& d);

private:
    pki::certificate load_maker_root();
    std::filesystem::path factory() const { return directory.path() / "factory"; }
};

// Whose octets pass.
enum class leg : uint8_t { device_to_registrar, registrar_to_device, registrar_to_masa, masa_to_registrar };

// One device at one registrar. Octets are moved by run() until nobody has anything to say.
class onboarding_scene {
public:
    // `kk1`: the customer whose Z4 stands on KK1, when it is not `registrar`'s (a registrar in the middle).
    onboarding_scene(parties& p, const device_party& device, customer_party& registrar, customer_party* kk1 = nullptr);

    // Sees, changes, drops (empty) or multiplies all octets of a leg in one go.
    std::function<bytes(leg, bytes)> tamper;
    // What the registrar could read, in clear, of each leg.
    std::map<leg, bytes> recorded;

    void start();
    // Until quiet. Installs when S14 has held.
    void run();
    // One exchange of octets in all directions; false when nothing moved.
    bool turn();
    void install_accepted();

    parties& world;
    customer_party& registrar_party;
    customer_party& kk1_party;
    std::unique_ptr<onboarding::device_session> device;
    std::unique_ptr<onboarding::registrar_session> registrar;
    std::unique_ptr<onboarding::registrar_link> registrar_link;
    std::unique_ptr<onboarding::masa_link> masa_link;
    std::optional<onboarding::accepted_grant> accepted;
    bool auto_install = true;
    bool auto_ca = true;
    std::optional<onboarding::certificate_order> order;  // when !auto_ca
    result<void> kk1_alive;

    [[nodiscard]] std::string device_error() const { return device->why() ? device->why()->name : ""; }
    [[nodiscard]] std::string registrar_error() const { return registrar->why() ? registrar->why()->name : ""; }
    void reopen_kk1();
    [[nodiscard]] const onboarding::exporter_function& kk2_exporter() const { return kk2_; }

private:
    bytes pass(leg l, bytes octets);
    onboarding::exporter_function kk2_;
};

}  // namespace berth::test
