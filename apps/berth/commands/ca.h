// The commands of `berth ca` beside init and prove: making CAs, what they issue and end, and what any file of theirs says.
#pragma once

#include "berth/commands/commands.h"
#include "setup/ca_directory.h"

namespace berth::app {

// root, subordinate, request, accept, import, cross-sign, rotate
void add_ca_making(CLI::App& ca, context& c);
// issue, log
void add_ca_issuing(CLI::App& ca, context& c);
// revoke, crl, ocsp
void add_ca_ending(CLI::App& ca, context& c);
// inspect, verify
void add_ca_reading(CLI::App& ca, context& c);

// What all of them take.
struct ca_options {
    std::string dir, name, passphrase_file;
    void add_to(CLI::App& command, const char* about_name = nullptr);
    [[nodiscard]] result<ca_directory> open(store::opening how = store::opening::or_make) const;
    // The CA that was named, or the only one there is.
    [[nodiscard]] result<std::string> which(const ca_directory& in) const;
};

// One request in PEM or DER. Error `bad_pem`; of files.
result<bytes> read_request(const std::string& file);
// "key_compromise" or "key-compromise". Error `bad_arguments`, with those that there are.
result<pki::revocation_reason> reason_named(std::string name);

wire::json::object to_json(const pki::certificate& made);
void say(const context& c, const wire::json::object& what, const std::string& text);

}  // namespace berth::app
