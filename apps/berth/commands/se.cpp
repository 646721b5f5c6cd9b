// berth se: what an STSAFE-A does beside keeping keys.
#include "berth/commands/se.h"

#include "common/files.h"
#include "keystore/stsafe/entity.h"
#include "keystore/stsafe/password.h"
#include "wire/pem.h"

namespace berth::app {

namespace st = keystore::stsafe;

result<opened_element> opened_element::open(const element_options& o) {
    BERTH_TRY(uri, keystore::parse_key_uri(o.chip));
    if (uri.kind != keystore::key_store_kind::stsafe) {
        return fail(error{error_category::usage, "bad_key_uri",
                          fmt::format("\"{}\" names no STSAFE-A: stsafe:device=/dev/i2c-1[;host-key=FILE]", o.chip)}
                        .with("uri", o.chip));
    }
    BERTH_TRY(name, st::parse_chip_name(uri.rest));
    BERTH_TRY(password, read_passphrase(o.password_file));
    BERTH_TRY(chip, st::open_chip(name, {}));
    opened_element out(std::move(chip), name.place);
    if (password) {
        BERTH_CHECK(st::show_password(out.chip(), *password, o.last_try));
        out.shown_ = true;
    }
    if (!o.entity.empty()) {
        BERTH_TRY(passphrase, read_passphrase(o.entity_passphrase_file));
        keystore::open_options how;
        how.passphrase = std::move(passphrase);
        BERTH_TRY(key, keystore::open_signing_key(o.entity, how));
        out.shown_ = true;
        BERTH_CHECK(st::prove_entity(out.chip(), *key));
    }
    return out;
}

opened_element::opened_element(opened_element&& other) noexcept
    : chip_(std::move(other.chip_)), place_(other.place_), shown_(std::exchange(other.shown_, false)) {}

opened_element::~opened_element() {
    if (shown_) {
        static_cast<void>(st::forget_password(*chip_));
    }
}

void add_chip(CLI::App& command, element_options& o) {
    command
        .add_option("--chip", o.chip,
                    "stsafe:device=/dev/i2c-1[;slot=0][;zone=0][;host-key=FILE], or the socket of stsafe-sim as device "
                    "(docs/stsafe.md); default /dev/i2c-1")
        ->type_name("URI");
}

void add_password(CLI::App& command, element_options& o) {
    command.add_option("--password-file", o.password_file,
                       "its first line is the chip's password, which is shown to it first, and forgotten by it at the end");
    command.add_flag("--last-try", o.last_try, "show it even if one wrong one more blocks it for ever");
}

void add_entity(CLI::App& command, element_options& o) {
    command
        .add_option(
            "--entity", o.entity,
            "the key of an entity that the chip knows (`berth se entity trust`): it signs the chip's challenge first, for zones "
            "that are for an entity, and the chip forgets it at the end")
        ->type_name("KEY");
    command.add_option("--entity-passphrase-file", o.entity_passphrase_file,
                       "its first line is the passphrase of --entity's file, or the PIN of its token");
}

result<crypto::verification_key> read_public_key(const std::string& file) {
    const auto read = [&]() -> result<crypto::verification_key> {
        BERTH_TRY(text, read_text(file));
        if (text.find("BEGIN CERTIFICATE") != std::string::npos) {
            BERTH_TRY(certificate, read_certificate(file));
            return certificate.verification_key();
        }
        BERTH_TRY(blocks, wire::from_pem(text));
        if (blocks.size() != 1 || blocks.front().label != "PUBLIC KEY") {
            return fail(error_category::usage, "bad_pem", "it holds neither one public key nor a certificate in PEM");
        }
        return crypto::verification_key::from_spki(blocks.front().der.reveal());
    };
    auto key = read();
    if (!key) {
        error e = std::move(key).error().during(file);
        e.category = e.category == error_category::environment ? e.category : error_category::usage;
        return fail(std::move(e));
    }
    return key;
}

void add_se(CLI::App& cli, context& c) {
    auto* const group = cli.add_subcommand("se", "an STSAFE-A secure element: authenticate it, store credentials, count use, "
                                                 "verify firmware, know entities, set its host key");
    group->require_subcommand(1);
    add_se_authenticate(*group, c);
    add_se_store(*group, c);
    add_se_counter(*group, c);
    add_se_password(*group, c);
    add_se_firmware(*group, c);
    add_se_entity(*group, c);
    add_se_host_key(*group, c);
}

}  // namespace berth::app
