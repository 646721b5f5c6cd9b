// What the commands below `berth firmware` share.
#pragma once

#include "berth/commands/commands.h"
#include "firmware/document.h"
#include "jose/keys.h"

namespace berth::app {

// A private JWK's file, or a key's name (docs/keys.md).
result<jose::signing_key> open_document_signer(const std::string& key, const std::string& passphrase_file);
// `path`: a document, or a package's directory, whose manifest.json it is then.
std::string document_path(const std::string& path);
result<firmware::document> read_firmware_document(const std::string& path);
// "NAME=VALUE". Error bad_option, naming the option.
result<std::pair<std::string, std::string>> named_value(const std::string& text, const char* option);
result<uint64_t> whole_number(const std::string& text, const char* option);

void add_firmware(CLI::App& cli, context& c);
// root, pack, sign, publish, inspect, verify
void add_firmware_making(CLI::App& group, context& c);
void add_firmware_root(CLI::App& group, context& c);
// install, confirm, revert, status, boot, counter
void add_firmware_device(CLI::App& group, context& c);
// rollout
void add_firmware_rollout(CLI::App& group, context& c);

}  // namespace berth::app
