// berth firmware: verified firmware (docs/firmware.md). This file has what its commands share.
#include "berth/commands/firmware.h"

#include "base/wipe.h"
#include "common/files.h"
#include "common/prompt.h"
#include "keystore/key_uri.h"
#include "pki/private_key_file.h"

#include <charconv>

namespace berth::app {

result<jose::signing_key> open_document_signer(const std::string& key, const std::string& passphrase_file) {
    BERTH_TRY(uri, keystore::parse_key_uri(key));
    const std::string path = key.starts_with("file:") ? key.substr(5) : key;
    secret_bytes octets;
    bool elsewhere = uri.kind != keystore::key_store_kind::file;
    if (!elsewhere) {
        BERTH_TRY(all, pki::read_secret_file(path, most_file_octets));
        octets = std::move(all);
        elsewhere = as_text(octets.reveal()).starts_with("-----BEGIN");
    }
    if (elsewhere) {
        keystore::open_options how;
        BERTH_TRY(passphrase, read_passphrase(passphrase_file));
        how.passphrase = std::move(passphrase);
        how.ask_pin = ask_pin_once();
        BERTH_TRY(opened, keystore::open_signing_key(key, how));
        return jose::signing_key_of(std::move(opened));
    }
    const auto jwk = wire::parse_json_object(as_text(octets.reveal()));
    if (!jwk) {
        return fail(
            error{error_category::usage, "bad_jwk",
                  fmt::format("{} holds no JSON Web Key and no PEM: `berth jose generate --alg ML-DSA-65` makes a key", path)}
                .with("file", path));
    }
    return jose::read_signing_key(*jwk);
}

std::string document_path(const std::string& path) {
    return std::filesystem::is_directory(path) ? path + "/manifest.json" : path;
}

result<firmware::document> read_firmware_document(const std::string& path) {
    const auto file = document_path(path);
    BERTH_TRY(text, read_text(file));
    auto out = firmware::document::read(text);
    if (!out) {
        return fail(error{std::move(out).error()}.during(file).with("path", file));
    }
    return out;
}

result<std::pair<std::string, std::string>> named_value(const std::string& text, const char* option) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == text.size()) {
        return fail(error_category::usage, "bad_option", fmt::format("{} {}: it is NAME=VALUE", option, text));
    }
    return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

result<uint64_t> whole_number(const std::string& text, const char* option) {
    uint64_t out = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (failed != std::errc() || end != text.data() + text.size()) {
        return fail(error_category::usage, "bad_option", fmt::format("{}: {} is no whole number", option, text));
    }
    return out;
}

void add_firmware(CLI::App& cli, context& c) {
    auto* const group = cli.add_subcommand("firmware", "verified firmware: packed and signed, published, installed");
    group->require_subcommand(1);
    add_firmware_root(*group, c);
    add_firmware_making(*group, c);
    add_firmware_device(*group, c);
    add_firmware_rollout(*group, c);
}

}  // namespace berth::app
