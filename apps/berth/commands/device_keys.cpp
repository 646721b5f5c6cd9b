#include "berth/commands/device_keys.h"

#include "berth/commands/registers.h"
#include "common/files.h"
#include "common/words.h"
#include "keystore/operations.h"
#include "keystore/tpm2/keys.h"
#include "pki/private_key_file.h"

#include <set>

namespace berth::app {

namespace {

namespace fs = std::filesystem;
namespace tpm2 = keystore::tpm2;

// As a bundle names it: without the directory that the bundle is in.
std::string within(const fs::path& bundle, const std::string& uri) {
    const std::string file = "file:" + bundle.string() + "/";
    return uri.starts_with(file) ? "file:" + uri.substr(file.size()) : uri;
}

// When the TPM gives the seed back.
void describe_condition(const tpm2::sealed_file& sealed, device_key& out) {
    wire::json::object& told = out.conditions;
    const auto list = [](const std::vector<uint8_t>& registers) { return wire::json::array(registers.begin(), registers.end()); };
    if (const auto* const registers = std::get_if<attestation::pcr_selection>(&sealed.condition)) {
        told = {{"sealed_to", "registers"}, {"pcrs", list(registers->registers)}};
        out.remark += fmt::format(", sealed to platform registers {} as they were", register_list(registers->registers));
    } else if (const auto* const approval = std::get_if<attestation::policy_approval>(&sealed.condition)) {
        const size_t states = 1 + sealed.further.size();
        told = {{"sealed_to", "approvals"},
                {"for", std::string(as_text(approval->policy_ref))},
                {"states", states},
                {"pcrs", list(approval->selection.registers)}};
        out.remark += fmt::format(", sealed for what is approved for \"{}\" ({} boot state{} so far, of registers {})",
                                  as_text(approval->policy_ref), states, states == 1 ? "" : "s",
                                  register_list(approval->selection.registers));
    } else {
        told = {{"sealed_to", "tpm"}};
        out.remark += ", sealed to the TPM in whatever boot state";
    }
}

result<device_key> kem_key_of(const device_bundle& bundle) {
    BERTH_TRY(pub, bundle.z3.front().kem_key());
    device_key out{"p3", std::string(name_of(pub.algorithm())), within(bundle.directory, bundle.p3_uri), {}, {}};
    BERTH_TRY(parsed, keystore::parse_key_uri(bundle.p3_uri));
    if (parsed.kind == keystore::key_store_kind::file) {
        return out;
    }
    BERTH_TRY(able, keystore::abilities_of(bundle.p3_uri));
    out.remark = fmt::format("elliptic half in the chip ({}), ML-KEM seed", able.name);
    if (parsed.kind != keystore::key_store_kind::tpm2) {
        out.remark += " sealed to it";
        return out;
    }
    BERTH_TRY(name, tpm2::parse_key_name(parsed.rest));
    out.remark += " in " + name.seed;
    const fs::path file = bundle.directory / name.seed;
    const auto text = read_text(file);
    const auto sealed = text ? tpm2::sealed_file::from_pem(*text) : result<tpm2::sealed_file>(fail(text.error()));
    if (sealed) {
        describe_condition(*sealed, out);
    } else {
        out.remark += fmt::format(" (which does not read: {})", sealed.error().message);
    }
    return out;
}

result<std::string> identity_uri(const device_bundle& bundle) {
    BERTH_TRY(in_file, is_there(bundle.directory / "p3-sig.pem"));
    if (in_file) {
        return std::string("file:p3-sig.pem");
    }
    BERTH_TRY(named, is_there(bundle.directory / "p3-sig.uri"));
    if (!named) {
        return std::string();
    }
    BERTH_TRY(text, read_text(bundle.directory / "p3-sig.uri"));
    return text.substr(0, text.find('\n'));
}

result<std::string> algorithm_in(const fs::path& certificate) {
    BERTH_TRY(leaf, read_certificate(certificate));
    BERTH_TRY(key, leaf.verification_key());
    return std::string(name_of(key.algorithm()));
}

result<void> add_identity(const device_bundle& bundle, std::vector<device_key>& out) {
    BERTH_TRY(there, is_there(bundle.directory / "z3-sig.pem"));
    BERTH_TRY(uri, identity_uri(bundle));
    if (!there || uri.empty()) {
        return {};
    }
    BERTH_TRY(algorithm, algorithm_in(bundle.directory / "z3-sig.pem"));
    out.push_back({"p3-sig", algorithm, uri, {}, {}});
    BERTH_TRY(attests, is_there(bundle.directory / "z3-iak.pem"));
    const auto name = tpm2::key_name_of(uri);
    if (!attests || !name) {
        return {};
    }
    BERTH_TRY(of_iak, algorithm_in(bundle.directory / "z3-iak.pem"));
    out.push_back(
        {"iak",
         of_iak,
         "tpm2:" + tpm2::handle_text(name->at.iak) + (name->tcti.empty() ? "" : ";tcti=" + name->tcti),
         bundle.quoted.empty() ? "quotes nothing to registrars" : "quotes platform registers " + register_list(bundle.quoted),
         {}});
    return {};
}

}  // namespace

result<std::vector<device_key>> keys_of(const device_bundle& bundle) {
    BERTH_TRY(kem, kem_key_of(bundle));
    std::vector<device_key> out{std::move(kem)};
    BERTH_CHECK(add_identity(bundle, out));
    for (const auto& wanted : bundle.credentials) {
        const std::string file = "installed/" + wanted.name + ".key";
        BERTH_TRY(in_file, is_there(bundle.directory / file));
        BERTH_TRY(in_chip, is_there(bundle.directory / "installed" / (wanted.name + ".uri")));
        device_key key{wanted.name,
                       wanted.algorithm,
                       wanted.key.empty() ? "file:" + file : wanted.key,
                       in_file || in_chip ? "" : "made when the device is onboarded",
                       {}};
        key.credential = true;
        out.push_back(std::move(key));
    }
    return out;
}

wire::json::array to_json(const std::vector<device_key>& keys) {
    wire::json::array out;
    for (const auto& key : keys) {
        wire::json::object one{{"name", key.name},
                               {"of", key.credential ? "customer" : "maker"},
                               {"algorithm", key.algorithm},
                               {"key", key.uri},
                               {"remark", key.remark}};
        for (const auto& [name, value] : key.conditions) {
            one[name] = value;
        }
        out.push_back(std::move(one));
    }
    return out;
}

std::string to_text(const std::vector<device_key>& keys) {
    std::string out;
    for (const auto& key : keys) {
        // Of device.toml, certificates and sealed files: whoever wrote these has not the terminal as well.
        out += fmt::format("  {:<22} {:<18} {}{}{}\n", one_line(key.credential ? "credential " + key.name : key.name),
                           one_line(key.algorithm), one_line(key.uri), key.remark.empty() ? "" : ", ", one_line(key.remark));
    }
    return out;
}

}  // namespace berth::app
