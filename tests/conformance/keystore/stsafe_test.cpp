// The STSAFE-A back end over the model of the chip, in clear and in a host session whose every command is encrypted.
#include "backend_suite.h"
#include "keystore/stsafe/keys.h"
#include "keystore_suite.h"
#include "support/stsafe_chip.h"
#include "support/stsafe_sim.h"

namespace berth::keystore {

namespace {

// Each case a new chip, which lives as long as the process: the keys that it hands out speak with it.
std::shared_ptr<stsafe::device> new_chip(bool session) {
    static std::vector<std::unique_ptr<test::model_chip>> all;
    auto& chip = *all.emplace_back(std::make_unique<test::model_chip>("chip " + std::to_string(all.size())));
    auto device = chip.share();
    if (session) {
        using stsafe::attribute;
        using stsafe::put_attribute;
        test::value_of(device->run(put_attribute{attribute::host_key, {secret_bytes(test::host_key_octets)}}));
        bytes flags;
        for (const uint8_t code : bytes{0x02, 0x05, 0x06, 0x0e, 0x0f, 0x11, 0x16, 0x18}) {
            append(flags, bytes{code, stsafe::encrypt_command | stsafe::encrypt_answer});
        }
        test::value_of(device->run(put_attribute{attribute::command_encryption, {secret_bytes(flags)}}));
        EXPECT_TRUE(device->open_host_session(test::test_host_keys()));
    }
    return device;
}

kem_case kem(std::string label, crypto::kem_algorithm alg, bool session) {
    return {std::move(label), [alg, session] {
                test::named_random random("host");
                return test::value_of(stsafe::make_kem_key(new_chip(session), {.slot = 2, .zone = 2}, alg, random));
            }};
}

signing_case signer(std::string label, crypto::signature_algorithm alg, bool session) {
    return {.label = std::move(label),
            .make = [alg, session] { return test::value_of(stsafe::make_signing_key(new_chip(session), {}, alg)); }};
}

INSTANTIATE_TEST_SUITE_P(Stsafe, KemKeyConformance,
                         testing::Values(kem("mlkem768_p256", crypto::kem_algorithm::mlkem768_p256, false),
                                         kem("mlkem1024_p384", crypto::kem_algorithm::mlkem1024_p384, false),
                                         kem("mlkem768_p256_in_session", crypto::kem_algorithm::mlkem768_p256, true)),
                         kem_case::name);
INSTANTIATE_TEST_SUITE_P(Stsafe, SigningKeyConformance,
                         testing::Values(signer("p256", crypto::signature_algorithm::ecdsa_p256_sha256, false),
                                         signer("p384", crypto::signature_algorithm::ecdsa_p384_sha384, false),
                                         signer("p256_in_session", crypto::signature_algorithm::ecdsa_p256_sha256, true)),
                         signing_case::name);

// By name it is a program that is spoken with.
std::string in_simulator(const std::string& place) {
    static const test::stsafe_sim one;
    return "stsafe:" + place + ";device=" + one.socket();
}

INSTANTIATE_TEST_SUITE_P(Stsafe, BackendConformance,
                         testing::Values(backend_case{"in_simulator", [] { return in_simulator("slot=1"); },
                                                      [] { return in_simulator("slot=2;zone=3"); }}),
                         backend_case::name);

}  // namespace

}  // namespace berth::keystore
