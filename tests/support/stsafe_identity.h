// Chips with an identity, as a maker leaves them: a key in slot 0, its certificate in zone 0.
#pragma once

#include "keystore/stsafe/commands/keys.h"
#include "keystore/stsafe/zone_io.h"
#include "support/test_pki.h"

namespace berth::test {

inline constexpr auto chip_key_algorithm = crypto::signature_algorithm::ecdsa_p256_sha256;

inline authority make_chip_maker(const std::string& name, pki::validity v = usual) {
    return make_root(name, chip_key_algorithm, v);
}

// For programs, whose clock is the machine's.
inline pki::validity these_days() {
    const unix_seconds now = system_clock().now();
    return {now - day, now + 30 * day};
}

inline pki::certificate certificate_for(const authority& maker, const std::string& name, bytes_view spki,
                                        pki::validity v = usual) {
    pki::certificate_template contents;
    contents.subject.add("O", "Test").add("CN", name);
    contents.not_before = v.not_before;
    contents.not_after = v.not_after;
    contents.key_usage = pki::digital_signature;
    return issue(maker, contents, spki);
}

// Makes the key, and writes the certificate.
inline pki::certificate give_identity(keystore::stsafe::device& chip, const authority& maker, const std::string& name,
                                      pki::validity v = usual) {
    namespace st = keystore::stsafe;
    st::generate_key command;
    command.slot = 0;
    command.curve = st::curve_name(bytes_view(st::oid_p256));
    const auto made = value_of(chip.run(command));
    const auto key = value_of(crypto::verification_key::from_raw(chip_key_algorithm, made.public_key.octets()));
    const auto certificate = certificate_for(maker, name, key.spki(), v);
    EXPECT_TRUE(st::write_octets(chip, 0, 0, certificate.der()));
    return certificate;
}

}  // namespace berth::test
