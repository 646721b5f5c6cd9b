#include "stsafe-sim/sample.h"

#include "crypto/random.h"
#include "keystore/stsafe/commands/keys.h"
#include "keystore/stsafe/model/connection.h"
#include "keystore/stsafe/zone_io.h"
#include "pki/issue.h"
#include "pki/private_key_file.h"
#include "pki/profiles.h"

#include <fmt/format.h>
#include <unistd.h>

namespace berth::keystore::stsafe::model {

namespace {

constexpr const char* maker = "stsafe-sim sample";
constexpr auto algorithm = crypto::signature_algorithm::ecdsa_p256_sha256;
constexpr uint8_t identity = 0;

}  // namespace

result<void> give_sample(chip& c, const std::string& file) {
    device host(std::make_unique<direct_bus>(c));
    const auto there = read_certificate(host, identity);
    if (there || !there.error().is("stsafe_no_certificate")) {
        if (there && ::access(file.c_str(), F_OK) != 0) {
            return fail(error{error_category::usage, "sample_gone",
                              fmt::format("This chip has its identity, and its maker's certificate is not at {}: it was written "
                                          "there, or elsewhere, when the chip was new.",
                                          file)}
                            .with("path", file));
        }
        return there ? result<void>() : fail(there.error());
    }
    auto& random = crypto::system_random();
    const pki::validity always{system_clock().now() - 86'400, pki::no_expiry};
    const auto ca_key = crypto::signing_key::generate(algorithm, random);
    BERTH_TRY(ca, pki::issue_self_signed(pki::root_template(maker, "Sample maker of secure elements", always), ca_key, random));
    generate_key command;
    command.slot = identity;
    command.curve = curve_name(bytes_view(oid_p256));
    BERTH_TRY(made, host.run(command));
    BERTH_TRY(key, crypto::verification_key::from_raw(algorithm, made.public_key.octets()));
    pki::certificate_template contents;
    contents.subject.add("O", maker).add("CN", "STSAFE-A " + to_hex(c.state().uid));
    contents.not_before = always.not_before;
    contents.key_usage = pki::digital_signature;
    BERTH_TRY(certificate, pki::issue(contents, key.spki(), ca, ca_key, random));
    BERTH_CHECK(pki::write_file_atomically(file, as_bytes(ca.to_pem()), 0644));
    return write_octets(host, identity, 0, certificate.der());
}

}  // namespace berth::keystore::stsafe::model
