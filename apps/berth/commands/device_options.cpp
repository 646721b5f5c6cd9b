#include "berth/commands/device_options.h"

#include "berth/commands/registers.h"
#include "common/files.h"

namespace berth::app {

namespace {

result<std::vector<std::pair<std::string, std::string>>> parse_credentials(const std::vector<std::string>& texts) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& text : texts) {
        const size_t equals = text.find('=');
        if (equals == std::string::npos) {
            return fail(error_category::usage, "bad_credential",
                        fmt::format("write --credential NAME=ALGORITHM or NAME=ALGORITHM@URI, not \"{}\"", text));
        }
        out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
    return out;
}

}  // namespace

void device_options::add_to(CLI::App& command) {
    command.add_option("--dir", factory, "the factory's directory")->required();
    command.add_option("--masa", masa, "the MASA's directory: its public keys go into the bundle, the device into its records")
        ->required();
    command.add_option("--passphrase-file", passphrase_file, "unlocks the factory's encrypted keys");
    const auto in = [&command](const char* group) {
        return [&command, group](const std::string& name, auto& into, const std::string& about) {
            return command.add_option(name, into, about)->group(group);
        };
    };
    const auto device = in("The device");
    device("--model", order.model, "the model's name");
    device("--firmware", order.firmware, "the firmware's version");
    device("--kem", kem, "of P3: mlkem768_p256 (default), mlkem768, mlkem1024, mlkem1024_p384");
    device("--signature", signature, "of the IDevID-signature key: p256 (default), p384, mldsa44, mldsa65, mldsa87");
    device("--credential", credentials,
           "NAME=ALGORITHM to ask the customer for (p256, mldsa65, mlkem768, mlkem768_p256), up to four; @URI behind it: "
           "where in a chip the device makes and keeps the key (without: a file). Default: device=p256, device-pq=mldsa65");
    device("--bundle-passphrase-file", bundle_passphrase_file,
           "encrypt the device's keys with this file's first line; device.toml names the file, which must be on the device too");
    const auto keys = in("Where its keys are");
    keys("--backend", backend, "where the device's keys are made and stay: software (default), tpm2, stsafe");
    keys("--p3", order.p3_uri,
         "the KEM key's URI when it is not the back end's usual one: tpm2:0x81020002;seed=p3.seed, stsafe:slot=2 (docs/keys.md)");
    keys("--p3-sig", order.p3_sig_uri, "the same of the IDevID-signature key: tpm2:0x81020000, stsafe:slot=1");
    const auto tpm = in("Of a TPM");
    tpm("--tpm-makers", tpm_makers,
        "needed for tpm2: PEM file of TPM makers' roots and CAs, the whole chain up to a self-signed root, and of their roots "
        "that "
        "you have cross-signed, repeatable: whose TPMs you believe. Nothing is issued before the TPM is proved to be theirs and "
        "to "
        "hold both keys");
    tpm("--tpm-layout", order.tpm.layout,
        "where a TPM keeps its identity and the certificate: tcg (default; Infineon and GlobalSign's as well), st33ktpm; or iak= "
        "and nv= in --p3-sig (docs/tpm.md)");
    auto* const registers =
        tpm("--seal-pcrs", order.tpm.pcrs,
            "platform registers (SHA-256 bank) to whose values of now a TPM seals the ML-KEM half, as 0,2,7; default: none")
            ->delimiter(',')
            ->check(register_number());
    tpm("--seal-approval", order.tpm.approval,
        "in place of that, so that updates are possible: what berth key approve has written of the boot state that the device is "
        "in; the ML-KEM half then opens in every state that the same approver approves of")
        ->excludes(registers);
    tpm("--quote-pcrs", order.quoted,
        "platform registers (SHA-256 bank) that a TPM quotes to registrars who ask how the device started, as 0,2,7; default: "
        "none")
        ->delimiter(',')
        ->check(register_number());
    const auto network = in("How it finds its way");
    network("--registrar", order.registrars, "host:port, repeatable; none: --discovery finds it")->check(host_and_port());
    network("--masa-address", order.masa, "host:port of the MASA's direct listener, for rendezvous and --direct")
        ->check(host_and_port());
    network("--discovery", order.discovery, "configured, dns-sd, rendezvous; repeatable");
    command.add_flag("--direct", order.direct, "KK3 over a connection of its own instead of through the registrar")
        ->group("How it finds its way");
    network("--pending-jitter-ms", order.pending_jitter_ms, "most that is waited beyond retry_after (60000)")
        ->check(CLI::Range(0, 60000));
}

result<device_order> device_options::read() const {
    device_order out = order;
    BERTH_CHECK(place_keys(out, backend));
    out.tpm.makers.assign(tpm_makers.begin(), tpm_makers.end());
    BERTH_TRY(kem_algorithm, kem_algorithm_named(kem));
    out.kem = kem_algorithm;
    BERTH_TRY(signature_algorithm, signature_algorithm_named(signature));
    out.signature = signature_algorithm;
    if (!credentials.empty()) {
        BERTH_TRY(wanted, parse_credentials(credentials));
        out.credentials = std::move(wanted);
    }
    BERTH_TRY(passphrase, read_passphrase(passphrase_file));
    out.factory_passphrase = std::move(passphrase);
    out.passphrase_file = bundle_passphrase_file;
    return out;
}

}  // namespace berth::app
