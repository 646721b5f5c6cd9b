// berth key approve | admit: boot states in which a TPM gives back what was sealed for whoever approves of them.
#include "berth/commands/key_approval.h"
#include "berth/commands/registers.h"
#include "common/files.h"
#include "common/prompt.h"
#include "common/words.h"
#include "keystore/key_uri.h"
#include "keystore/tpm2/attest.h"
#include "keystore/tpm2/keys.h"
#include "keystore/tpm2/sealed_file.h"
#include "setup/unit_keys.h"

#include <charconv>
#include <set>

namespace berth::app {

namespace {

namespace tpm2 = keystore::tpm2;

struct approve_options {
    std::string signer, passphrase_file, purpose, tcti, out;
    std::vector<std::string> values;
    std::vector<uint8_t> registers;
};

// "7=HEX"
result<std::pair<uint8_t, bytes>> parse_register(const std::string& text) {
    const size_t equals = text.find('=');
    uint8_t number = 0;
    const char* const end = text.data() + std::min(equals, text.size());
    const auto parsed = std::from_chars(text.data(), end, number);
    const bool numbered = parsed.ec == std::errc() && parsed.ptr == end && number <= 23;
    const auto value = equals == std::string::npos ? result<bytes>(bytes{}) : from_hex(text.substr(equals + 1));
    if (!numbered || !value || value->size() != crypto::hash_size(crypto::hash_algorithm::sha256)) {
        return fail(
            error_category::usage, "bad_register",
            fmt::format("write --pcr N=VALUE, N being 0 to 23 and the value 64 hexadecimal digits (SHA-256 bank), not \"{}\"",
                        text));
    }
    return std::pair(number, *value);
}

result<attestation::pcr_values> registers_of(const approve_options& o) {
    attestation::pcr_values out;
    for (const auto& text : o.values) {
        BERTH_TRY(one, parse_register(text));
        out[one.first] = std::move(one.second);
    }
    if (!o.registers.empty()) {
        const std::set<uint8_t> which(o.registers.begin(), o.registers.end());
        BERTH_TRY(in, tpm2::device::shared(o.tcti));
        BERTH_TRY(now, tpm2::read_registers(in, {attestation::tpm_alg::sha256, {which.begin(), which.end()}}));
        out.merge(now);
    }
    warn_of_unmeasured(out);
    if (out.empty()) {
        return fail(error_category::usage, "missing_option",
                    "--pcr (values that you know) or --pcrs (as they are in this machine) is needed: which boot state is it?");
    }
    return out;
}

result<void> approve(const context& c, const approve_options& o) {
    BERTH_TRY(values, registers_of(o));
    keystore::open_options how;
    BERTH_TRY(passphrase, read_passphrase(o.passphrase_file));
    how.passphrase = std::move(passphrase);
    how.ask_pin = ask_pin_once();
    BERTH_TRY(signer, keystore::open_signing_key(o.signer, how));
    attestation::pcr_selection selection;
    wire::json::object told;
    for (const auto& [number, value] : values) {
        selection.registers.push_back(number);
        told[std::to_string(number)] = to_hex(value);
    }
    BERTH_TRY(approval, attestation::approve_pcrs(signer->as_signing_key(), selection, values, as_bytes(o.purpose)));
    BERTH_CHECK(write_text(o.out, tpm2::approval_to_pem(approval)));
    if (c.json) {
        print_json(wire::json::object{{"approval", o.out}, {"for", o.purpose}, {"pcrs", std::move(told)}});
        return {};
    }
    for (const auto& [number, value] : told) {
        fmt::print("register {:<3} {}\n", std::string(number), std::string(value.as_string()));
    }
    // In a device's bundle; the name has a semicolon.
    fmt::print("Approved for \"{}\": {}. Next, on the device: berth key admit \"tpm2:0x81020002;seed=p3.seed\" --approval {}\n",
               o.purpose, o.out, shell_word(o.out));
    return {};
}

result<void> admit(const context& c, const std::string& uri, const std::string& approval_file) {
    BERTH_TRY(name, tpm2::key_name_of(uri));
    if (name.seed.empty()) {
        return fail(error_category::usage, "bad_key_uri",
                    "an approval is for the sealed half of a KEM key in a TPM: tpm2:HANDLE;seed=FILE");
    }
    BERTH_TRY(text, read_text(name.seed));
    auto file = tpm2::sealed_file::from_pem(text);
    if (!file) {
        return fail(std::move(file).error().during(name.seed).with("path", name.seed));
    }
    BERTH_TRY(approval, read_approval(approval_file));
    BERTH_CHECK(file->admit(std::move(approval)));
    BERTH_CHECK(write_text(name.seed, file->to_pem(), 0600));
    if (c.json) {
        print_json(wire::json::object{{"file", name.seed}, {"states", 1 + file->further.size()}});
    } else {
        fmt::print("{} opens in {} approved boot state{}.\n", name.seed, 1 + file->further.size(),
                   file->further.empty() ? "" : "s");
    }
    return {};
}

}  // namespace

void add_key_approval(CLI::App& group, context& c) {
    const auto o = std::make_shared<approve_options>();
    auto* const command = group.add_subcommand(
        "approve", "for keys in a TPM alone: approve of a boot state, in which what was sealed for this signer opens");
    command->add_option("SIGNER", o->signer, "the approver's key, p256 or p384, by its name (docs/keys.md)")->required();
    command->add_option("--passphrase-file", o->passphrase_file, "unlocks the key's file, or its first line is a token's PIN");
    command->add_option("--for", o->purpose, "what is approved, a model's name say, as it was when the seed was sealed")
        ->required()
        ->check(CLI::Validator(
            [](const std::string& text) {
                return text.empty() || text.size() > 64 ? std::string("--for has 1 to 64 characters") : std::string();
            },
            ""));
    command->add_option("--pcr", o->values,
                        "N=VALUE, a platform register's value in hexadecimal (SHA-256 bank); may be repeated");
    command->add_option("--pcrs", o->registers, "registers whose values are those of this machine now, as 0,2,7")
        ->delimiter(',')
        ->check(register_number());
    command->add_option("--tcti", o->tcti, "this machine's TPM for --pcrs (default: as tpm2: names have it)");
    command->add_option("--out", o->out, "where the approval goes to")->required();
    command->callback([o, &c] { c.run([&] { return approve(c, *o); }); });

    struct admit_options {
        std::string uri, approval;
    };
    const auto a = std::make_shared<admit_options>();
    auto* const admitted = group.add_subcommand(
        "admit", "for keys in a TPM alone, on the device: take an approval; the key opens in one more boot state");
    admitted->add_option("URI", a->uri, "tpm2:HANDLE;seed=FILE")->required();
    admitted->add_option("--approval", a->approval, "what berth key approve has written")->required();
    admitted->callback([a, &c] { c.run([&] { return admit(c, a->uri, a->approval); }); });
}

}  // namespace berth::app
