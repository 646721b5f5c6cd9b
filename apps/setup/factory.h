// The manufacturer's factory: Z1, the IDevID issuing CA, and devices with Z3 and P3.
#pragma once

#include "onboarding/identity.h"
#include "setup/keys.h"

namespace berth::app {

struct factory_settings {
    std::string maker;
    crypto::signature_algorithm algorithm = crypto::signature_algorithm::mldsa65;
};

// DIR: z1.pem z1.key (root), idevid-ca.pem idevid-ca.key. Errors of files, `file_exists`.
result<void> factory_init(const std::filesystem::path& directory, const factory_settings& settings, const clock& time,
                          random_source& random);

struct device_order {
    std::string serial;
    std::string model = "model-1";
    std::string firmware = "1.0.0";
    crypto::kem_algorithm kem = crypto::kem_algorithm::mlkem768_p256;
    std::vector<std::string> registrars;  // host:port
    std::string masa;                     // host:port, for rendezvous and direct KK3; empty: none
    std::vector<std::string> discovery;
    bool direct = false;
    // name=algorithm
    std::vector<std::pair<std::string, std::string>> credentials{{"device", "p256"}, {"device-pq", "mldsa65"}};
    uint32_t pending_jitter_ms = 60'000;
};

// One bundle directory. `masa_keys` is masa-kem.pem's text. Errors of files; `bad_serial`; `file_exists`.
result<onboarding::device_identity> factory_make(const std::filesystem::path& factory, const std::filesystem::path& out,
                                                 const device_order& order, const std::string& masa_keys, const clock& time,
                                                 random_source& random);

}  // namespace berth::app
