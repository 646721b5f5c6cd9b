// berth se firmware: whether an image is signed by whom the chip trusts. For hooks at boot and at update: exit code 0, and 0
// alone, says that it is.
#include "berth/commands/se.h"
#include "common/files.h"
#include "crypto/hash.h"
#include "keystore/stsafe/firmware.h"
#include "pki/private_key_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace berth::app {

namespace {

namespace st = keystore::stsafe;

constexpr size_t most_signature = 4096;

struct firmware_options {
    element_options element;
    std::string image, signature, from;
    uint8_t key = 0;
    bool for_ever = false;
};

// Of a file of any size, or of standard input ("-").
result<crypto::digest> digest_of(const std::string& image, crypto::hash_algorithm alg) {
    struct closing {
        void operator()(std::FILE* f) const {
            if (f != stdin) {
                std::fclose(f);
            }
        }
    };
    const std::unique_ptr<std::FILE, closing> in(image == "-" ? stdin : std::fopen(image.c_str(), "rbe"));
    const auto failed = [&](const char* name) {
        return fail(error{error_category::environment, name, fmt::format("cannot read {}: {}", image, std::strerror(errno))}.with(
            "path", image));
    };
    if (!in) {
        return failed(errno == ENOENT ? "file_not_found" : "file_error");
    }
    crypto::hasher all(alg);
    std::vector<uint8_t> some(64 * 1024);
    for (size_t got = 0; (got = std::fread(some.data(), 1, some.size(), in.get())) > 0;) {
        all.update(bytes_view(some).first(got));
    }
    if (std::ferror(in.get()) != 0) {
        return failed("file_error");
    }
    return all.finish();
}

result<void> verify(const context& c, const firmware_options& o) {
    BERTH_TRY(element, opened_element::open(o.element));
    BERTH_TRY(key, st::trusted_key(element.chip(), o.key));
    const bool p256 = key.algorithm() == crypto::signature_algorithm::ecdsa_p256_sha256;
    BERTH_TRY(digest, digest_of(o.image, p256 ? crypto::hash_algorithm::sha256 : crypto::hash_algorithm::sha384));
    BERTH_TRY(signature, pki::read_file(o.signature, most_signature));
    BERTH_CHECK(st::verify_in_chip(element.chip(), key, digest.view(), signature));
    if (c.json) {
        print_json(wire::json::object{{"valid", true},
                                      {"image", o.image},
                                      {"digest", to_hex(digest.view())},
                                      {"key", o.key},
                                      {"key_sha256", to_hex(key.spki_sha256())}});
    } else {
        fmt::print("{} is signed by the key in zone {}, says the chip ({} {}).\n", o.image, o.key, p256 ? "SHA-256" : "SHA-384",
                   to_hex(digest.view()));
    }
    return {};
}

result<void> trust(const context& c, const firmware_options& o) {
    BERTH_TRY(key, read_public_key(o.from));
    BERTH_TRY(element, opened_element::open(o.element));
    BERTH_CHECK(st::trust_key(element.chip(), o.key, key, o.for_ever));
    if (c.json) {
        print_json(wire::json::object{{"key", o.key}, {"key_sha256", to_hex(key.spki_sha256())}, {"for_ever", o.for_ever}});
    } else {
        fmt::print("The chip verifies with the key in zone {}{}.\n", o.key, o.for_ever ? ", for ever" : "");
    }
    return {};
}

}  // namespace

void add_se_firmware(CLI::App& group, context& c) {
    auto* const firmware = group.add_subcommand("firmware", "signatures over firmware, verified by the chip");
    firmware->require_subcommand(1);
    const auto o = std::make_shared<firmware_options>();
    const auto add = [&](const char* name, const char* about, result<void> (*work)(const context&, const firmware_options&)) {
        auto* const command = firmware->add_subcommand(name, about);
        add_chip(*command, o->element);
        add_password(*command, o->element);
        command->callback([o, &c, work] { c.run([&] { return work(c, *o); }); });
        return command;
    };
    auto* const verifying = add("verify", "exit with 0 if the signature is right, and with another code otherwise", verify);
    verifying->add_option("--image", o->image, "what is signed; - is standard input")->type_name("FILE")->required();
    verifying->add_option("--signature", o->signature, "ECDSA over its SHA-256 (P-256) or SHA-384 (P-384): DER, or r || s")
        ->type_name("FILE")
        ->required();
    verifying->add_option("--key", o->key, "of the zone with the signer's key, which `berth se firmware trust` put there")
        ->type_name("SLOT")
        ->required();
    auto* const trusting = add("trust", "put a signer's public key into a zone of the chip", trust);
    trusting->add_option("--key", o->key, "of an empty zone")->type_name("SLOT")->required();
    trusting->add_option("--from", o->from, "the public key, or a certificate of it (PEM)")->type_name("FILE")->required();
    trusting->add_flag("--for-ever", o->for_ever, "nobody can put another key there, ever");
}

}  // namespace berth::app
