#include "berth/commands/demo_keys.h"

#include "common/files.h"
#include "common/process.h"
#include "common/words.h"
#include "keystore/key_uri.h"

namespace berth::app {

namespace fs = std::filesystem;

namespace {

// The name of the key that is kept as BASE.uri, or in the file BASE.EXTENSION.
result<keystore::key_uri> name_of_key(const fs::path& bundle, const std::string& base, const std::string& extension) {
    BERTH_TRY(elsewhere, is_there(bundle / (base + ".uri")));
    if (!elsewhere) {
        return keystore::parse_key_uri("file:" + base + extension);
    }
    BERTH_TRY(text, read_text(bundle / (base + ".uri")));
    return keystore::parse_key_uri(text.substr(0, text.find('\n')));
}

// Where in its holder: a path, a handle, a slot.
std::string place_in(const keystore::key_uri& name) {
    const std::string first = name.rest.substr(0, name.rest.find(';'));
    return name.kind == keystore::key_store_kind::stsafe ? first.substr(first.find('=') + 1) : first;
}

std::string_view kind_of_place(keystore::key_store_kind kind) {
    switch (kind) {
    case keystore::key_store_kind::tpm2: return "TPM handle";
    case keystore::key_store_kind::stsafe: return "STSAFE slot";
    case keystore::key_store_kind::pkcs11: return "token's object";
    default: return "file";
    }
}

std::string seed_of(const keystore::key_uri& name) {
    constexpr std::string_view part = ";seed=";
    const size_t at = name.rest.find(part);
    if (name.kind != keystore::key_store_kind::tpm2 || at == std::string::npos) {
        return "";
    }
    const std::string file = name.rest.substr(at + part.size());
    return fmt::format(" (seed sealed in {})", file.substr(0, file.find(';')));
}

result<held_key> ask_holder(const fs::path& bundle, const std::string& name, const fs::path& certificate,
                            const keystore::key_uri& key) {
    BERTH_TRY(chain, read_chain(bundle / certificate));
    const pki::certificate& leaf = chain.front();
    const keystore::open_options how{bundle.string(), {}};
    held_key out{name, "", fmt::format("{} {}{}", kind_of_place(key.kind), place_in(key), seed_of(key)), "", false};
    const auto said = [&](const auto& holder) -> result<held_key> {
        if (!same_octets(holder.public_key().spki(), leaf.spki())) {
            return fail(error_category::internal, "key_mismatch",
                        fmt::format("{} has another key than {} is for", out.place, (bundle / certificate).string()));
        }
        out.algorithm = name_of(holder.algorithm());
        out.backend = holder.able().backend;
        out.exportable = holder.able().exportable;
        return std::move(out);
    };
    if (leaf.kem_key()) {
        BERTH_TRY(holder, keystore::open_kem_key(key.text(), how));
        return said(*holder);
    }
    BERTH_TRY(holder, keystore::open_signing_key(key.text(), how));
    return said(*holder);
}

}  // namespace

result<std::string> where_identity_lives(const fs::path& bundle) {
    BERTH_TRY(p3, name_of_key(bundle, "p3", ".pem"));
    BERTH_TRY(p3_sig, name_of_key(bundle, "p3-sig", ".pem"));
    return fmt::format("{}s {}, {}", kind_of_place(p3.kind), place_in(p3), place_in(p3_sig));
}

result<std::vector<held_key>> ask_holders(const fs::path& bundle) {
    std::vector<held_key> out;
    for (const auto& [name, certificate] : {std::pair("p3", "z3.pem"), std::pair("p3-sig", "z3-sig.pem")}) {
        BERTH_TRY(key, name_of_key(bundle, name, ".pem"));
        BERTH_TRY(held, ask_holder(bundle, name, certificate, key));
        out.push_back(std::move(held));
    }
    std::vector<std::string> operational;
    std::error_code ec;
    for (fs::directory_iterator entry(bundle / "installed", ec); !ec && entry != fs::directory_iterator(); entry.increment(ec)) {
        const fs::path& file = entry->path();
        if (file.extension() == ".pem" && file.stem() != "domain-root") {
            operational.push_back(file.stem().string());
        }
    }
    std::sort(operational.begin(), operational.end());
    for (const auto& name : operational) {
        BERTH_TRY(key, name_of_key(bundle, "installed/" + name, ".key"));
        BERTH_TRY(held, ask_holder(bundle, name, fs::path("installed") / (name + ".pem"), key));
        out.push_back(std::move(held));
    }
    return out;
}

std::string grep_for_private_keys(const std::vector<fs::path>& directories) {
    std::string out = "grep -rl \"PRIVATE KEY\"";
    for (const auto& directory : directories) {
        out += " " + shell_word(directory.string());
    }
    return out;
}

result<std::vector<std::string>> run_grep(const std::string& command) {
    BERTH_TRY(grep, child_process::start("/bin/sh", {"-c", command}));
    while (!grep.ended()) {
        poll_children({&grep}, 100);
    }
    // 0: found, 1: not found. Everything else is no answer.
    const auto found = grep.take_output_lines();
    const int code = grep.exit_code().value_or(-1);
    if (code != (found.empty() ? 1 : 0)) {
        return fail(error_category::environment, "grep_failed",
                    fmt::format("{}: exit code {}, {}", command, code, fmt::join(grep.take_error_lines(), "; ")));
    }
    return found;
}

}  // namespace berth::app
